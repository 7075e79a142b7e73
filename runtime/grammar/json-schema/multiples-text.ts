import type { ExpressionId, ExpressionStore } from '../expression.js'
import type { Decimal } from './decimal.js'

const MAX_MODULUS = 10n ** 14n
/** Zeros that may follow the last digit that counts. */
const SPARE_ZEROS = 20

/**
 * Plain decimal texts of the whole multiples of `step`: an automaton over digits that keeps the remainder. After the
 * point it goes on for as many digits as the step has; further digits must be 0. States are made as they are visited.
 */
export function multiplesText(store: ExpressionStore, step: Decimal): ExpressionId {
  const places = Math.max(0, -step.exponent)
  const modulus = modulusOf(step)
  if (modulus > MAX_MODULUS) throw store.nodes.tooComplex(`multiples of ${modulus} need too many states`)
  const automaton = new Multiples(store, Number(modulus), places)
  return store.sequence(store.optional(store.literal('-')), automaton.start())
}

/** Remainders that the automaton tells apart. */
export function modulusOf(step: Decimal): bigint {
  return step.digits * 10n ** BigInt(Math.max(0, step.exponent))
}

class Multiples {
  readonly #store: ExpressionStore
  readonly #modulus: number
  readonly #places: number
  readonly #states = new Map<string, ExpressionId>()

  constructor(store: ExpressionStore, modulus: number, places: number) {
    this.#store = store
    this.#modulus = modulus
    this.#places = places
  }

  start(): ExpressionId {
    const store = this.#store
    const others = this.#digits(1, value => this.#whole(value % this.#modulus))
    return store.choice([store.sequence(store.literal('0'), this.#point(0)), others])
  }

  /** After some digits before the point, with `remainder` so far. */
  #whole(remainder: number): ExpressionId {
    return this.#state(`w${remainder}`, true, () =>
      this.#store.choice([
        this.#digits(0, digit => this.#whole((remainder * 10 + digit) % this.#modulus)),
        this.#point(remainder),
      ]),
    )
  }

  /** The end, or the point and what follows it. */
  #point(remainder: number): ExpressionId {
    const more = this.#store.sequence(this.#store.literal('.'), this.#fraction(remainder, 0))
    return this.#isMultiple(remainder, 0) ? this.#store.choice([this.#store.empty, more]) : more
  }

  /** One or more digits, the first of them number `at` after the point. */
  #fraction(remainder: number, at: number): ExpressionId {
    const store = this.#store
    if (at === this.#places) return remainder === 0 ? store.repeat(store.literal('0'), 1, SPARE_ZEROS) : store.fail
    return this.#state(`f${at},${remainder}`, false, () =>
      this.#digits(0, digit => {
        const next = (remainder * 10 + digit) % this.#modulus
        const more = this.#fraction(next, at + 1)
        return this.#isMultiple(next, at + 1) ? store.choice([store.empty, more]) : more
      }),
    )
  }

  /** Whether the number is a multiple when it ends after `at` digits of its fraction. */
  #isMultiple(remainder: number, at: number): boolean {
    let rest = remainder
    for (let place = at; place < this.#places; place++) rest = (rest * 10) % this.#modulus
    return rest === 0
  }

  #digits(from: number, next: (digit: number) => ExpressionId): ExpressionId {
    const parts: ExpressionId[] = []
    for (let digit = from; digit <= 9; digit++)
      parts.push(this.#store.sequence(this.#store.literal(String(digit)), next(digit)))
    return this.#store.choice(parts)
  }

  /** Before the point any remainder can still come to 0; after it that takes a look. */
  #state(key: string, nonEmpty: boolean, define: () => ExpressionId): ExpressionId {
    let id = this.#states.get(key)
    if (id === undefined) {
      id = this.#store.rule('multipleOf', define, { nonEmpty })
      this.#states.set(key, id)
    }
    return id
  }
}
