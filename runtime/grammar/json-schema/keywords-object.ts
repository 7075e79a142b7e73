import type { ExpressionId } from '../expression.js'
import { ANYTHING, type Formula, NEVER } from './formula.js'
import type { Keyword, Lowering, Place } from './lowering.js'
import type { KeyClass, NamedKey, ObjectRecord } from './object-record.js'
import { tryKeyPattern } from './patterns.js'
import { isObject } from './schema-index.js'

const MAX_CLASSES = 64

/** What keys of a language must meet, whatever else they must meet. */
export interface KeyRule {
  readonly language: ExpressionId
  readonly formula: Formula
}

/** `properties`, `patternProperties` and `additionalProperties`, which only make sense together. */
const members: Keyword = (lowering, place) => {
  const { schema } = place
  const named = new Map<string, Formula>()
  for (const key of keysOf(lowering, place, 'properties')) named.set(key, lowering.child(place, 'properties', key))
  const sources = keysOf(lowering, place, 'patternProperties')
  const rules = sources.flatMap(source => {
    const language = tryKeyPattern(lowering, place, source)
    return language === null ? [] : [{ language, formula: lowering.child(place, 'patternProperties', source) }]
  })
  // Without all patterns nobody knows which keys are additional.
  const isOpen = schema.additionalProperties === undefined || rules.length < sources.length
  const rest = isOpen ? ANYTHING : lowering.child(place, 'additionalProperties')
  return lowering.universe.ofObjects(buildRecord(lowering, named, rules, rest, true))
}

/** Keys that are named, keys that rules speak of (several may speak of one), and all others. */
export function buildRecord(
  lowering: Lowering,
  named: ReadonlyMap<string, Formula>,
  rules: readonly KeyRule[],
  rest: Formula,
  declared: boolean,
): ObjectRecord {
  const { universe } = lowering
  const names = new Map<string, NamedKey>()
  for (const [key, own] of named) {
    const matching = rules.filter(rule => universe.keys.has(rule.language, key)).map(rule => rule.formula)
    names.set(key, { formula: universe.formulas.and([own, ...matching]), required: false, declared })
  }
  return { ...universe.objects.any, names, classes: partition(lowering, rules, rest) }
}

/** Cuts the space of keys by every rule, so that each class has one formula. */
function partition(lowering: Lowering, rules: readonly KeyRule[], rest: Formula): readonly KeyClass[] {
  const { keys, formulas, store } = lowering.universe
  let parts: { readonly language: ExpressionId; readonly formulas: readonly Formula[] | null }[] = [
    { language: keys.anything, formulas: null },
  ]
  for (const rule of rules) {
    const next: typeof parts = []
    for (const part of parts) {
      const inside = keys.both(part.language, rule.language)
      if (inside !== null) next.push({ language: inside, formulas: [...(part.formulas ?? []), rule.formula] })
      const outside = keys.without(part.language, rule.language)
      if (outside !== null) next.push({ ...part, language: outside })
    }
    if (next.length > MAX_CLASSES)
      throw store.nodes.tooComplex(`its patterns for keys overlap in more than ${MAX_CLASSES} ways`)
    parts = next
  }
  return parts
    .map(part => ({
      language: part.language,
      formula: part.formulas === null ? rest : formulas.and(part.formulas),
    }))
    .filter(part => part.formula !== NEVER)
}

const required: Keyword = (lowering, place) => {
  // Draft 3 had a flag inside the property's own schema; it says nothing about this value.
  if (typeof place.schema.required === 'boolean') return ANYTHING
  return lowering.universe.ofObjects(requireKeys(lowering, lowering.strings(place, 'required')))
}

export function requireKeys(lowering: Lowering, keys: readonly string[]): ObjectRecord {
  const names = new Map(keys.map(key => [key, { formula: ANYTHING, required: true, declared: false }]))
  return { ...lowering.universe.objects.any, names }
}

const keyCount: Keyword = (lowering, place) => {
  const min = lowering.count(place, 'minProperties', 0)
  const max = lowering.count(place, 'maxProperties', Number.POSITIVE_INFINITY)
  const { universe } = lowering
  if (min > 1 && !countsDistinctKeys(place.schema, min)) {
    const hint =
      'further keys are not remembered and one could count twice; use "additionalProperties": false, or "required" for that many'
    throw lowering.unsupported(place, 'minProperties', hint)
  }
  return min > max ? universe.ofObjects() : universe.ofObjects({ ...universe.objects.any, min, max })
}

/** Declared keys come once each. Where further ones may stand for them in the count, it could be met by one key written twice. */
function countsDistinctKeys(schema: Readonly<Record<string, unknown>>, min: number): boolean {
  const { additionalProperties, patternProperties, required } = schema
  if (Array.isArray(required) && new Set(required).size >= min) return true
  return (
    additionalProperties === false &&
    (patternProperties === undefined || Object.keys(patternProperties as object).length === 0)
  )
}

/** Each entry says: without the key, or with it and what it asks for. */
const dependencies: Keyword = (lowering, place) => {
  const { universe } = lowering
  const formulas: Formula[] = []
  for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
    const entries = place.schema[keyword]
    for (const key of keysOf(lowering, place, keyword)) {
      const wanted = (entries as Readonly<Record<string, unknown>>)[key]
      const without = universe.ofObjects(universe.objects.withName(key, NEVER, false))
      const withKey = universe.objectsAlone(universe.objects.withName(key, ANYTHING, true))
      const then = Array.isArray(wanted)
        ? universe.objectsAlone(requireKeys(lowering, wanted.map(String)))
        : lowering.child(place, keyword, key)
      formulas.push(universe.formulas.or([without, universe.formulas.and([withKey, then])]))
    }
  }
  return universe.formulas.and(formulas)
}

export function keysOf(lowering: Lowering, place: Place, keyword: string): readonly string[] {
  const value = place.schema[keyword]
  if (value === undefined) return []
  if (!isObject(value)) throw lowering.invalid(place, keyword, 'an object')
  return Object.keys(value)
}

export const OBJECT_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ['properties', members],
  ['patternProperties', members],
  ['additionalProperties', members],
  ['required', required],
  ['minProperties', keyCount],
  ['maxProperties', keyCount],
  ['dependentRequired', dependencies],
  ['dependentSchemas', dependencies],
  ['dependencies', dependencies],
]
