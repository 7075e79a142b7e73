import type { EncodeItem } from './protocol.js'

/** Rows that one feature row is made of when they are combined and `taps` is not stated. */
const TAPS = 4

/** Stands for the newline vector among the rows of `gather`. */
const NEWLINE = -1

export interface RowSource {
  /** The item's own projected rows, [tiles * rows per tile, hiddenSize]. */
  readonly projected: Float32Array
  /** [hiddenSize]; null when the model has none. */
  readonly newline: Float32Array | null
  readonly hiddenSize: number
}

/** How many feature rows an item yields from `available` projected rows. */
export function countRows({ gather, combine }: Pick<EncodeItem, 'gather' | 'combine'>, available: number): number {
  if (gather === null) return available
  return combine === undefined ? gather.length : gather.length / (combine.taps ?? TAPS)
}

/** Throws RangeError when `gather` and `combine` do not fit together, or name rows that there are not. */
export function checkRows(
  { gather, combine }: Pick<EncodeItem, 'gather' | 'combine'>,
  available: number,
  hasNewline: boolean,
): void {
  const taps = combine?.taps ?? TAPS
  if (combine !== undefined && (gather === null || gather.length % taps !== 0))
    throw new RangeError(`${gather?.length ?? 'no'} rows to combine; ${taps} for each feature row are needed`)
  if (combine?.kind === 'blend' && combine.weights.length !== gather?.length)
    throw new RangeError(`${combine.weights.length} weights for ${gather?.length} rows`)
  for (const row of gather ?? []) {
    if (row < NEWLINE || row >= available) throw new RangeError(`row ${row} of a picture of ${available} rows`)
    if (row === NEWLINE && !hasNewline) throw new RangeError('the model has no image_newline vector')
  }
}

/** Writes the item's feature rows from element `first` of `destination` on. `checkRows` must have passed. */
export function layOutRows(
  { gather, combine }: Pick<EncodeItem, 'gather' | 'combine'>,
  source: RowSource,
  destination: Float32Array,
  first: number,
): void {
  const { projected, hiddenSize } = source
  if (gather === null) {
    destination.set(projected, first)
    return
  }
  if (combine === undefined) {
    for (let i = 0; i < gather.length; i++) destination.set(rowOf(source, gather[i]!), first + i * hiddenSize)
    return
  }
  const { taps = TAPS } = combine
  for (let tap = 0; tap < gather.length; tap++) {
    const row = rowOf(source, gather[tap]!)
    const start = first + Math.floor(tap / taps) * hiddenSize
    const isFirst = tap % taps === 0
    if (combine.kind === 'max') {
      for (let i = 0; i < hiddenSize; i++) {
        if (isFirst || row[i]! > destination[start + i]!) destination[start + i] = row[i]!
      }
    } else {
      const weight = combine.weights[tap]!
      for (let i = 0; i < hiddenSize; i++) {
        destination[start + i] = (isFirst ? 0 : destination[start + i]!) + weight * row[i]!
      }
    }
  }
}

function rowOf({ projected, newline, hiddenSize }: RowSource, row: number): Float32Array {
  return row === NEWLINE ? newline! : projected.subarray(row * hiddenSize, (row + 1) * hiddenSize)
}
