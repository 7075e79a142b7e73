import type { ExpressionId, ExpressionStore } from './expression.js'
import { FAIL } from './expression-nodes.js'
import { type Decimal, decimal } from './json-schema/decimal.js'
import { MagnitudeText } from './json-schema/magnitude-text.js'
import { scientificText } from './json-schema/scientific-text.js'
import { StringSets } from './json-schema/string-set.js'

export type Scalar = string | number | boolean | null

/** Texts of one item: what is asked of each type of value, `fail` for none. */
export interface ItemTexts {
  /** Between the quotes, in the spellings of the alphabet 'json-string'. */
  readonly strings: ExpressionId
  /** Plainly written, or with one digit before the point and an exponent; at most 24 digits after the point. */
  readonly numbers: ExpressionId
  /** All numbers are integers. */
  readonly isWhole: boolean
  readonly words: readonly (boolean | null)[]
  /** So many values or more; ROOM stands for all that is over it. */
  readonly count: number
}

/** Items that one array may hold, and the values that make an item safe never to run out. */
export const ROOM = 4_096

/** Expressions for items but for the values that were there before. */
export class DistinctValues {
  readonly #store: ExpressionStore
  readonly #values: Scalar[] = []
  readonly #ids = new Map<Scalar, number>()
  readonly #spellings = new Map<string, ExpressionId>()

  constructor(store: ExpressionStore) {
    this.#store = store
  }

  get values(): readonly Scalar[] {
    return this.#values
  }

  /** The number of the value that a JSON text of a scalar has; equal values have one number, as readers of doubles see them. */
  idOf(text: string): number {
    return this.add(JSON.parse(text) as Scalar)
  }

  add(value: Scalar): number {
    // A map takes -0 for 0, as JSON Schema does.
    let id = this.#ids.get(value)
    if (id === undefined) {
      id = this.#values.push(value === 0 ? 0 : value) - 1
      this.#ids.set(value, id)
    }
    return id
  }

  /** The texts of an item that has none of these values. */
  without(item: ItemTexts, seen: readonly number[]): ExpressionId {
    const store = this.#store
    const values = seen.map(id => this.#values[id] as Scalar)
    const parts = item.words.filter(word => !values.includes(word)).map(word => store.literal(String(word)))
    if (item.strings !== FAIL) {
      const taken = values.filter(value => typeof value === 'string').map(value => this.#string(value))
      parts.push(store.sequence(store.literal('"'), this.#but(item.strings, taken), store.literal('"')))
    }
    if (item.numbers !== FAIL) {
      const taken = values.filter(value => typeof value === 'number').map(value => this.#number(value, item.isWhole))
      parts.push(this.#but(item.numbers, taken))
    }
    return store.choice(parts)
  }

  #but(language: ExpressionId, taken: readonly ExpressionId[]): ExpressionId {
    return taken.length === 0 ? language : this.#store.and(language, this.#store.not(this.#store.choice(taken)))
  }

  #string(value: string): ExpressionId {
    return this.#remember(`s${value}`, () => new StringSets(this.#store).spellings(value))
  }

  /** All spellings of the numbers that a reader rounds to this one. */
  #number(value: number, isWhole: boolean): ExpressionId {
    return this.#remember(`${isWhole ? 'i' : 'n'}${value}`, () => {
      const size = Math.abs(value)
      const leading = size === 0 ? LEAST_EXPONENT : Number(size.toExponential().split('e')[1])
      const plain = roundingTo(size, isWhole ? 0 : -DIGITS)
      const scientific = roundingTo(size, isWhole ? 0 : leading - DIGITS)
      const magnitude = this.#store.choice([
        plain === null ? FAIL : new MagnitudeText(this.#store).between(plain.low, false, plain.high, false, 'any'),
        scientific === null ? FAIL : scientificText(this.#store, scientific.low, false, scientific.high, false),
      ])
      const minus = this.#store.literal('-')
      if (value > 0) return magnitude
      return this.#store.sequence(value < 0 ? minus : this.#store.optional(minus), magnitude)
    })
  }

  #remember(key: string, make: () => ExpressionId): ExpressionId {
    let id = this.#spellings.get(key)
    if (id === undefined) {
      id = make()
      this.#spellings.set(key, id)
    }
    return id
  }
}

/** Doubles are whole multiples of 2 ** -1074; halfway between two of them lies a multiple of 2 ** -1075. */
const HALF_PLACES = 1_075
/** Digits after the point that a spelling has at most, and the least exponent of one. */
const DIGITS = 24
const LEAST_EXPONENT = -324

/**
 * Bounds on the decimals that are read as `value`, which is not below zero (round to nearest, ties to even: IEEE
 * 754, section 4.3.1), rounded inwards to multiples of 10 ** exponent; null when none of those is.
 */
function roundingTo(value: number, exponent: number): { readonly low: Decimal; readonly high: Decimal } | null {
  const bits = new BigUint64Array(Float64Array.of(value).buffer)[0]!
  const isOpen = (bits & 1n) === 1n
  const units = unitsOf(bits)
  const lowest = bits === 0n ? 0n : units + unitsOf(bits - 1n)
  const highest = units + unitsOf(bits + 1n)
  const cut = HALF_PLACES + exponent
  const divisor = cut > 0 ? 10n ** BigInt(cut) : 1n
  const factor = 5n ** BigInt(HALF_PLACES) * (cut > 0 ? 1n : 10n ** BigInt(-cut))
  const [bottom, top] = [lowest * factor, highest * factor]
  // A bound that does not belong to the rest moves inwards by one place, so that both are closed.
  const first = bottom / divisor + (isOpen || bottom % divisor > 0n ? 1n : 0n)
  const last = top / divisor - (isOpen && top % divisor === 0n ? 1n : 0n)
  return first > last ? null : { low: decimal(first, exponent), high: decimal(last, exponent) }
}

function unitsOf(bits: bigint): bigint {
  const exponent = bits >> 52n
  const mantissa = bits & 0xfffffffffffffn
  return exponent === 0n ? mantissa : (mantissa | 0x10000000000000n) << (exponent - 1n)
}
