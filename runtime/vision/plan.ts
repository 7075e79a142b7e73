import { fitWithin, selectCanvas, unpad } from './grid.js'
import { type GridPacking, type Packing, packFlat, packGrid, pushTap, range, type TileMap } from './packing.js'
import type { Size, VisionSpec } from './spec.js'

export interface Point {
  readonly x: number
  readonly y: number
}

/** What happens to one picture: made once, read by preprocessing, prompt expansion, packing and error messages alike. */
export interface ImagePlan {
  readonly source: Size
  /** The picture is scaled to this; `square` then cuts a tile out of it, the others paste it. */
  readonly resized: Size
  /** `square`, `pad`: corner of the centre crop. */
  readonly crop: Point
  /** `anyres`: where the scaled picture lies on the black canvas. `pad`: where the picture lies on its square, before scaling. */
  readonly paste: Point
  /** `anyres`: the chosen canvas. `square`, `pad`: one tile. */
  readonly canvas: Size
  /** Tiles that the tower sees, the whole-picture view included: the pixels are [views, 3, tileSize, tileSize]. */
  readonly views: number
  /** Index of the whole-picture view among the views; -1 without one. */
  readonly baseView: number
  /** R x C of the grid's map after unpadding and bounding, newlines not counted. */
  readonly mapRows: number
  readonly mapColumns: number
  /** Tokens that the picture takes in the prompt, and rows of its features. */
  readonly tokens: number
  readonly packing: Packing
}

/** Pure. Sides are at least one pixel, as stored or as turned by the orientation, whichever the spec applies. */
export function planImage(picture: Size, spec: VisionSpec): ImagePlan {
  return spec.aspect === 'anyres' ? planGrid(picture, spec) : planSingle(picture, spec)
}

function planSingle(picture: Size, spec: VisionSpec): ImagePlan {
  const side = Math.max(picture.width, picture.height)
  const padded = spec.aspect === 'pad' ? { width: side, height: side } : picture
  const tile = { width: spec.tileSize, height: spec.tileSize }
  const resized = spec.fit === 'squash' ? tile : scaleShortestEdge(padded, spec.tileSize)
  const rows = packFlat(spec.featuresPerTile, spec.newline)
  return {
    source: picture,
    resized,
    crop: centre(resized, tile),
    paste: centre(padded, picture),
    canvas: tile,
    views: 1,
    baseView: 0,
    mapRows: spec.side,
    mapColumns: spec.side,
    tokens: rows?.length ?? spec.featuresPerTile,
    packing: { kind: 'gather', rows },
  }
}

function planGrid(picture: Size, spec: VisionSpec): ImagePlan {
  const canvas = selectCanvas(picture, spec.pinpoints)
  const resized = fitWithin(picture, canvas)
  const gridColumns = canvas.width / spec.tileSize
  const tiles = gridColumns * (canvas.height / spec.tileSize)
  const baseView = { first: 0, last: tiles, none: -1 }[spec.base]
  const mapSize = {
    width: (canvas.width / spec.tileSize) * spec.side,
    height: (canvas.height / spec.tileSize) * spec.side,
  }
  const full = { top: 0, left: 0, rows: mapSize.height, columns: mapSize.width }
  const map: TileMap = { gridColumns, side: spec.side, firstRow: baseView === 0 ? spec.featuresPerTile : 0 }
  const grid = packGrid(spec, map, unpad(picture, mapSize, spec.profile), full)
  const plan = { source: picture, resized, crop: { x: 0, y: 0 }, paste: centre(canvas, resized), canvas }
  const views = spec.base === 'none' ? tiles : tiles + 1
  const size = { mapRows: grid.mapRows, mapColumns: grid.mapColumns, views, baseView }
  if (spec.merge === 'flat') {
    return { ...plan, ...size, tokens: views * spec.featuresPerTile, packing: { kind: 'gather', rows: null } }
  }
  const base = spec.base === 'none' ? [] : range(baseView * spec.featuresPerTile, spec.featuresPerTile)
  const packing = joinBase(grid, spec, base)
  const tokens = (packing.rows?.length ?? 0) / (packing.kind === 'gather' ? 1 : 4)
  return { ...plan, ...size, tokens, packing }
}

/** The base view's features before or after the grid's; rows taken as they are become four taps where the grid needs taps. */
function joinBase(grid: GridPacking, spec: VisionSpec, base: readonly number[]): Packing {
  if (grid.kind === 'gather') return { kind: 'gather', rows: order(spec, base, grid.rows) }
  const rows: number[] = []
  const weights: number[] = []
  for (const row of base) pushTap(rows, weights, row)
  if (grid.kind === 'max') return { kind: 'max', rows: order(spec, rows, grid.rows) }
  return { kind: 'blend', rows: order(spec, rows, grid.rows), weights: order(spec, weights, grid.weights) }
}

function order(spec: VisionSpec, base: readonly number[], grid: readonly number[]): number[] {
  return spec.base === 'last' ? [...grid, ...base] : [...base, ...grid]
}

/** The longer side is cut, not rounded. */
function scaleShortestEdge(picture: Size, edge: number): Size {
  const { width, height } = picture
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge }
}

/** Offset of the inner size centred on the outer; an odd remainder goes right and down. */
function centre(outer: Size, inner: Size): Point {
  return { x: Math.floor((outer.width - inner.width) / 2), y: Math.floor((outer.height - inner.height) / 2) }
}
