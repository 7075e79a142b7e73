import type { NodeTable } from '../expression-nodes.js'
import { ANY_ARRAY, type ArrayRecord, complementArray, intersectArrays } from './array-record.js'
import type { FormulaTable } from './formula.js'
import { ALL_NUMBERS, complementNumbers, intersectNumbers, isAllNumbers, NO_NUMBERS } from './number-set.js'
import type { ObjectRecord, ObjectRecords } from './object-record.js'
import type { Shape } from './shape.js'
import { ALL_STRINGS, NO_STRINGS, type StringSets } from './string-set.js'

/** Alternatives of one container type that one value may have; more means a product of many `anyOf`s. */
const MAX_ALTERNATIVES = 2048
/** A product that is longer than this, or that has grown by this factor, is worth thinning out. */
const MANY_ALTERNATIVES = 128
const GROWTH = 1.5
const TOO_MANY = 'the alternatives that its keywords combine to are too many'

/** Union, intersection and complement of shapes, type by type. */
export class ShapeAlgebra {
  readonly anything: Shape
  readonly nothing: Shape
  readonly #formulas: FormulaTable
  readonly #strings: StringSets
  readonly #objects: ObjectRecords
  readonly #nodes: NodeTable

  /** Thins out a union of objects; set once there is somebody to ask which of them are needed. */
  reduceObjects: (records: readonly ObjectRecord[]) => readonly ObjectRecord[] = records => records

  constructor(formulas: FormulaTable, strings: StringSets, objects: ObjectRecords, nodes: NodeTable) {
    this.#formulas = formulas
    this.#strings = strings
    this.#objects = objects
    this.#nodes = nodes
    this.anything = {
      hasNull: true,
      hasTrue: true,
      hasFalse: true,
      numbers: ALL_NUMBERS,
      strings: ALL_STRINGS,
      arrays: [ANY_ARRAY],
      objects: [objects.any],
    }
    this.nothing = {
      hasNull: false,
      hasTrue: false,
      hasFalse: false,
      numbers: NO_NUMBERS,
      strings: NO_STRINGS,
      arrays: [],
      objects: [],
    }
  }

  intersect(a: Shape, b: Shape): Shape {
    if (a === this.anything) return b
    if (b === this.anything) return a
    return {
      hasNull: a.hasNull && b.hasNull,
      hasTrue: a.hasTrue && b.hasTrue,
      hasFalse: a.hasFalse && b.hasFalse,
      numbers: a.numbers === ALL_NUMBERS ? b.numbers : intersectNumbers(a.numbers, b.numbers),
      strings: this.#strings.intersect(a.strings, b.strings),
      arrays: this.#product(a.arrays, b.arrays, (x, y) => intersectArrays(this.#formulas, x, y)),
      objects: this.#objectProduct(a.objects, b.objects),
    }
  }

  unite(shapes: readonly Shape[]): Shape {
    if (shapes.length === 1) return shapes[0]!
    return {
      hasNull: shapes.some(shape => shape.hasNull),
      hasTrue: shapes.some(shape => shape.hasTrue),
      hasFalse: shapes.some(shape => shape.hasFalse),
      numbers: uniteNumbers(shapes),
      strings: this.#strings.uniteAll(shapes.map(shape => shape.strings)),
      arrays: this.#union(
        shapes.flatMap(shape => shape.arrays),
        ANY_ARRAY,
      ),
      objects: this.#union(
        shapes.flatMap(shape => shape.objects),
        this.#objects.any,
      ),
    }
  }

  complement(shape: Shape): Shape {
    return {
      hasNull: !shape.hasNull,
      hasTrue: !shape.hasTrue,
      hasFalse: !shape.hasFalse,
      numbers: complementNumbers(shape.numbers),
      strings: this.#strings.complement(shape.strings),
      arrays: shape.arrays.reduce<readonly ArrayRecord[]>(
        (rest, record) =>
          this.#product(rest, complementArray(this.#formulas, record), (x, y) => intersectArrays(this.#formulas, x, y)),
        [ANY_ARRAY],
      ),
      objects: shape.objects.reduce<readonly ObjectRecord[]>(
        (rest, record) => this.#objectProduct(rest, this.#objects.complement(record)),
        [this.#objects.any],
      ),
    }
  }

  #objectProduct(a: readonly ObjectRecord[], b: readonly ObjectRecord[]): readonly ObjectRecord[] {
    const parts = this.#product(a, b, (x, y) => this.#objects.intersect(x, y))
    const size = Math.max(a.length, b.length)
    return parts.length > MANY_ALTERNATIVES || parts.length > GROWTH * size ? this.reduceObjects(parts) : parts
  }

  #product<Part>(a: readonly Part[], b: readonly Part[], both: (x: Part, y: Part) => Part | null): readonly Part[] {
    const parts: Part[] = []
    for (const left of a) {
      this.#nodes.checkDeadline()
      for (const right of b) {
        const part = both(left, right)
        if (part !== null) parts.push(part)
        if (parts.length > MAX_ALTERNATIVES) throw this.#nodes.tooComplex(TOO_MANY)
      }
    }
    return parts
  }

  #union<Part>(parts: readonly Part[], everything: Part): readonly Part[] {
    if (parts.includes(everything)) return [everything]
    const distinct = [...new Set(parts)]
    if (distinct.length > MAX_ALTERNATIVES) throw this.#nodes.tooComplex(TOO_MANY)
    return distinct
  }
}

function uniteNumbers(shapes: readonly Shape[]) {
  const all = shapes.flatMap(shape => shape.numbers)
  return isAllNumbers(all) ? ALL_NUMBERS : [...new Set(all)]
}
