import type { ExpressionId, ExpressionStore } from '../expression.js'
import type { JsonText } from '../json-text.js'
import {
  compareDecimals,
  type Decimal,
  decimal,
  decimalOf,
  decimalText,
  equalDecimals,
  negateDecimal,
  ONE,
  ZERO,
} from './decimal.js'
import { MagnitudeText } from './magnitude-text.js'
import { modulusOf, multiplesText } from './multiples-text.js'
import { listNumbers, type NumberRange, type NumberSet, tightenToStep } from './number-set.js'
import { scientificText } from './scientific-text.js'

/** Up to this many multiples between two bounds are written out one by one. */
const MAX_LISTED = 64
/** Past this, finding out whether a multiple is left before a bound takes too many steps. */
const MAX_BOUNDED_MODULUS = 10_000
/** Decimal digits that a double always keeps. */
const FAITHFUL_DIGITS = 15

/** The largest double, and a number past which the way to it is short. */
const LARGEST = decimal(17_976_931_348_623_157n, 292)
const NEAR_LARGEST = decimal(1n, 307)

/**
 * The JSON texts of sets of numbers. An unbounded number may be any JSON number. Elsewhere a number is written
 * plainly (an integer may end in `.0`), or, where JavaScript's own serialiser would, with one digit before the point
 * and an exponent; other ways to spell the same value are not offered.
 */
export class NumberTexts {
  readonly #store: ExpressionStore
  readonly #text: JsonText
  readonly #magnitudes: MagnitudeText
  readonly #known = new Map<string, ExpressionId>()

  constructor(store: ExpressionStore, text: JsonText) {
    this.#store = store
    this.#text = text
    this.#magnitudes = new MagnitudeText(store)
  }

  ofSet(set: NumberSet): ExpressionId {
    return this.#store.choice(set.map(range => this.#ofRange(range)))
  }

  /** The same numbers in the spellings that distinct-values.ts can tell apart by value: none of an unbounded number's other ones. */
  distinct(set: NumberSet): ExpressionId {
    const parts = set.map(exact => {
      const range = readBounds(exact)
      if (isCrossed(range)) return this.#store.fail
      if (range.notSteps.length === 0 && range.step === null) return this.#signed(range, 'any')
      if (range.notSteps.length === 0 && equalDecimals(range.step!, ONE)) return this.#ofRange(range)
      return this.#store.and(this.#ofRange(range), this.#plain({ ...range, low: null, high: null }))
    })
    return this.#store.choice(parts)
  }

  ofValue(value: Decimal): ExpressionId {
    const { exponent } = value
    const length = (value.digits < 0n ? -value.digits : value.digits).toString().length
    // Where JavaScript turns to exponents (Number::toString of ECMA-262), a plain spelling would be all zeros.
    if (exponent + length > 21 || exponent + length <= -6) return this.#exponential(value)
    const zeros = this.#store.repeat(this.#store.literal('0'), 1, 20)
    const tail = exponent >= 0 ? this.#store.optional(this.#store.sequence(this.#store.literal('.'), zeros)) : null
    const more = tail ?? this.#store.repeat(this.#store.literal('0'), 0, 20)
    return this.#store.sequence(this.#store.literal(decimalText(value)), more)
  }

  #exponential(value: Decimal): ExpressionId {
    const magnitude = value.digits < 0n ? negateDecimal(value) : value
    const text = scientificText(this.#store, magnitude, false, magnitude, false)
    return value.digits < 0n ? this.#store.sequence(this.#store.literal('-'), text) : text
  }

