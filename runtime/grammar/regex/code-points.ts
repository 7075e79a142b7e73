import { complementRanges, normaliseRanges, type Range } from '../utf8-ranges.js'

/** A set of Unicode scalar values: sorted, disjoint, non-adjacent inclusive ranges. */
export type CodePointSet = readonly Range[]

export const LAST_CODE_POINT = 0x10ffff

const SCALARS: CodePointSet = [
  [0, 0xd7ff],
  [0xe000, LAST_CODE_POINT],
]

/** Surrogates fall out: no UTF-8 text holds one. The ranges may overlap and come in any order. */
export function codePointSet(ranges: readonly Range[]): CodePointSet {
  return intersectCodePoints(normaliseRanges(ranges), SCALARS)
}

export function uniteCodePoints(...sets: readonly CodePointSet[]): CodePointSet {
  return codePointSet(sets.flat())
}

export function complementCodePoints(set: CodePointSet): CodePointSet {
  return codePointSet(complementRanges(set))
}

export function intersectCodePoints(a: CodePointSet, b: CodePointSet): CodePointSet {
  const shared: Range[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const low = Math.max(a[i]![0], b[j]![0])
    const high = Math.min(a[i]![1], b[j]![1])
    if (low <= high) shared.push([low, high])
    if (a[i]![1] < b[j]![1]) i++
    else j++
  }
  return shared
}

export function subtractCodePoints(a: CodePointSet, b: CodePointSet): CodePointSet {
  return intersectCodePoints(a, complementCodePoints(b))
}
