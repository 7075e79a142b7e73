import { ANYTHING, type Formula } from './formula.js'
import { invalidSchema, pointerTo } from './issues.js'
import type { Keyword, Lowering, Place } from './lowering.js'
import type { SchemaNode } from './schema-index.js'

function branches(lowering: Lowering, place: Place, keyword: string): readonly Formula[] {
  const list = place.schema[keyword]
  if (!Array.isArray(list)) throw lowering.invalid(place, keyword, 'a list of schemas')
  return list.map((_, index) => lowering.child(place, keyword, index))
}

const allOf: Keyword = (lowering, place) => lowering.universe.formulas.and(branches(lowering, place, 'allOf'))
const anyOf: Keyword = (lowering, place) => lowering.universe.formulas.or(branches(lowering, place, 'anyOf'))
const oneOf: Keyword = (lowering, place) => lowering.universe.formulas.one(branches(lowering, place, 'oneOf'))
const not: Keyword = (lowering, place) => lowering.universe.formulas.not(lowering.child(place, 'not'))

const conditional: Keyword = (lowering, place) => {
  const { schema } = place
  if (schema.if === undefined) return ANYTHING
  const { formulas } = lowering.universe
  const condition = lowering.child(place, 'if')
  const then = schema.then === undefined ? ANYTHING : lowering.child(place, 'then')
  const otherwise = schema.else === undefined ? ANYTHING : lowering.child(place, 'else')
  if (then === ANYTHING && otherwise === ANYTHING) return ANYTHING
  const met = formulas.and([condition, then])
  // What meets the condition meets "then" trivially where there is none, so that no complement is needed.
  const unmet = then === ANYTHING ? otherwise : formulas.and([formulas.not(condition), otherwise])
  return formulas.or([met, unmet])
}

const reference: Keyword = (lowering, place) => lowering.enter(referenceTarget(lowering, place, '$ref'), place.scope)

const dynamicReference: Keyword = (lowering, place) =>
  lowering.enter(referenceTarget(lowering, place, '$dynamicRef'), place.scope)

/** Where `$ref` or `$dynamicRef` leads; a dynamic anchor is looked for from the outermost resource inwards. */
export function referenceTarget(lowering: Lowering, place: Place, keyword: '$ref' | '$dynamicRef'): SchemaNode {
  const target = place.schema[keyword]
  if (typeof target !== 'string') throw lowering.invalid(place, keyword, 'a reference')
  const found = lowering.index.resolve(place.node, target)
  if (found === null) {
    if (target.startsWith('#'))
      throw invalidSchema(pointerTo(place.node.pointer, keyword), `there is nothing at "${target}".`)
    throw lowering.unsupported(place, keyword, `"${target}" is not in this schema; put it under "$defs"`, false)
  }
  if (keyword === '$ref' || found.anchor === null) return found.node
  for (const resource of lowering.scopeResources(place.scope)) {
    const dynamic = resource.dynamicAnchors.get(found.anchor)
    if (dynamic !== undefined) return dynamic
  }
  return found.node
}

const recursiveReference: Keyword = (lowering, place) => {
  throw lowering.unsupported(place, '$recursiveRef', 'draft 2019-09 only; write "$ref": "#" or "$dynamicRef"', false)
}

const propertyNames: Keyword = (lowering, place) => {
  const { universe } = lowering
  const { strings } = lowering.expand(lowering.child(place, 'propertyNames'), place, 'propertyNames')
  const classes = universe.strings.isEmpty(strings)
    ? []
    : [{ language: universe.strings.language(strings), formula: ANYTHING }]
  return universe.ofObjects(universe.objects.ofClasses(classes))
}

export const LOGIC_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ['$ref', reference],
  ['$dynamicRef', dynamicReference],
  ['$recursiveRef', recursiveReference],
  ['allOf', allOf],
  ['anyOf', anyOf],
  ['oneOf', oneOf],
  ['not', not],
  ['if', conditional],
  ['then', conditional],
  ['else', conditional],
  ['propertyNames', propertyNames],
]
