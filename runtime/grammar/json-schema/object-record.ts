import type { ExpressionId } from '../expression.js'
import { ANYTHING, type Formula, NEVER } from './formula.js'

/** What one key must meet. */
export interface NamedKey {
  readonly formula: Formula
  readonly required: boolean
  /** Whether `properties` lists the key, so that it has a place in the order; else it stands among the further keys. */
  readonly declared: boolean
}

/** Keys out of a language (JSON spellings without quotes, alphabet 'json-string') and what their values must meet. */
export interface KeyClass {
  readonly language: ExpressionId
  readonly formula: Formula
}

/** A set of objects: all of its parts hold at once. */
export interface ObjectRecord {
  readonly names: ReadonlyMap<string, NamedKey>
  /** Disjoint; for keys that are not among `names`. A key in no class is forbidden. */
  readonly classes: readonly KeyClass[]
  /** Number of keys. */
  readonly min: number
  readonly max: number
  /** For each, some key in its language has a value that meets its formula. */
  readonly some: readonly KeyClass[]
}

/** Languages of keys, as far as records need them. */
export interface KeyLanguages {
  readonly anything: ExpressionId
  has(language: ExpressionId, key: string): boolean
  /** The strings in both; null when there are none. */
  both(a: ExpressionId, b: ExpressionId): ExpressionId | null
  /** The strings in `a` alone; null when there are none. */
  without(a: ExpressionId, b: ExpressionId): ExpressionId | null
  /** Any of these strings. */
  names(keys: Iterable<string>): ExpressionId
}

/** The connectives of the formula table. */
export interface Connectives {
  and(formulas: readonly Formula[]): Formula
  not(formula: Formula): Formula
}

export class ObjectRecords {
  readonly any: ObjectRecord
  /** Whether a formula is quickly seen to allow nothing; set once there is somebody to ask. */
  isSurelyEmpty: (formula: Formula) => boolean = () => false
  readonly #keys: KeyLanguages
  readonly #formulas: Connectives

  constructor(keys: KeyLanguages, formulas: Connectives) {
    this.#keys = keys
    this.#formulas = formulas
    this.any = {
      names: new Map(),
      classes: [{ language: keys.anything, formula: ANYTHING }],
      min: 0,
      max: Number.POSITIVE_INFINITY,
      some: [],
    }
  }

  /** The object may have only keys of `classes`, with the values that these ask for. */
  ofClasses(classes: readonly KeyClass[]): ObjectRecord {
    return { ...this.any, classes }
  }

  withName(key: string, formula: Formula, required: boolean, declared = false): ObjectRecord {
    return { ...this.any, names: new Map([[key, { formula, required, declared }]]) }
  }

  formulaOf(record: ObjectRecord, key: string): Formula {
    return record.names.get(key)?.formula ?? this.classFormula(record.classes, key)
  }

  classFormula(classes: readonly KeyClass[], key: string): Formula {
    return classes.find(each => this.#keys.has(each.language, key))?.formula ?? NEVER
  }

  /** null when no object is in both. */
  intersect(a: ObjectRecord, b: ObjectRecord): ObjectRecord | null {
    if (a === this.any) return b
    if (b === this.any) return a
    const names = new Map<string, NamedKey>()
    const declared = [...a.names, ...b.names].filter(([, key]) => key.declared)
    for (const [key] of [...declared, ...a.names, ...b.names]) {
      if (names.has(key)) continue
      const [left, right] = [a.names.get(key), b.names.get(key)]
      const pair = [this.formulaOf(a, key), this.formulaOf(b, key)]
      const formula = this.#formulas.and(pair)
      const required = (left?.required ?? false) || (right?.required ?? false)
      if (required && (formula === NEVER || (!pair.includes(formula) && this.isSurelyEmpty(formula)))) return null
      names.set(key, { formula, required, declared: (left?.declared ?? false) || (right?.declared ?? false) })
    }
    const min = Math.max(a.min, b.min)
    const max = Math.min(a.max, b.max)
    if (min > max) return null
    return { names, classes: this.#intersectClasses(a.classes, b.classes), min, max, some: [...a.some, ...b.some] }
  }

  #intersectClasses(a: readonly KeyClass[], b: readonly KeyClass[]): readonly KeyClass[] {
    const classes: KeyClass[] = []
    for (const left of a) {
      for (const right of b) {
        const formula = this.#formulas.and([left.formula, right.formula])
        const language = formula === NEVER ? null : this.#keys.both(left.language, right.language)
        if (language !== null) classes.push({ language, formula })
      }
    }
    return classes
  }

  /** Every object that is not in the record, as a union. */
  complement(record: ObjectRecord): ObjectRecord[] {
    const parts: ObjectRecord[] = []
    for (const [key, { formula, required, declared }] of record.names) {
      if (required) parts.push(this.withName(key, NEVER, false))
      if (formula !== ANYTHING) parts.push(this.withName(key, this.#formulas.not(formula), true, declared))
    }
    parts.push(...this.#strayKeys(record))
    if (record.min > 0) parts.push({ ...this.any, max: record.min - 1 })
    if (record.max !== Number.POSITIVE_INFINITY) parts.push({ ...this.any, min: record.max + 1 })
    for (const each of record.some) {
      const others = this.#keys.without(this.#keys.anything, each.language)
      const classes = [{ language: each.language, formula: this.#formulas.not(each.formula) }]
      if (others !== null) classes.push({ language: others, formula: ANYTHING })
      parts.push(this.ofClasses(classes))
    }
    return parts
  }

  /** Objects with a key outside of the names whose value its class does not allow, or that is in no class. */
  #strayKeys(record: ObjectRecord): ObjectRecord[] {
    const named = this.#keys.names(record.names.keys())
    let unclaimed = this.#keys.without(this.#keys.anything, named)
    const parts: ObjectRecord[] = []
    for (const { language, formula } of record.classes) {
      unclaimed = unclaimed === null ? null : this.#keys.without(unclaimed, language)
      if (formula === ANYTHING) continue
      const stray = this.#keys.without(language, named)
      if (stray !== null) parts.push({ ...this.any, some: [{ language: stray, formula: this.#formulas.not(formula) }] })
    }
    if (unclaimed !== null) parts.push({ ...this.any, some: [{ language: unclaimed, formula: ANYTHING }] })
    return parts
  }
}
