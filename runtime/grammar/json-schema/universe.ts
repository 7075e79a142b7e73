import type { ExpressionStore } from '../expression.js'
import { ANY_ARRAY, type ArrayRecord } from './array-record.js'
import { decimalOf } from './decimal.js'
import { type Formula, FormulaTable, NEVER } from './formula.js'
import { createKeyLanguages } from './key-languages.js'
import { type NumberSet, oneNumber } from './number-set.js'
import { type KeyLanguages, type NamedKey, type ObjectRecord, ObjectRecords } from './object-record.js'
import { isObject } from './schema-index.js'
import type { Shape } from './shape.js'
import { ShapeAlgebra } from './shape-algebra.js'
import { type StringSet, StringSets, stringsOf } from './string-set.js'

/** The tables that one compilation shares, and constructors of the shapes that keywords ask for. */
export class Universe {
  readonly store: ExpressionStore
  readonly formulas = new FormulaTable()
  readonly strings: StringSets
  readonly keys: KeyLanguages
  readonly objects: ObjectRecords
  readonly shapes: ShapeAlgebra
  readonly #values = new Map<string, Formula>()

  constructor(store: ExpressionStore) {
    this.store = store
    this.strings = new StringSets(store)
    this.keys = createKeyLanguages(store, this.strings)
    this.objects = new ObjectRecords(this.keys, this.formulas)
    this.shapes = new ShapeAlgebra(this.formulas, this.strings, this.objects, store.nodes)
  }

  /** Any value but these numbers. */
  ofNumbers(numbers: NumberSet): Formula {
    return this.#only({ numbers })
  }

  ofStrings(strings: StringSet): Formula {
    return this.#only({ strings })
  }

  ofArrays(...arrays: readonly ArrayRecord[]): Formula {
    return this.#only({ arrays })
  }

  ofObjects(...objects: readonly ObjectRecord[]): Formula {
    return this.#only({ objects })
  }

  /** Objects and nothing else. */
  objectsAlone(...objects: readonly ObjectRecord[]): Formula {
    return this.formulas.shape({ ...this.shapes.nothing, objects })
  }

  #only(part: Partial<Shape>): Formula {
    return this.formulas.shape({ ...this.shapes.anything, ...part })
  }

  /** One JSON value; numbers compare by value, objects without regard to order. */
  value(value: unknown): Formula {
    const key = JSON.stringify(value)
    let formula = this.#values.get(key)
    if (formula === undefined) {
      formula = this.formulas.shape(this.#shapeOfValue(value))
      this.#values.set(key, formula)
    }
    return formula
  }

  /** Any of these values. */
  values(values: readonly unknown[]): Formula {
    const shape: Shape = {
      hasNull: values.includes(null),
      hasTrue: values.includes(true),
      hasFalse: values.includes(false),
      numbers: values.filter(value => typeof value === 'number').flatMap(value => oneNumber(decimalOf(value))),
      strings: stringsOf(values.filter(value => typeof value === 'string')),
      arrays: values.filter(value => Array.isArray(value)).map(value => this.#arrayOf(value)),
      objects: values.filter(isObject).map(value => this.#objectOf(value)),
    }
    return this.formulas.shape(shape)
  }

  #shapeOfValue(value: unknown): Shape {
    const { nothing } = this.shapes
    if (value === null) return { ...nothing, hasNull: true }
    if (value === true) return { ...nothing, hasTrue: true }
    if (value === false) return { ...nothing, hasFalse: true }
    if (typeof value === 'number') return { ...nothing, numbers: oneNumber(decimalOf(value)) }
    if (typeof value === 'string') return { ...nothing, strings: stringsOf([value]) }
    if (Array.isArray(value)) return { ...nothing, arrays: [this.#arrayOf(value)] }
    return { ...nothing, objects: [this.#objectOf(value as Readonly<Record<string, unknown>>)] }
  }

  #arrayOf(items: readonly unknown[]): ArrayRecord {
    const prefix = items.map(item => this.value(item))
    return { ...ANY_ARRAY, prefix, rest: NEVER, min: items.length, max: items.length }
  }

  #objectOf(value: Readonly<Record<string, unknown>>): ObjectRecord {
    const names = new Map<string, NamedKey>()
    for (const [key, item] of Object.entries(value))
      names.set(key, { formula: this.value(item), required: true, declared: true })
    return { ...this.objects.any, names, classes: [] }
  }
}
