import { ANY_ARRAY } from './array-record.js'
import { type Evaluation, evaluationCases } from './evaluation.js'
import { ANYTHING, type Formula } from './formula.js'
import { buildRecord } from './keywords-object.js'
import type { Keyword, Lowering, Place } from './lowering.js'

/**
 * What the other keywords of the schema leave unevaluated depends on which of their branches hold: for every
 * combination of branches that hold, what is left over must meet the keyword's schema. Assuming fewer branches than
 * do hold only asks for more, so that no complement is needed.
 */
function unevaluated(
  lowering: Lowering,
  place: Place,
  keyword: 'unevaluatedProperties' | 'unevaluatedItems',
  restrict: (evaluation: Evaluation, formula: Formula) => Formula,
): Formula {
  const { formulas } = lowering.universe
  const formula = lowering.child(place, keyword)
  if (formula === ANYTHING) return ANYTHING
  const cases = evaluationCases(lowering, place, keyword)
  return formulas.or(cases.map(each => formulas.and([each.condition, restrict(each, formula)])))
}

const unevaluatedProperties: Keyword = (lowering, place) =>
  unevaluated(lowering, place, 'unevaluatedProperties', (evaluation, formula) => {
    if (evaluation.all) return ANYTHING
    const named = new Map([...evaluation.keys].map(key => [key, ANYTHING]))
    const rules = evaluation.languages.map(language => ({ language, formula: ANYTHING }))
    return lowering.universe.ofObjects(buildRecord(lowering, named, rules, formula, false))
  })

const unevaluatedItems: Keyword = (lowering, place) =>
  unevaluated(lowering, place, 'unevaluatedItems', (evaluation, formula) => {
    if (evaluation.all) return ANYTHING
    const prefix = Array.from({ length: evaluation.items }, () => ANYTHING)
    const rest = lowering.universe.formulas.or([...evaluation.contained, formula])
    return lowering.universe.ofArrays({ ...ANY_ARRAY, prefix, rest })
  })

export const UNEVALUATED_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ['unevaluatedProperties', unevaluatedProperties],
  ['unevaluatedItems', unevaluatedItems],
]
