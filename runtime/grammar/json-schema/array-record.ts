import { ANYTHING, type Formula, type FormulaTable, NEVER } from './formula.js'

/** How many items from index `from` on may meet `formula`. */
export interface ContainsCount {
  readonly formula: Formula
  readonly from: number
  readonly min: number
  readonly max: number
}

/** A set of arrays: all of its parts hold at once. */
export interface ArrayRecord {
  /** What the first items must meet, by index. */
  readonly prefix: readonly Formula[]
  /** What every further item must meet. */
  readonly rest: Formula
  readonly min: number
  readonly max: number
  readonly contains: readonly ContainsCount[]
  /** JSON pointer of the `uniqueItems` that forbids equal items; null when they are allowed. */
  readonly unique: string | null
  /** JSON pointer of the `uniqueItems` whose contrary is asked for. */
  readonly repeated: string | null
}

export const ANY_ARRAY: ArrayRecord = {
  prefix: [],
  rest: ANYTHING,
  min: 0,
  max: Number.POSITIVE_INFINITY,
  contains: [],
  unique: null,
  repeated: null,
}

export function itemFormula(record: ArrayRecord, index: number): Formula {
  return record.prefix[index] ?? record.rest
}

/** null when no array is in both. */
export function intersectArrays(formulas: FormulaTable, a: ArrayRecord, b: ArrayRecord): ArrayRecord | null {
  if (a === ANY_ARRAY) return b
  if (b === ANY_ARRAY) return a
  const min = Math.max(a.min, b.min)
  let max = Math.min(a.max, b.max)
  const length = Math.min(Math.max(a.prefix.length, b.prefix.length), max)
  const prefix: Formula[] = []
  for (let index = 0; index < length; index++) {
    const item = formulas.and([itemFormula(a, index), itemFormula(b, index)])
    if (item === NEVER) max = index
    if (item === NEVER) break
    prefix.push(item)
  }
  const rest = formulas.and([a.rest, b.rest])
  if (rest === NEVER) max = Math.min(max, prefix.length)
  const contains = mergeCounts([...a.contains, ...b.contains])
  if (min > max || contains.some(each => each.min > each.max)) return null
  return {
    prefix,
    rest,
    min,
    max,
    contains,
    unique: a.unique ?? b.unique,
    repeated: a.repeated ?? b.repeated,
  }
}

/** Counts of the same items become one. */
function mergeCounts(counts: readonly ContainsCount[]): readonly ContainsCount[] {
  const merged = new Map<string, ContainsCount>()
  for (const each of counts) {
    const key = `${each.formula},${each.from}`
    const known = merged.get(key)
    const min = Math.max(each.min, known?.min ?? 0)
    merged.set(key, { ...each, min, max: Math.min(each.max, known?.max ?? Number.POSITIVE_INFINITY) })
  }
  return [...merged.values()]
}

/** Every array that is not in the record, as a union. */
export function complementArray(formulas: FormulaTable, record: ArrayRecord): ArrayRecord[] {
  const parts: ArrayRecord[] = []
  record.prefix.forEach((item, index) => {
    if (item === ANYTHING) return
    const prefix = [...record.prefix.slice(0, index).map(() => ANYTHING), formulas.not(item)]
    parts.push({ ...ANY_ARRAY, prefix, min: index + 1 })
  })
  if (record.rest === NEVER) parts.push({ ...ANY_ARRAY, min: record.prefix.length + 1 })
  else if (record.rest !== ANYTHING) {
    const stray = { formula: formulas.not(record.rest), from: record.prefix.length, min: 1, max: Infinity }
    parts.push({ ...ANY_ARRAY, contains: [stray] })
  }
  if (record.min > 0) parts.push({ ...ANY_ARRAY, max: record.min - 1 })
  if (record.max !== Number.POSITIVE_INFINITY) parts.push({ ...ANY_ARRAY, min: record.max + 1 })
  for (const each of record.contains) {
    if (each.min > 0) parts.push({ ...ANY_ARRAY, contains: [{ ...each, min: 0, max: each.min - 1 }] })
    if (each.max !== Number.POSITIVE_INFINITY)
      parts.push({ ...ANY_ARRAY, contains: [{ ...each, min: each.max + 1, max: Infinity }] })
  }
  if (record.unique !== null) parts.push({ ...ANY_ARRAY, repeated: record.unique })
  if (record.repeated !== null) parts.push({ ...ANY_ARRAY, unique: record.repeated })
  return parts
}
