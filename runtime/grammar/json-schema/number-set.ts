import {
  compareDecimals,
  type Decimal,
  decimal,
  equalDecimals,
  floorQuotient,
  isMultiple,
  leastCommonMultiple,
  negateDecimal,
  ONE,
  timesWhole,
} from './decimal.js'

/** Numbers between two bounds, all of them multiples of `step` and none of them of a number in `notSteps`. */
export interface NumberRange {
  /** null: no bound. */
  readonly low: Decimal | null
  readonly lowOpen: boolean
  readonly high: Decimal | null
  readonly highOpen: boolean
  /** null: any number. */
  readonly step: Decimal | null
  readonly notSteps: readonly Decimal[]
}

/** A union of ranges. */
export type NumberSet = readonly NumberRange[]

const EVERYTHING: NumberRange = {
  low: null,
  lowOpen: false,
  high: null,
  highOpen: false,
  step: null,
  notSteps: [],
}

export const ALL_NUMBERS: NumberSet = [EVERYTHING]
export const INTEGERS: NumberSet = [{ ...EVERYTHING, step: ONE }]
export const NO_NUMBERS: NumberSet = []

export function numbersFrom(low: Decimal, open: boolean): NumberSet {
  return [{ ...EVERYTHING, low, lowOpen: open }]
}

export function numbersTo(high: Decimal, open: boolean): NumberSet {
  return [{ ...EVERYTHING, high, highOpen: open }]
}

export function multiplesOf(step: Decimal): NumberSet {
  return [{ ...EVERYTHING, step }]
}

export function oneNumber(value: Decimal): NumberSet {
  return [{ ...EVERYTHING, low: value, high: value }]
}

export function isAllNumbers(set: NumberSet): boolean {
  return set.some(range => range.low === null && range.high === null && range.step === null && !range.notSteps.length)
}

/** Empty ranges fall out, so an empty list is an empty set (but see isEmptyRange on `notSteps`). */
export function intersectNumbers(a: NumberSet, b: NumberSet): NumberSet {
  if (a.every(isPoint)) return a.filter(range => containsNumber(b, range.low!))
  if (b.every(isPoint)) return b.filter(range => containsNumber(a, range.low!))
  return a.flatMap(left => b.map(right => intersectRanges(left, right))).filter(range => !isEmptyRange(range))
}

function isPoint(range: NumberRange): boolean {
  const { low, high, step, notSteps } = range
  return low !== null && low === high && step === null && notSteps.length === 0
}

export function complementNumbers(set: NumberSet): NumberSet {
  return set.reduce<NumberSet>((rest, range) => intersectNumbers(rest, complementRange(range)), ALL_NUMBERS)
}

export function containsNumber(set: NumberSet, value: Decimal): boolean {
  return set.some(
    range =>
      (range.low === null || compareDecimals(value, range.low) >= (range.lowOpen ? 1 : 0)) &&
      (range.high === null || compareDecimals(value, range.high) <= (range.highOpen ? -1 : 0)) &&
      (range.step === null || isMultiple(value, range.step)) &&
      !range.notSteps.some(step => isMultiple(value, step)),
  )
}

/** All members, or null when there are more than `limit` of them. */
export function listNumbers(set: NumberSet, limit: number): readonly Decimal[] | null {
  const found: Decimal[] = []
  for (const range of set) {
    const members = listRange(range, limit)
    if (members === null) return null
    for (const member of members) if (!found.some(known => equalDecimals(known, member))) found.push(member)
    if (found.length > limit) return null
  }
  return found
}

/** The same numbers with both bounds closed and themselves multiples of the step; without a step, the range itself. */
export function tightenToStep(range: NumberRange): NumberRange {
  const { step, low, high } = range
  if (step === null) return range
  const tight = { ...range, lowOpen: false, highOpen: false }
  if (low !== null) {
    const below = range.lowOpen ? floorQuotient(low, step) : -floorQuotient(negateDecimal(low), step) - 1n
    tight.low = timesWhole(step, below + 1n)
  }
  if (high !== null) {
    const above = range.highOpen ? -floorQuotient(negateDecimal(high), step) : floorQuotient(high, step) + 1n
    tight.high = timesWhole(step, above - 1n)
  }
  return tight
}

function intersectRanges(a: NumberRange, b: NumberRange): NumberRange {
  const low = pickBound(a.low, a.lowOpen, b.low, b.lowOpen, 1)
  const high = pickBound(a.high, a.highOpen, b.high, b.highOpen, -1)
  return {
    low: low.bound,
    lowOpen: low.open,
    high: high.bound,
    highOpen: high.open,
    step: a.step === null ? b.step : b.step === null ? a.step : leastCommonMultiple(a.step, b.step),
    notSteps: [...a.notSteps, ...b.notSteps.filter(step => !a.notSteps.some(known => equalDecimals(known, step)))],
  }
}

/** The tighter of two bounds; `direction` is 1 for lower bounds, -1 for upper ones. */
function pickBound(
  a: Decimal | null,
  aOpen: boolean,
  b: Decimal | null,
  bOpen: boolean,
  direction: 1 | -1,
): { readonly bound: Decimal | null; readonly open: boolean } {
  if (a === null) return { bound: b, open: bOpen }
  if (b === null) return { bound: a, open: aOpen }
  const order = compareDecimals(a, b) * direction
  if (order === 0) return { bound: a, open: aOpen || bOpen }
  return order > 0 ? { bound: a, open: aOpen } : { bound: b, open: bOpen }
}

function complementRange(range: NumberRange): NumberSet {
  const parts: NumberRange[] = []
  if (range.low !== null) parts.push(...numbersTo(range.low, !range.lowOpen))
  if (range.high !== null) parts.push(...numbersFrom(range.high, !range.highOpen))
  if (range.step !== null) parts.push({ ...EVERYTHING, notSteps: [range.step] })
  for (const step of range.notSteps) parts.push(...multiplesOf(step))
  return parts
}

function isEmptyRange(range: NumberRange): boolean {
  const { low, high, step, notSteps } = tightenToStep(range)
  if (step !== null && notSteps.some(each => isMultiple(step, each))) return true
  if (low === null || high === null) return false
  const order = compareDecimals(low, high)
  if (order > 0 || (order === 0 && (range.step === null ? range.lowOpen || range.highOpen : false))) return true
  if (notSteps.length === 0) return false
  if (order === 0) return notSteps.some(each => isMultiple(low, each))
  return listRange(range, 64)?.length === 0
}

function listRange(range: NumberRange, limit: number): readonly Decimal[] | null {
  if (range.low === null || range.high === null) return null
  if (range.step === null) {
    return equalDecimals(range.low, range.high) && containsNumber([range], range.low)
      ? [range.low]
      : compareDecimals(range.low, range.high) < 0
        ? null
        : []
  }
  const { low, high, step, notSteps } = tightenToStep(range)
  const first = floorQuotient(low!, step!)
  const last = floorQuotient(high!, step!)
  if (last - first >= BigInt(limit)) return null
  const members: Decimal[] = []
  for (let count = first; count <= last; count++) {
    const value = decimal(step!.digits * count, step!.exponent)
    if (!notSteps.some(each => isMultiple(value, each))) members.push(value)
  }
  return members
}
