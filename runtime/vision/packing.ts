import { boundMap, type Region } from './grid.js'
import type { VisionSpec } from './spec.js'

/** Row number that stands for the model's image_newline vector. */
export const NEWLINE = -1

/**
 * How the features of a picture come from the projected tiles, whose rows are numbered row-major over
 * [views * featuresPerTile]. `gather`: row i is row rows[i]; null is all in order. `blend`: row i is the sum over its taps
 * k of weights[taps i + k] times row rows[taps i + k]. `max`: row i is the element-wise maximum of its taps. A row has
 * four taps where `taps` is absent.
 */
export type Packing =
  | { readonly kind: 'gather'; readonly rows: readonly number[] | null }
  | {
      readonly kind: 'blend'
      readonly rows: readonly number[]
      readonly weights: readonly number[]
      readonly taps?: number
    }
  | { readonly kind: 'max'; readonly rows: readonly number[]; readonly taps?: number }

/** A grid of tiles joined to one map of [gridRows * side, gridColumns * side] features. `firstRow` is where its tiles begin among the rows. */
export interface TileMap {
  readonly gridColumns: number
  readonly side: number
  readonly firstRow: number
}

function rowAt(map: TileMap, y: number, x: number): number {
  const { side } = map
  const tile = Math.floor(y / side) * map.gridColumns + Math.floor(x / side)
  return map.firstRow + tile * side * side + (y % side) * side + (x % side)
}

/** Tiles in order, then the rest of the view list: for `flat`, and for a single view. */
export function packFlat(features: number, newline: boolean): number[] | null {
  return newline ? [...range(0, features), NEWLINE] : null
}

/** The kept region, row by row, each row closed by a newline where the model has one. */
export function packRegion(map: TileMap, region: Region, newline: boolean): number[] {
  const rows: number[] = []
  for (let y = region.top; y < region.top + region.rows; y++) {
    for (let x = region.left; x < region.left + region.columns; x++) rows.push(rowAt(map, y, x))
    if (newline) rows.push(NEWLINE)
  }
  return rows
}

/** Taps of 2 x 2 blocks; a last odd row or column is dropped. */
export function packMaxPool(map: TileMap, rows: number, columns: number): number[] {
  const taps: number[] = []
  for (let y = 0; y + 1 < rows; y += 2) {
    for (let x = 0; x + 1 < columns; x += 2) {
      taps.push(rowAt(map, y, x), rowAt(map, y, x + 1), rowAt(map, y + 1, x), rowAt(map, y + 1, x + 1))
    }
  }
  return taps
}

/** Taps and weights of a bilinear reduction (corners not aligned) of the kept region to rows x columns. */
export function packBilinear(
  map: TileMap,
  region: Region,
  target: { readonly rows: number; readonly columns: number },
  newline: boolean,
): { rows: number[]; weights: number[] } {
  const vertical = interpolate(region.rows, target.rows)
  const horizontal = interpolate(region.columns, target.columns)
  const rows: number[] = []
  const weights: number[] = []
  for (const y of vertical) {
    for (const x of horizontal) {
      const [top, bottom] = [region.top + y.low, region.top + y.high]
      const [left, right] = [region.left + x.low, region.left + x.high]
      rows.push(rowAt(map, top, left), rowAt(map, top, right), rowAt(map, bottom, left), rowAt(map, bottom, right))
      weights.push((1 - y.share) * (1 - x.share), (1 - y.share) * x.share, y.share * (1 - x.share), y.share * x.share)
    }
    if (newline) pushTap(rows, weights, NEWLINE)
  }
  return { rows, weights }
}

/** For each of `to` places on a line of `from`: its two neighbours, and the share of the second. */
export function interpolate(from: number, to: number): { low: number; high: number; share: number }[] {
  return range(0, to).map(index => {
    const position = Math.max(0, ((index + 0.5) * from) / to - 0.5)
    const low = Math.min(Math.floor(position), from - 1)
    return { low, high: Math.min(low + 1, from - 1), share: position - low }
  })
}

/** A row taken as it is, written as taps. */
export function pushTap(rows: number[], weights: number[], row: number, taps = 4): void {
  for (let tap = 0; tap < taps; tap++) {
    rows.push(row)
    weights.push(tap === 0 ? 1 : 0)
  }
}

export function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

/** Rows of the grid under the spec's merge type, before the base view is put beside them. */
export function packGrid(spec: VisionSpec, map: TileMap, region: Region, full: Region): GridPacking {
  if (spec.merge === 'spatial_maxpool2x2') {
    return {
      kind: 'max',
      rows: packMaxPool(map, full.rows, full.columns),
      mapRows: Math.floor(full.rows / 2),
      mapColumns: Math.floor(full.columns / 2),
    }
  }
  if (spec.merge !== 'spatial_unpad') {
    return { kind: 'gather', rows: packRegion(map, full, false), mapRows: full.rows, mapColumns: full.columns }
  }
  const target = spec.maxTiles === null ? region : boundMap(region, spec.side, spec.maxTiles)
  const size = { mapRows: target.rows, mapColumns: target.columns }
  if (target.rows === region.rows && target.columns === region.columns) {
    return { kind: 'gather', rows: packRegion(map, region, spec.newline), ...size }
  }
  return { kind: 'blend', ...packBilinear(map, region, target, spec.newline), ...size }
}

export type GridPacking = { readonly mapRows: number; readonly mapColumns: number } & (
  | { readonly kind: 'gather'; readonly rows: number[] }
  | { readonly kind: 'blend'; readonly rows: number[]; readonly weights: number[] }
  | { readonly kind: 'max'; readonly rows: number[] }
)
