import type { Expander } from './expander.js'
import { ANYTHING, type Formula } from './formula.js'
import { ReferenceCircle } from './issues.js'
import type { Shape } from './shape.js'

/** Required keys of an object with the only strings that each may have. */
type Signature = ReadonlyMap<string, ReadonlySet<string>>

/** Tells branches apart by a key that both require with different strings, as tagged unions have it: a quick look. */
export class Discriminators {
  readonly #expander: Expander
  readonly #known = new Map<Formula, Signature | null>()

  constructor(expander: Expander) {
    this.#expander = expander
  }

  exclude(a: Formula, b: Formula): boolean {
    const left = this.#signature(a)
    const right = this.#signature(b)
    if (left === null || right === null) return false
    for (const [key, values] of left) {
      const others = right.get(key)
      if (others !== undefined && isDisjoint(values, others)) return true
    }
    return false
  }

  /** null: the formula does not say "one kind of object". */
  #signature(formula: Formula): Signature | null {
    let signature = this.#known.get(formula)
    if (signature === undefined) {
      if (this.#expander.isOpen(formula)) return null
      const shape = this.#expandApart(formula)
      if (shape === null) return null
      signature = this.#compute(shape)
      this.#known.set(formula, signature)
    }
    return signature
  }

  /** null where the formula comes back to one that is being expanded. */
  #expandApart(formula: Formula): Shape | null {
    try {
      return this.#expander.expand(formula)
    } catch (error) {
      if (error instanceof ReferenceCircle) return null
      throw error
    }
  }

  #compute(shape: Shape): Signature | null {
    const [record] = shape.objects
    const hasScalars = shape.hasNull || shape.hasTrue || shape.hasFalse || shape.numbers.length > 0
    if (record === undefined || shape.objects.length > 1 || hasScalars || shape.arrays.length > 0) return null
    if (!this.#expander.universe.strings.isEmpty(shape.strings)) return null
    const signature = new Map<string, ReadonlySet<string>>()
    for (const [key, named] of record.names) {
      if (!named.required || named.formula === ANYTHING || this.#expander.isOpen(named.formula)) continue
      // A required part may be the very schema whose branches are told apart here: it is no tag.
      const value = this.#expandApart(named.formula)
      if (value === null) continue
      const isText = !value.hasNull && !value.hasTrue && !value.hasFalse && value.numbers.length === 0
      if (isText && value.strings.values !== null && value.arrays.length === 0 && value.objects.length === 0)
        signature.set(key, value.strings.values)
    }
    return signature
  }
}

function isDisjoint(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const value of a) if (b.has(value)) return false
  return true
}