  #ofRange(range: NumberRange): ExpressionId {
    const key = keyOf(range)
    let id = this.#known.get(key)
    if (id === undefined) {
      id = this.#build(range)
      this.#known.set(key, id)
    }
    return id
  }

  #build(exact: NumberRange): ExpressionId {
    const store = this.#store
    const range = readBounds(exact)
    if (isCrossed(range)) return store.fail
    const { step, notSteps } = range
    if (notSteps.length > 0) {
      const plain = store.and(this.#plain({ ...range, step: null, notSteps: [] }), this.#faithful())
      const excluded = notSteps.map(each => store.not(this.#multiples(each)))
      const wanted = step === null ? plain : store.and(plain, this.#multiples(step))
      return excluded.reduce((left, right) => store.and(left, right), wanted)
    }
    if (step === null) return this.#unstepped(range)
    const listed = listNumbers([range], MAX_LISTED)
    if (listed !== null && !equalDecimals(step, ONE)) return store.choice(listed.map(value => this.ofValue(value)))
    const tight = tightenToStep(range)
    if (equalDecimals(step, ONE)) return this.#signed(tight, 'zeros')
    const isFree = tight.low === null && tight.high === null
    if (modulusOf(step) > MAX_BOUNDED_MODULUS) {
      if (isFree) return this.#multiples(step)
      throw store.nodes.tooComplex(`multiples of ${decimalText(step)} between bounds need too many states`)
    }
    const multiples = store.and(this.#multiples(step), this.#faithful())
    return isFree ? multiples : store.and(this.#plain(tight), multiples)
  }

  /** Plain texts short enough that a double holds their value as it stands, so that its reader sees the same multiples. */
  #faithful(): ExpressionId {
    const store = this.#store
    let rest = store.empty
    for (let left = 1; left < FAITHFUL_DIGITS; left++) {
      const fraction = store.sequence(store.literal('.'), store.repeat(this.#text.digit, 1, left))
      rest = store.choice([store.empty, fraction, store.sequence(this.#text.digit, rest)])
    }
    const zeros = store.repeat(store.literal('0'), 0, FAITHFUL_DIGITS)
    const whole = store.sequence(this.#text.digit, rest)
    const spare = store.sequence(
      this.#text.digit,
      store.repeat(this.#text.digit, 0, FAITHFUL_DIGITS - 1),
      store.literal('.'),
      store.literal('0'),
      zeros,
    )
    return store.sequence(store.optional(store.literal('-')), store.choice([whole, spare]))
  }

  #unstepped(range: NumberRange): ExpressionId {
    if (range.low === null && range.high === null) return this.#text.number
    if (range.low !== null && range.high !== null && equalDecimals(range.low, range.high))
      return this.ofValue(range.low)
    return this.#signed(range, 'any')
  }

  /** Without exponents: what the automata for multiples can be intersected with. */
  #plain(range: NumberRange): ExpressionId {
    return this.#signed(range, 'plain')
  }

  #multiples(step: Decimal): ExpressionId {
    const key = `multiples ${step.digits}e${step.exponent}`
    let id = this.#known.get(key)
    if (id === undefined) {
      id = multiplesText(this.#store, step)
      this.#known.set(key, id)
    }
    return id
  }

  #signed(range: NumberRange, form: 'any' | 'plain' | 'zeros'): ExpressionId {
    const store = this.#store
    const { low, high, lowOpen, highOpen } = range
    const parts: ExpressionId[] = []
    if (high === null || compareDecimals(high, ZERO) >= 0) {
      const fromZero = low === null || compareDecimals(low, ZERO) < 0
      parts.push(this.#magnitude(fromZero ? ZERO : low, fromZero ? false : lowOpen, high, highOpen, form))
    }
    if (low === null || compareDecimals(low, ZERO) < 0) {
      const toZero = high === null || compareDecimals(high, ZERO) >= 0
      const bottom = toZero ? ZERO : negateDecimal(high)
      const top = low === null ? null : negateDecimal(low)
      const isOpen = toZero ? high !== null && highOpen && compareDecimals(high, ZERO) === 0 : highOpen
      parts.push(store.sequence(store.literal('-'), this.#magnitude(bottom, isOpen, top, lowOpen, form)))
    }
    return store.choice(parts)
  }

  #magnitude(
    low: Decimal,
    lowOpen: boolean,
    high: Decimal | null,
    highOpen: boolean,
    form: 'any' | 'plain' | 'zeros',
  ): ExpressionId {
    const top = high ?? (compareDecimals(low, NEAR_LARGEST) >= 0 ? LARGEST : null)
    const plain = this.#magnitudes.between(low, lowOpen, top, highOpen, form === 'zeros' ? 'zeros' : 'any')
    if (form === 'plain') return plain
    const scientific = scientificText(this.#store, low, lowOpen, top, highOpen, form === 'zeros')
    return this.#store.choice([plain, scientific])
  }
}

function keyOf(range: NumberRange): string {
  const text = (value: Decimal | null) => (value === null ? '' : `${value.digits}e${value.exponent}`)
  const { low, lowOpen, high, highOpen, step, notSteps } = range
  return [text(low), lowOpen, text(high), highOpen, text(step), ...notSteps.map(text)].join()
}

/**
 * The range with every excluded bound moved to the next double inside. A text close to the bound would be outside by
 * its digits and on the bound for whoever reads it as a double; no double is lost. Next to 0 no text comes that close.
 */
function readBounds(range: NumberRange): NumberRange {
  const { low, lowOpen, high, highOpen } = range
  const from = low !== null && lowOpen ? nextDouble(low) : null
  const to = high !== null && highOpen ? nextDouble(negateDecimal(high)) : null
  return {
    ...range,
    ...(from !== null && { low: from, lowOpen: false }),
    ...(to !== null && { high: negateDecimal(to), highOpen: false }),
  }
}

function isCrossed({ low, high }: NumberRange): boolean {
  return low !== null && high !== null && compareDecimals(low, high) > 0
}

/** The shortest decimal of the least double above that of a number; null for 0, and for what no double comes near. */
function nextDouble(value: Decimal): Decimal | null {
  const double = new Float64Array([Number(`${value.digits}e${value.exponent}`)])
  if (double[0] === 0 || !Number.isFinite(double[0])) return null
  const bits = new BigInt64Array(double.buffer)
  bits[0] = bits[0]! + (double[0]! > 0 ? 1n : -1n)
  return decimalOf(double[0]!)
}
