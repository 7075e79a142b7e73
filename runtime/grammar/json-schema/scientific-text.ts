import type { ExpressionId, ExpressionStore } from '../expression.js'
import { type Decimal, decimal, ONE, ZERO } from './decimal.js'
import { MagnitudeText } from './magnitude-text.js'

/** The least double over 0; what is written below it may become 0 in its reader. */
const LEAST = decimal(5n, -324)
/** Over this exponent a number might overflow to infinity in its reader. */
const MOST_EXPONENT = 307
/** A whole number with an exponent of at least this many may have that many digits after the point. */
const WHOLE_EXPONENT = 21

const TEN = decimal(1n, 1)

/**
 * Texts `d.ddde±x` with one digit other than 0 before the point, of the numbers between two bounds of one sign (0
 * itself has no such text). `high` null: up to the largest exponent. Exact when `isWhole` is not asked for; whole
 * numbers are offered only between the powers of ten inside the bounds.
 */
export function scientificText(
  store: ExpressionStore,
  low: Decimal,
  lowOpen: boolean,
  high: Decimal | null,
  highOpen: boolean,
  isWhole = false,
): ExpressionId {
  if (isWhole) return wholeText(store, low, high)
  const isFromZero = low.digits === 0n
  const bottom = normalise(isFromZero ? LEAST : low)
  const isOpen = lowOpen && !isFromZero
  if (high?.digits === 0n) return store.fail
  const top = high === null ? null : normalise(high)
  const first = bottom.exponent
  const last = top?.exponent ?? MOST_EXPONENT
  if (first > last) return store.fail
  const mantissas = new MagnitudeText(store)
  if (top !== null && first === last) {
    const mantissa = mantissas.between(bottom.mantissa, isOpen, top.mantissa, highOpen, 'any')
    return store.sequence(mantissa, exponentText(store, first, last))
  }
  const lowest = mantissas.between(bottom.mantissa, isOpen, TEN, true, 'any')
  const parts = [store.sequence(lowest, exponentText(store, first, first))]
  if (top !== null) {
    const mantissa = mantissas.between(ONE, false, top.mantissa, highOpen, 'any')
    parts.push(store.sequence(mantissa, exponentText(store, last, last)))
  }
  const inner = [first + 1, top === null ? last : last - 1] as const
  const free = mantissas.between(ONE, false, TEN, true, 'any')
  if (inner[0] <= inner[1]) parts.push(store.sequence(free, exponentText(store, ...inner)))
  return store.choice(parts)
}

function wholeText(store: ExpressionStore, low: Decimal, high: Decimal | null): ExpressionId {
  const first = Math.max(WHOLE_EXPONENT, low.digits === 0n ? 0 : normalise(low).exponent + 1)
  const last = high === null ? MOST_EXPONENT : high.digits === 0n ? 0 : normalise(high).exponent - 1
  if (first > last) return store.fail
  const digit = store.byteClass([[0x30, 0x39]])
  const fraction = store.sequence(store.literal('.'), store.repeat(digit, 1, WHOLE_EXPONENT))
  return store.sequence(store.byteClass([[0x31, 0x39]]), store.optional(fraction), exponentText(store, first, last))
}

/** The mantissa from 1 to below 10, and the power of ten that goes with it. */
function normalise(value: Decimal): { readonly mantissa: Decimal; readonly exponent: number } {
  const length = value.digits.toString().length
  return { mantissa: decimal(value.digits, 1 - length), exponent: value.exponent + length - 1 }
}

/** `e` and an exponent between the two; some serialisers write at least two digits of it. */
function exponentText(store: ExpressionStore, from: number, to: number): ExpressionId {
  const mark = store.byteClass([
    [0x45, 0x45],
    [0x65, 0x65],
  ])
  const wholes = new MagnitudeText(store)
  const digits = (low: number, high: number) =>
    store.sequence(store.optional(store.literal('0')), wholes.between(whole(low), false, whole(high), false, 'none'))
  const parts: ExpressionId[] = []
  if (to >= 0) parts.push(store.sequence(store.optional(store.literal('+')), digits(Math.max(from, 0), to)))
  if (from < 0) parts.push(store.sequence(store.literal('-'), digits(Math.max(1, -to), -from)))
  return store.sequence(mark, store.choice(parts))
}

function whole(value: number): Decimal {
  return value === 0 ? ZERO : decimal(BigInt(value), 0)
}
