import type { ArrayRecord } from './array-record.js'
import type { NumberSet } from './number-set.js'
import type { ObjectRecord } from './object-record.js'
import type { StringSet } from './string-set.js'

/** A set of JSON values, one part for each type; of a container only the first level, its children being formulas. */
export interface Shape {
  readonly hasNull: boolean
  readonly hasTrue: boolean
  readonly hasFalse: boolean
  readonly numbers: NumberSet
  readonly strings: StringSet
  /** A union. */
  readonly arrays: readonly ArrayRecord[]
  /** A union. */
  readonly objects: readonly ObjectRecord[]
}
