import type { ExpressionId, ExpressionStore } from '../expression.js'
import { type Decimal, splitDecimal } from './decimal.js'

/** Digits that may follow the point once the bounds no longer matter: enough for every double from 1e-6 on. */
const FREE_FRACTION = 24
/** Digits before the point where there is no bound: whatever they are, a double holds the number. */
const MOST_DIGITS = 308
/** Zeros that may follow the point of an integer. */
const ZERO_FRACTION = 20

/** What may follow the point: any digits; nothing but zeros, or no point at all, for whole numbers. */
export type FractionForm = 'any' | 'zeros' | 'none'

interface Bounds {
  readonly low: { readonly whole: string; readonly fraction: string }
  readonly lowOpen: boolean
  readonly high: { readonly whole: string; readonly fraction: string } | null
  readonly highOpen: boolean
  readonly form: FractionForm
}

/** Plain decimal texts of numbers of zero and over, by comparing digit by digit with the bounds. */
export class MagnitudeText {
  readonly #store: ExpressionStore
  readonly #digit: ExpressionId
  readonly #zero: ExpressionId
  readonly #point: ExpressionId

  constructor(store: ExpressionStore) {
    this.#store = store
    this.#digit = store.byteClass([[0x30, 0x39]])
    this.#zero = store.literal('0')
    this.#point = store.literal('.')
  }

  /**
   * `low` must not be below zero, nor over 1e307 where `high` is null; unless the form is 'any' both bounds must be
   * whole and closed.
   */
  between(low: Decimal, lowOpen: boolean, high: Decimal | null, highOpen: boolean, form: FractionForm): ExpressionId {
    const bounds: Bounds = {
      low: splitDecimal(low),
      lowOpen,
      high: high === null ? null : splitDecimal(high),
      highOpen,
      form,
    }
    const shortest = bounds.low.whole.length
    const longest = bounds.high?.whole.length ?? shortest
    const parts: ExpressionId[] = []
    for (let length = shortest; length <= longest; length++) {
      parts.push(this.#whole(bounds, length, 0, length === shortest, bounds.high !== null && length === longest))
    }
    if (bounds.high === null) {
      const longer = this.#store.repeat(this.#digit, shortest, Math.max(shortest, MOST_DIGITS - 1))
      parts.push(this.#store.sequence(this.#digits(1, 9), longer, this.#tail(bounds, false, false)))
    }
    return this.#store.choice(parts)
  }

  /** The rest from digit `at` of the `length` before the point; whether what was read equals the bound so far. */
  #whole(bounds: Bounds, length: number, at: number, onLow: boolean, onHigh: boolean): ExpressionId {
    const store = this.#store
    if (at === length) return this.#tail(bounds, onLow, onHigh)
    const least = at === 0 && length > 1 ? 1 : 0
    if (!onLow && !onHigh && least === 0)
      return store.sequence(store.repeat(this.#digit, length - at, length - at), this.#tail(bounds, false, false))
    const from = onLow ? Number(bounds.low.whole[at]) : least
    const to = onHigh ? Number(bounds.high!.whole[at]) : 9
    return this.#branch(from, to, onLow, onHigh, (low, high) => this.#whole(bounds, length, at + 1, low, high))
  }

  /** Digits from `from` to `to`, each followed by what still depends on the bounds. */
  #branch(
    from: number,
    to: number,
    onLow: boolean,
    onHigh: boolean,
    next: (onLow: boolean, onHigh: boolean) => ExpressionId,
  ): ExpressionId {
    const store = this.#store
    if (from > to) return store.fail
    if (from === to) return store.sequence(this.#digits(from, to), next(onLow, onHigh))
    const parts: ExpressionId[] = []
    if (onLow) parts.push(store.sequence(this.#digits(from, from), next(true, false)))
    if (onHigh) parts.push(store.sequence(this.#digits(to, to), next(false, true)))
    const [inner, outer] = [onLow ? from + 1 : from, onHigh ? to - 1 : to]
    if (inner <= outer) parts.push(store.sequence(this.#digits(inner, outer), next(false, false)))
    return store.choice(parts)
  }

  #tail(bounds: Bounds, onLow: boolean, onHigh: boolean): ExpressionId {
    const store = this.#store
    if (bounds.form === 'none') return store.empty
    if (bounds.form === 'zeros')
      return store.optional(store.sequence(this.#point, store.repeat(this.#zero, 1, ZERO_FRACTION)))
    const fraction = store.sequence(this.#point, this.#fraction(bounds, 0, onLow, onHigh))
    return this.#mayEnd(bounds, 0, onLow, onHigh) ? store.choice([store.empty, fraction]) : fraction
  }

  /** One or more digits after the point, the first of them number `at`. */
  #fraction(bounds: Bounds, at: number, onLow: boolean, onHigh: boolean): ExpressionId {
    const store = this.#store
    if (!onLow && !onHigh) return store.repeat(this.#digit, 1, FREE_FRACTION)
    const low = onLow ? bounds.low.fraction : ''
    const high = onHigh ? bounds.high!.fraction : ''
    if (at >= low.length && at >= high.length) return this.#pastBounds(bounds, onLow, onHigh)
    const from = onLow ? Number(low[at] ?? 0) : 0
    const to = onHigh ? Number(high[at] ?? 0) : 9
    return this.#branch(from, to, onLow, onHigh, (nextLow, nextHigh) => {
      const more = this.#fraction(bounds, at + 1, nextLow, nextHigh)
      return this.#mayEnd(bounds, at + 1, nextLow, nextHigh) ? store.choice([store.empty, more]) : more
    })
  }

  /** What was read equals a bound of which only zeros are left. */
  #pastBounds(bounds: Bounds, onLow: boolean, onHigh: boolean): ExpressionId {
    const store = this.#store
    if (onHigh) {
      const fits = !bounds.highOpen && !(onLow && bounds.lowOpen)
      return fits ? store.repeat(this.#zero, 1, FREE_FRACTION) : store.fail
    }
    if (!bounds.lowOpen) return store.repeat(this.#digit, 1, FREE_FRACTION)
    const zeros = store.repeat(this.#zero, 0, FREE_FRACTION)
    return store.sequence(zeros, this.#digits(1, 9), store.repeat(this.#digit, 0, FREE_FRACTION))
  }

  /** Whether the number may end after `at` digits of its fraction. */
  #mayEnd(bounds: Bounds, at: number, onLow: boolean, onHigh: boolean): boolean {
    if (onLow && (at < bounds.low.fraction.length || bounds.lowOpen)) return false
    return !onHigh || at < bounds.high!.fraction.length || !bounds.highOpen
  }

  #digits(from: number, to: number): ExpressionId {
    return this.#store.byteClass([[0x30 + from, 0x30 + to]])
  }
}
