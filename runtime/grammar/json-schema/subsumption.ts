import type { Expander } from './expander.js'
import { ANYTHING, type Formula, NEVER } from './formula.js'
import type { ObjectRecord } from './object-record.js'

/** Unions up to this long are left as they are. */
const SMALL = 8

/**
 * Thins out unions of object records: those that hold no object, and those that another one holds already. Products
 * of many alternatives would grow beyond all bounds without it.
 */
export class Subsumption {
  readonly #expander: Expander

  constructor(expander: Expander) {
    this.#expander = expander
  }

  reduce(records: readonly ObjectRecord[]): readonly ObjectRecord[] {
    if (records.length <= SMALL) return records
    const { emptiness } = this.#expander
    const kept: ObjectRecord[] = []
    for (const record of records) {
      this.#expander.universe.store.nodes.checkDeadline()
      if (emptiness.isSurelyEmptyObject(record)) continue
      if (kept.some(other => this.#isWithin(record, other))) continue
      let count = 0
      for (const other of kept) if (!this.#isWithin(other, record)) kept[count++] = other
      kept.length = count
      kept.push(record)
    }
    return kept
  }

  #isWithin(inner: ObjectRecord, outer: ObjectRecord): boolean {
    const { objects } = this.#expander.universe
    if (inner.max > outer.max || inner.min < outer.min) return false
    if (!outer.some.every(each => inner.some.includes(each))) return false
    for (const [key, { formula, required }] of outer.names) {
      if (required && inner.names.get(key)?.required !== true) return false
      if (!this.#implies(objects.formulaOf(inner, key), formula)) return false
    }
    for (const [key, { formula }] of inner.names)
      if (!outer.names.has(key) && !this.#implies(formula, objects.formulaOf(outer, key))) return false
    if (inner.classes === outer.classes) return true
    const { anything } = this.#expander.universe.keys
    return inner.classes.every(each =>
      outer.classes.some(
        other =>
          (other.language === each.language || other.language === anything) &&
          this.#implies(each.formula, other.formula),
      ),
    )
  }

  #implies(formula: Formula, other: Formula): boolean {
    if (formula === other || other === ANYTHING || formula === NEVER) return true
    const { formulas } = this.#expander.universe
    return this.#expander.emptiness.isSurelyEmpty(formulas.and([formula, formulas.not(other)]))
  }
}
