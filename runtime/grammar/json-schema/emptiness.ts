import { type ArrayRecord, itemFormula } from './array-record.js'
import type { Expander } from './expander.js'
import { ANYTHING, type Formula, NEVER } from './formula.js'
import { ReferenceCircle } from './issues.js'
import type { ObjectRecord } from './object-record.js'
import type { Shape } from './shape.js'

/** Levels of nesting after which a formula counts as inhabited without a closer look. */
const MAX_DEPTH = 200
/** The same for proofs that two branches exclude each other: what tells them apart stands near the top. */
const PROOF_DEPTH = 4
/** Proofs inside proofs, which the expansion of what they look at may ask for. */
const MAX_PROOFS = 3

/**
 * Whether a formula allows any finite value. A value that must contain itself is none, so a formula that is met
 * again inside its own question counts as empty there. "Inhabited" may be wrong in favour of a value where several
 * counts interact; "empty" never is.
 */
export class Emptiness {
  readonly #expander: Expander
  readonly #known = new Map<Formula, boolean>()
  readonly #open = new Map<Formula, number>()
  #maxDepth = MAX_DEPTH
  /** Least depth of an open formula that the current answer assumed to be empty. */
  #assumed = Number.POSITIVE_INFINITY
  #unsure = false
  #proofs = 0

  constructor(expander: Expander) {
    this.#expander = expander
  }

  isEmpty(formula: Formula): boolean {
    if (formula === ANYTHING || formula === NEVER) return formula === NEVER
    const known = this.#known.get(formula)
    if (known !== undefined) return known
    const openAt = this.#open.get(formula)
    if (openAt !== undefined) {
      this.#assumed = Math.min(this.#assumed, openAt)
      return true
    }
    if (this.#open.size >= this.#maxDepth || this.#expander.isOpen(formula)) {
      this.#unsure = true
      return false
    }
    return this.#settle(formula)
  }

  /** A quick look that may miss emptiness. Safe to call while formulas are being expanded. */
  isSurelyEmpty(formula: Formula): boolean {
    return this.#briefly(() => this.isEmpty(formula))
  }

  /** The same for a record. */
  isSurelyEmptyObject(record: ObjectRecord): boolean {
    return this.#briefly(() => this.isEmptyObject(record))
  }

  #briefly(question: () => boolean): boolean {
    if (this.#proofs >= MAX_PROOFS) return false
    const outer = { depth: this.#maxDepth, assumed: this.#assumed, unsure: this.#unsure }
    const base = this.#open.size
    this.#maxDepth = base + PROOF_DEPTH
    this.#assumed = Number.POSITIVE_INFINITY
    this.#proofs++
    try {
      // What leans on the emptiness of a formula outside of the proof is a guess, and a shape made of it would stay.
      return question() && this.#assumed >= base
    } catch (error) {
      // It came to a formula that is being expanded for the sake of this proof.
      if (error instanceof ReferenceCircle) return false
      throw error
    } finally {
      this.#proofs--
      this.#maxDepth = outer.depth
      this.#assumed = outer.assumed
      this.#unsure = outer.unsure
    }
  }

  #settle(formula: Formula): boolean {
    const depth = this.#open.size
    const outer = { assumed: this.#assumed, unsure: this.#unsure }
    this.#assumed = Number.POSITIVE_INFINITY
    this.#unsure = false
    this.#open.set(formula, depth)
    try {
      const isEmpty = this.isEmptyShape(this.#expander.expand(formula))
      // An answer that leans on a guess about a formula further out holds only inside that one.
      if (isEmpty ? this.#assumed >= depth : !this.#unsure) this.#known.set(formula, isEmpty)
      return isEmpty
    } finally {
      this.#open.delete(formula)
      this.#assumed = Math.min(outer.assumed, this.#assumed >= depth ? Number.POSITIVE_INFINITY : this.#assumed)
      this.#unsure ||= outer.unsure
    }
  }

  isEmptyShape(shape: Shape): boolean {
    if (shape.hasNull || shape.hasTrue || shape.hasFalse || shape.numbers.length > 0) return false
    if (!this.#expander.universe.strings.isEmpty(shape.strings)) return false
    return (
      shape.arrays.every(record => this.isEmptyArray(record)) &&
      shape.objects.every(record => this.isEmptyObject(record))
    )
  }

  isEmptyArray(record: ArrayRecord): boolean {
    const { formulas } = this.#expander.universe
    const forced = Math.min(record.min, record.prefix.length + 1)
    for (let index = 0; index < forced; index++) if (this.isEmpty(itemFormula(record, index))) return true
    return record.contains.some(each => {
      if (each.min === 0) return false
      if (each.min > record.max - each.from) return true
      const last = Math.min(record.max - 1, Math.max(record.prefix.length, each.from))
      for (let index = each.from; index <= last; index++)
        if (!this.isEmpty(formulas.and([itemFormula(record, index), each.formula]))) return false
      return true
    })
  }

  isEmptyObject(record: ObjectRecord): boolean {
    let required = 0
    for (const { formula, required: isRequired } of record.names.values()) {
      if (!isRequired) continue
      required++
      if (this.isEmpty(formula)) return true
    }
    if (required > record.max) return true
    if (record.min > required && !this.#canGrow(record)) return true
    return record.some.some(each => !this.#canHave(record, each.language, each.formula))
  }

  /** Whether enough keys can be found for `min`. */
  #canGrow(record: ObjectRecord): boolean {
    if (record.classes.some(each => !this.isEmpty(each.formula))) return true
    const usable = [...record.names.values()].filter(key => key.required || !this.isEmpty(key.formula))
    return usable.length >= record.min
  }

  #canHave(record: ObjectRecord, language: number, formula: Formula): boolean {
    const { formulas, keys } = this.#expander.universe
    for (const [key, { formula: own }] of record.names)
      if (keys.has(language, key) && !this.isEmpty(formulas.and([own, formula]))) return true
    return record.classes.some(
      each => keys.both(each.language, language) !== null && !this.isEmpty(formulas.and([each.formula, formula])),
    )
  }
}
