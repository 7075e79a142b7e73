import { decimalText } from './decimal.js'
import type { Expander } from './expander.js'
import type { Formula } from './formula.js'
import { listNumbers } from './number-set.js'

/** The JSON texts of all values of a formula, one for each value; null when there are more than `limit`, or containers among them. */
export function listValues(expander: Expander, formula: Formula, limit: number): readonly string[] | null {
  const { emptiness } = expander
  if (emptiness.isEmpty(formula)) return []
  const shape = expander.expand(formula)
  if (shape.arrays.some(record => !emptiness.isEmptyArray(record))) return null
  if (shape.objects.some(record => !emptiness.isEmptyObject(record))) return null
  const numbers = listNumbers(shape.numbers, limit)
  const { values } = shape.strings
  if (numbers === null || values === null) return null
  const list = [...numbers.map(decimalText), ...[...values].map(value => JSON.stringify(value))]
  if (shape.hasNull) list.push('null')
  if (shape.hasTrue) list.push('true')
  if (shape.hasFalse) list.push('false')
  return list.length > limit ? null : list
}
