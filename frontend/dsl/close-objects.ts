import type { JsonSchema } from '../ir/node.js'

type Keywords = Readonly<Record<string, unknown>>

/** Keywords that put a second schema on the same value, or that ask for what a schema does not allow. */
const MORE_ON_ONE_VALUE = [
  'allOf',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'dependentSchemas',
  'dependencies',
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
]
/** Keywords that say nothing of the values, or hold schemas for elsewhere. */
const SILENT = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
])
const DEFINITION = /^#\/(?:\$defs|definitions)\/[^/]+$/

/**
 * `additionalProperties: false` wherever an object lists its properties and does not say, as long as nothing else has a
 * say on that object. To a validator a further key does no harm; a model that may invent keys will. What comes out
 * allows a part of what went in and, if that allowed anything, something.
 */
export function closeObjects(whole: JsonSchema): JsonSchema {
  if (!isKeywords(whole)) return whole
  const shared = findShared(whole)
  return shared === null ? whole : (new Closing(whole, shared).close(whole) as JsonSchema)
}

/** Definitions that may not be closed, since more than one schema speaks where they are used; null: none of it may. */
function findShared(root: Keywords): ReadonlySet<string> | null {
  const shared = new Set<string>()
  for (;;) {
    const before = shared.size
    const walk = new Closing(root, shared)
    walk.close(root)
    const all = Object.values(root).flatMap(referencesIn)
    if (typeof root.$ref === 'string') all.push({ node: root, target: root.$ref })
    if (all.some(({ target }) => target !== '#' && !DEFINITION.test(target))) return null
    for (const { node, target } of all) if (!walk.alone.has(node)) shared.add(target)
    if (shared.has('#')) return null
    if (shared.size === before) return shared
  }
}

/** One walk over the places where a single schema speaks. */
class Closing {
  /** Schemas that were come by as the only ones at their place. */
  readonly alone = new Set<object>()
  readonly #root: Keywords
  readonly #shared: ReadonlySet<string>

  constructor(root: Keywords, shared: ReadonlySet<string>) {
    this.#root = root
    this.#shared = shared
  }

  /** The schema with its objects closed; as it is where others may speak at the same place. */
  close(schema: unknown): unknown {
    if (!isKeywords(schema) || MORE_ON_ONE_VALUE.some(keyword => keyword in schema)) return this.#definitions(schema)
    const assertions = Object.keys(schema).filter(keyword => !SILENT.has(keyword))
    if ('$ref' in schema) {
      if (assertions.length === 1) this.alone.add(schema)
      return this.#definitions(schema)
    }
    this.alone.add(schema)
    const alternatives = 'anyOf' in schema ? 'anyOf' : 'oneOf' in schema ? 'oneOf' : null
    if (alternatives !== null) {
      const others = assertions.filter(keyword => keyword !== alternatives && keyword !== 'type')
      const branches = schema[alternatives]
      // Where branches overlap, a value of two of them is none of `oneOf`; closed, it could be one of one.
      const isSafe =
        others.length === 0 && Array.isArray(branches) && (alternatives === 'anyOf' || this.#areApart(branches))
      const closed = isSafe ? { ...schema, [alternatives]: branches.map(branch => this.close(branch)) } : schema
      return this.#definitions(closed)
    }
    return this.#definitions(this.#closeObject(this.#closeItems(schema)))
  }

  /** Whether no value is of two branches: other types, or a required property with other values in each. */
  #areApart(branches: readonly unknown[]): boolean {
    const schemas = branches.map(branch => this.#resolve(branch)).filter(isKeywords)
    if (schemas.length < branches.length) return false
    const types = schemas.map(({ type }) => type)
    if (types.every(type => typeof type === 'string') && areDistinct(types) && !areNumbers(types)) return true
    const tags = Object.keys(isKeywords(schemas[0]?.properties) ? schemas[0].properties : {})
    return tags.some(tag => {
      const values = schemas.map(schema => tagValues(schema, tag))
      return values.every(list => list !== null) && areDistinct(values.flat())
    })
  }

  /** The definition that a bare reference leads to; anything else as it is. */
  #resolve(schema: unknown): unknown {
    if (!isKeywords(schema) || typeof schema.$ref !== 'string' || !DEFINITION.test(schema.$ref)) return schema
    const [, keyword, name] = schema.$ref.split('/')
    const definitions = this.#root[keyword!]
    return isKeywords(definitions) ? definitions[name!] : undefined
  }

  #closeItems(schema: Keywords): Keywords {
    const { items, prefixItems } = schema
    return {
      ...schema,
      ...(items !== undefined && {
        items: Array.isArray(items) ? items.map(item => this.close(item)) : this.close(items),
      }),
      ...(Array.isArray(prefixItems) && { prefixItems: prefixItems.map(item => this.close(item)) }),
    }
  }

  #closeObject(schema: Keywords): Keywords {
    const { properties, additionalProperties, required, minProperties } = schema
    // A key may match a pattern as well as being listed.
    if ('patternProperties' in schema) return schema
    const further = additionalProperties === undefined ? {} : { additionalProperties: this.close(additionalProperties) }
    if (!isKeywords(properties)) return { ...schema, ...further }
    const closed = { ...schema, ...further, properties: mapValues(properties, each => this.close(each)) }
    const names = Object.keys(properties)
    const isFull = typeof minProperties === 'number' && minProperties > names.length
    const lacks = Array.isArray(required) && required.some(name => !Object.hasOwn(properties, String(name)))
    const mayNeedMore = isFull || lacks || ['const', 'enum', 'dependentRequired'].some(keyword => keyword in schema)
    return additionalProperties !== undefined || mayNeedMore ? closed : { ...closed, additionalProperties: false }
  }

  #definitions(schema: unknown): unknown {
    if (!isKeywords(schema)) return schema
    const maps = (['$defs', 'definitions'] as const).filter(keyword => isKeywords(schema[keyword]))
    const closed = maps.map(keyword => {
      const close = (each: unknown, name: string) =>
        this.#shared.has(`#/${keyword}/${name}`) ? each : this.close(each)
      return [keyword, mapValues(schema[keyword] as Keywords, close)]
    })
    return maps.length === 0 ? schema : { ...schema, ...Object.fromEntries(closed) }
  }
}

/** The texts that an object must have under a key; null where it may have others or none. */
function tagValues({ type, properties, required }: Keywords, tag: string): readonly string[] | null {
  const value = isKeywords(properties) ? properties[tag] : undefined
  if (type !== 'object' || !isKeywords(value) || !Array.isArray(required) || !required.includes(tag)) return null
  const values = 'const' in value ? [value.const] : Array.isArray(value.enum) ? value.enum : null
  return values?.every(each => typeof each === 'string') ? [...new Set(values)] : null
}

/** Every schema with a reference, and where it leads; '?' for what is not followed: dynamic ones, and schemas with a base of their own. */
function referencesIn(value: unknown): { readonly node: object; readonly target: string }[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn)
  if (!isKeywords(value)) return []
  const isApart = '$dynamicRef' in value || typeof value.$id === 'string'
  const target = isApart ? '?' : typeof value.$ref === 'string' ? value.$ref : null
  const inner = Object.values(value).flatMap(referencesIn)
  return target === null ? inner : [{ node: value, target }, ...inner]
}

function areDistinct(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length
}

function areNumbers(types: readonly unknown[]): boolean {
  return types.includes('integer') && types.includes('number')
}

function mapValues(map: Keywords, change: (value: unknown, name: string) => unknown): Keywords {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value, name)]))
}

function isKeywords(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
