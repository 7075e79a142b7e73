import { invalidSchema, pointerTo, tooComplex } from './issues.js'

export type SchemaObject = Readonly<Record<string, unknown>>

/** One schema resource: the root, or a subschema with an `$id` of its own. */
export interface Resource {
  readonly uri: string
  readonly root: SchemaNode
  readonly anchors: Map<string, SchemaNode>
  readonly dynamicAnchors: Map<string, SchemaNode>
}

/** One place of the schema document that holds a schema. */
export interface SchemaNode {
  readonly id: number
  readonly schema: boolean | SchemaObject
  /** JSON pointer from the document's root. */
  readonly pointer: string
  readonly resource: Resource
}

/** Keywords whose value is a schema, a list of schemas, or an object of schemas, over all drafts. */
export const SCHEMA_KEYWORDS = new Set([
  'additionalItems',
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
])
export const SCHEMA_LIST_KEYWORDS = new Set(['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems'])
export const SCHEMA_MAP_KEYWORDS = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
])

const MAX_NODES = 50_000
const MAX_DEPTH = 256
/** Stands for the address of a schema that names none. */
const NO_ADDRESS = 'schema:///root'

/** All schemas of one document, with their addresses; follows references inside the document. */
export class SchemaIndex {
  readonly root: SchemaNode
  readonly nodes: SchemaNode[] = []
  readonly #resources = new Map<string, Resource>()
  readonly #byPointer = new Map<string, SchemaNode>()
  readonly #document: unknown
  /** Whether any `$dynamicAnchor` exists; without one the dynamic scope never matters. */
  hasDynamicAnchors = false

  constructor(document: unknown) {
    this.#document = document
    this.root = this.#add(document, '', null, 0)
  }

  /** The schema under `keyword` (and further tokens) of a node. */
  child(parent: SchemaNode, ...tokens: readonly (string | number)[]): SchemaNode {
    const pointer = pointerTo(parent.pointer, ...tokens)
    const known = this.#byPointer.get(pointer)
    if (known !== undefined) return known
    let value: unknown = parent.schema
    for (const token of tokens) value = (value as SchemaObject)[token]
    return this.#add(value, pointer, parent.resource, 1)
  }

  /** Where a reference leads; null when that is outside of the document. `dynamic` names the fragment when it is a dynamic anchor. */
  resolve(from: SchemaNode, reference: string): { readonly node: SchemaNode; readonly anchor: string | null } | null {
    const [address, fragment] = splitFragment(resolveAddress(reference, from.resource.uri))
    const resource = this.#resources.get(address)
    if (resource === undefined) return null
    if (fragment === '') return { node: resource.root, anchor: null }
    const decoded = decodeFragment(fragment)
    if (!decoded.startsWith('/')) {
      const dynamic = resource.dynamicAnchors.get(decoded)
      const node = dynamic ?? resource.anchors.get(decoded)
      return node === undefined ? null : { node, anchor: dynamic === undefined ? null : decoded }
    }
    const node = this.#follow(resource.root, decoded.slice(1).split('/').map(unescapeToken))
    return node === null ? null : { node, anchor: null }
  }

  #follow(start: SchemaNode, tokens: readonly string[]): SchemaNode | null {
    let value: unknown = start.schema
    let { pointer, resource } = start
    for (const token of tokens) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return null
      value = (value as SchemaObject)[token]
      pointer = pointerTo(pointer, token)
      resource = this.#byPointer.get(pointer)?.resource ?? resource
    }
    if (typeof value !== 'boolean' && !isObject(value)) return null
    return this.#byPointer.get(pointer) ?? this.#add(value, pointer, resource, 1)
  }

  #add(schema: unknown, pointer: string, outer: Resource | null, depth: number): SchemaNode {
    if (typeof schema !== 'boolean' && !isObject(schema))
      throw invalidSchema(pointer, `a schema is an object or a boolean, not ${describe(schema)}.`)
    if (this.nodes.length >= MAX_NODES) throw tooComplex(pointer, `it has more than ${MAX_NODES} subschemas`)
    if (depth > MAX_DEPTH) throw tooComplex(pointer, `subschemas nest more than ${MAX_DEPTH} deep`)
    const identifier = typeof schema === 'boolean' ? undefined : this.#identifier(schema)
    const node = { id: this.nodes.length, schema, pointer, resource: outer as Resource }
    if (outer === null || identifier !== undefined) {
      const uri = splitFragment(resolveAddress(identifier ?? '', outer?.uri ?? NO_ADDRESS))[0]
      node.resource = { uri, root: node, anchors: new Map(), dynamicAnchors: new Map() }
      if (!this.#resources.has(uri)) this.#resources.set(uri, node.resource)
    }
    this.nodes.push(node)
    this.#byPointer.set(pointer, node)
    if (typeof schema !== 'boolean') this.#addChildren(node, schema, depth)
    return node
  }

  #addChildren(node: SchemaNode, schema: SchemaObject, depth: number): void {
    const { $anchor, $dynamicAnchor } = schema
    if (typeof $anchor === 'string') node.resource.anchors.set($anchor, node)
    if (typeof $dynamicAnchor === 'string') {
      this.hasDynamicAnchors = true
      node.resource.dynamicAnchors.set($dynamicAnchor, node)
    }
    const legacy = schema.$id ?? schema.id
    if (typeof legacy === 'string' && /^#[A-Za-z]/.test(legacy)) node.resource.anchors.set(legacy.slice(1), node)
    for (const [keyword, value] of Object.entries(schema)) {
      const add = (item: unknown, ...tokens: readonly (string | number)[]): void => {
        // What is no schema is an error only where it is used as one: in "$defs" anything may lie about.
        if (typeof item === 'boolean' || isObject(item))
          this.#add(item, pointerTo(node.pointer, keyword, ...tokens), node.resource, depth + 1)
      }
      if (SCHEMA_LIST_KEYWORDS.has(keyword) && Array.isArray(value))
        for (const [index, item] of value.entries()) add(item, index)
      else if (SCHEMA_KEYWORDS.has(keyword)) add(value)
      else if (SCHEMA_MAP_KEYWORDS.has(keyword) && isObject(value))
        for (const [name, item] of Object.entries(value)) add(item, name)
    }
  }

  /** `id` counts only where the document says that it is draft 4 or older; elsewhere it is nobody's keyword. */
  #identifier(schema: SchemaObject): string | undefined {
    const document = this.#document as SchemaObject
    const isOld = typeof document.$schema === 'string' && /draft-0[34]/.test(document.$schema)
    const identifier = isOld ? schema.id : schema.$id
    return typeof identifier === 'string' && !identifier.startsWith('#') && identifier !== '' ? identifier : undefined
  }
}

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function describe(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `${typeof value} ${JSON.stringify(value)}`
}

function splitFragment(address: string): readonly [string, string] {
  const at = address.indexOf('#')
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)]
}

function resolveAddress(reference: string, base: string): string {
  if (reference === '' || reference.startsWith('#')) return splitFragment(base)[0] + reference
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference
}

function decodeFragment(fragment: string): string {
  return fragment.replace(/(?:%[0-9a-fA-F]{2})+/g, run => Buffer.from(run.replaceAll('%', ''), 'hex').toString())
}

function unescapeToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}
