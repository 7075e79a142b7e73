import { canonicalText } from './equality.js'
import { pointerTo } from './issues.js'
import { isObject } from './schema-index.js'
import { type JsonValidator, list, type Visit } from './validator.js'

export function checkArray(validator: JsonValidator, visit: Visit): void {
  const { schema } = visit
  const items = visit.value as readonly unknown[]
  const prefix = Array.isArray(schema.prefixItems) ? 'prefixItems' : Array.isArray(schema.items) ? 'items' : null
  const length = prefix === null ? 0 : list(schema[prefix]).length
  const rest =
    schema.items !== undefined && !Array.isArray(schema.items)
      ? 'items'
      : Array.isArray(schema.items) && schema.additionalItems !== undefined
        ? 'additionalItems'
        : null
  for (const [index, item] of items.entries()) {
    if (prefix !== null && index < length) checkItem(validator, visit, index, item, prefix, index)
    else if (rest !== null) checkItem(validator, visit, index, item, rest)
  }
  checkCounts(validator, visit, items.length, 'minItems', 'maxItems', 'items')
  if (schema.uniqueItems === true && new Set(items.map(canonicalText)).size < items.length)
    validator.report(visit, 'uniqueItems', 'Two items are equal.')
  checkContains(validator, visit, items)
  if (schema.unevaluatedItems === undefined) return
  for (const [index, item] of items.entries())
    if (!visit.evaluated.items.has(index)) checkItem(validator, visit, index, item, 'unevaluatedItems')
}

function checkItem(
  validator: JsonValidator,
  visit: Visit,
  index: number,
  item: unknown,
  ...tokens: readonly (string | number)[]
): void {
  const node = validator.index.child(visit.node, ...tokens)
  validator.apply(node, item, pointerTo(visit.pointer, index), visit.scope, visit.violations)
  visit.evaluated.items.add(index)
}

function checkContains(validator: JsonValidator, visit: Visit, items: readonly unknown[]): void {
  const { schema } = visit
  if (schema.contains === undefined) return
  const found = [...items.keys()].filter(index => validator.test(visit, items[index], 'contains') !== null)
  for (const index of found) visit.evaluated.items.add(index)
  const min = typeof schema.minContains === 'number' ? schema.minContains : 1
  const max = typeof schema.maxContains === 'number' ? schema.maxContains : Number.POSITIVE_INFINITY
  if (found.length < min)
    validator.report(visit, 'contains', `${found.length} items are as "contains" says; at least ${min} must be.`)
  if (found.length > max)
    validator.report(visit, 'maxContains', `${found.length} items are as "contains" says; at most ${max} may be.`)
}

export function checkObject(validator: JsonValidator, visit: Visit): void {
  const { schema } = visit
  const value = visit.value as Readonly<Record<string, unknown>>
  const keys = Object.keys(value)
  for (const key of list(schema.required))
    if (typeof key === 'string' && !Object.hasOwn(value, key))
      validator.report(visit, 'required', `The key "${key}" is missing.`)
  checkCounts(validator, visit, keys.length, 'minProperties', 'maxProperties', 'keys')
  for (const key of keys) checkMember(validator, visit, key, value[key])
  if (schema.propertyNames !== undefined)
    for (const key of keys)
      if (validator.test(visit, key, 'propertyNames') === null)
        validator.report(visit, 'propertyNames', `The key "${key}" is not allowed.`)
  checkDependencies(validator, visit, value)
  if (schema.unevaluatedProperties === undefined) return
  for (const key of keys)
    if (!visit.evaluated.keys.has(key)) checkValue(validator, visit, key, value[key], 'unevaluatedProperties')
}

function checkMember(validator: JsonValidator, visit: Visit, key: string, value: unknown): void {
  const { properties, patternProperties, additionalProperties } = visit.schema
  let isKnown = false
  if (isObject(properties) && Object.hasOwn(properties, key)) {
    isKnown = true
    checkValue(validator, visit, key, value, 'properties', key)
  }
  for (const pattern of isObject(patternProperties) ? Object.keys(patternProperties) : []) {
    if (!validator.strings.matches(pattern, key)) continue
    isKnown = true
    checkValue(validator, visit, key, value, 'patternProperties', pattern)
  }
  if (!isKnown && additionalProperties !== undefined) checkValue(validator, visit, key, value, 'additionalProperties')
}

function checkValue(
  validator: JsonValidator,
  visit: Visit,
  key: string,
  value: unknown,
  ...tokens: readonly string[]
): void {
  const node = validator.index.child(visit.node, ...tokens)
  validator.apply(node, value, pointerTo(visit.pointer, key), visit.scope, visit.violations)
  visit.evaluated.keys.add(key)
}

function checkDependencies(validator: JsonValidator, visit: Visit, value: Readonly<Record<string, unknown>>): void {
  for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
    const entries = visit.schema[keyword]
    if (!isObject(entries)) continue
    for (const [key, wanted] of Object.entries(entries)) {
      if (!Object.hasOwn(value, key)) continue
      if (!Array.isArray(wanted)) validator.inPlace(visit, keyword, key)
      else
        for (const other of wanted)
          if (!Object.hasOwn(value, String(other)))
            validator.report(visit, keyword, `The key "${key}" asks for "${other}", which is missing.`)
    }
  }
}

function checkCounts(
  validator: JsonValidator,
  visit: Visit,
  count: number,
  least: string,
  most: string,
  things: string,
): void {
  const { [least]: min, [most]: max } = visit.schema
  if (typeof min === 'number' && count < min)
    validator.report(visit, least, `There are ${count} ${things}, fewer than ${min}.`)
  if (typeof max === 'number' && count > max)
    validator.report(visit, most, `There are ${count} ${things}, more than ${max}.`)
}
