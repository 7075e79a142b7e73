import type { Profile, Size } from './spec.js'

/**
 * The canvas that keeps most of the picture's pixels and, among equals, wastes least; the first in the list wins ties.
 * All arithmetic is in doubles in the order of the reference code: the truncations below make that visible.
 */
export function selectCanvas(picture: Size, pinpoints: readonly Size[]): Size {
  let best = pinpoints[0]!
  let bestKept = 0
  let bestWaste = Number.POSITIVE_INFINITY
  for (const canvas of pinpoints) {
    const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height)
    const scaled = Math.trunc(picture.width * scale) * Math.trunc(picture.height * scale)
    const kept = Math.min(scaled, picture.width * picture.height)
    const waste = canvas.width * canvas.height - kept
    if (kept > bestKept || (kept === bestKept && waste < bestWaste)) {
      best = canvas
      bestKept = kept
      bestWaste = waste
    }
  }
  return best
}

/** Largest size within the canvas that keeps the picture's proportions. 300x300 into 336x672 is 336x337: the product is a hair over 336. */
export function fitWithin(picture: Size, canvas: Size): Size {
  const scaleWidth = canvas.width / picture.width
  const scaleHeight = canvas.height / picture.height
  return scaleWidth < scaleHeight
    ? { width: canvas.width, height: Math.min(Math.ceil(picture.height * scaleWidth), canvas.height) }
    : { width: Math.min(Math.ceil(picture.width * scaleHeight), canvas.width), height: canvas.height }
}

/** The part of a feature map that is kept: `rows` x `columns` from (`top`, `left`). Either may be 0. */
export interface Region {
  readonly top: number
  readonly left: number
  readonly rows: number
  readonly columns: number
}

/**
 * Drops the rows or columns that are padding by the picture's proportions. The true paste offset is not used, so that a
 * fringe of padding can stay or a fringe of picture can go: the model was trained so.
 */
export function unpad(picture: Size, map: Size, profile: Profile): Region {
  if (picture.width / picture.height > map.width / map.height) {
    const height = roundDown(picture.height * (map.width / picture.width), profile)
    const top = Math.floor((map.height - height) / 2)
    return { top, left: 0, rows: map.height - 2 * top, columns: map.width }
  }
  const width = roundDown(picture.width * (map.height / picture.height), profile)
  const left = Math.floor((map.width - width) / 2)
  return { top: 0, left, rows: map.height, columns: map.width - 2 * left }
}

/** `hf` rounds to seven digits first, so that 27.999999999999996 counts as 28 there and as 27 in `orig`. */
function roundDown(value: number, profile: Profile): number {
  return Math.trunc(profile === 'hf' ? Number(value.toFixed(7)) : value)
}

/**
 * Size of the map under the bound of `anyres_max_N`: unchanged, or divided by the factor by which its side is too long.
 * A factor up to 1.1 is let pass.
 */
export function boundMap(region: Region, side: number, maxTiles: number): { rows: number; columns: number } {
  const factor = Math.sqrt((region.rows * region.columns) / (maxTiles * side * side))
  if (!(factor > 1.1)) return { rows: region.rows, columns: region.columns }
  return { rows: floorDivide(region.rows, factor), columns: floorDivide(region.columns, factor) }
}

/** Floor of the exact quotient, by the remainder: a rounded quotient can reach an integer that the exact one does not. */
function floorDivide(dividend: number, divisor: number): number {
  const quotient = (dividend - (dividend % divisor)) / divisor
  return Math.round(quotient)
}
