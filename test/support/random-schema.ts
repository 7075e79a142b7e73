import type { JsonSchema } from '../../runtime/protocol/backend.js'

type Random = () => number
type Schema = Record<string, unknown>

const KEYS = ['a', 'b', 'c', 'ab']
const PATTERNS = ['^a', 'b', '^.b?$', 'c$']
const TEXTS = ['', 'a', 'b', 'ab', 'ba', 'c"', '\u{1f600}', 'abc']
const MAPS = ['properties', 'patternProperties', 'dependentSchemas']
const PLAIN = ['enum', 'const', 'type', 'required', 'dependentRequired']
const NUMBERS = [0, 1, 2, 3, -1, 1.5, 4, 6, -2.5, 10]

/** Small schemas over few keys and values, so that their keywords meet and contradict each other often. */
export function randomSchema(random: Random, depth: number): JsonSchema {
  if (random() < 0.06) return random() < 0.7
  const schema: Schema = {}
  const count = 1 + Math.floor(random() * 2.5)
  for (let index = 0; index < count; index++) Object.assign(schema, randomKeyword(random, depth))
  return schema
}

/** Sprinkles keywords over a schema that no mask enforces: `uniqueItems` of anything, and a backreference. */
export function spoilSchema(random: Random, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return
  if (Array.isArray(schema)) {
    for (const item of schema) spoilSchema(random, item)
    return
  }
  const fields = schema as Schema
  for (const [keyword, value] of Object.entries(fields)) {
    if (MAPS.includes(keyword)) for (const child of Object.values(value as Schema)) spoilSchema(random, child)
    else if (!PLAIN.includes(keyword)) spoilSchema(random, value)
  }
  if (random() < 0.2) fields.uniqueItems = true
  if (random() < 0.1) fields.pattern = '(a)\\1'
}

export function randomValue(random: Random, depth: number): unknown {
  const kind = random()
  if (depth > 0 && kind < 0.35) {
    const keys = KEYS.filter(() => random() < 0.45)
    return Object.fromEntries(keys.map(key => [key, randomValue(random, depth - 1)]))
  }
  if (depth > 0 && kind < 0.5)
    return Array.from({ length: Math.floor(random() * 4) }, () => randomValue(random, depth - 1))
  if (kind < 0.7) return pick(random, NUMBERS)
  if (kind < 0.85) return pick(random, TEXTS)
  return pick(random, [true, false, null])
}

function randomKeyword(random: Random, depth: number): Schema {
  const simple: (() => Schema)[] = [
    () => ({ type: pick(random, ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']) }),
    () => ({ type: [pick(random, ['object', 'array', 'string']), pick(random, ['number', 'null', 'integer'])] }),
    () => ({ enum: Array.from({ length: 3 }, () => randomValue(random, 1)) }),
    () => ({ const: randomValue(random, 1) }),
    () => ({ minimum: pick(random, NUMBERS) }),
    () => ({ exclusiveMaximum: pick(random, NUMBERS) }),
    () => ({ multipleOf: pick(random, [1, 2, 0.5, 3]) }),
    () => ({ minLength: 1 }),
    () => ({ maxLength: 2 }),
    () => ({ pattern: pick(random, PATTERNS) }),
    () => ({ required: KEYS.filter(() => random() < 0.4) }),
    () => ({ minProperties: 1 + Math.floor(random() * 2) }),
    () => ({ maxProperties: 1 + Math.floor(random() * 2) }),
    () => ({ minItems: 1 + Math.floor(random() * 2) }),
    () => ({ maxItems: Math.floor(random() * 3) }),
    () => ({ dependentRequired: { a: ['b'], c: ['a'] } }),
    () => ({ propertyNames: { maxLength: 1 } }),
    () => ({ propertyNames: { pattern: pick(random, PATTERNS) } }),
  ]
  if (depth === 0) return pick(random, simple)()
  const child = () => randomSchema(random, depth - 1)
  const children = () => Array.from({ length: 2 + Math.floor(random() * 2) }, child)
  const nested: (() => Schema)[] = [
    () => ({ properties: Object.fromEntries(KEYS.filter(() => random() < 0.6).map(key => [key, child()])) }),
    () => ({ patternProperties: { [pick(random, PATTERNS)]: child(), [pick(random, PATTERNS)]: child() } }),
    () => ({ additionalProperties: child() }),
    () => ({ items: child() }),
    () => ({ prefixItems: children() }),
    () => ({ contains: child(), ...(random() < 0.5 ? { maxContains: 2, minContains: 0 } : {}) }),
    () => ({ allOf: children() }),
    () => ({ anyOf: children() }),
    () => ({ oneOf: children() }),
    () => ({ not: child() }),
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    () => ({ if: child(), then: child(), ...(random() < 0.5 ? { else: child() } : {}) }),
    () => ({ dependentSchemas: { a: child() } }),
    () => ({ unevaluatedProperties: child() }),
    () => ({ unevaluatedItems: child() }),
  ]
  return pick(random, random() < 0.55 ? nested : simple)()
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!
}
