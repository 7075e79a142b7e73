import { interpolate, NEWLINE, type Packing, pushTap, range } from './packing.js'
import type { Profile, VisionSpec } from './spec.js'

/** How the frames of a clip become tokens. */
export interface VideoSpec {
  readonly profile: Profile
  /** Features along one side of a frame before pooling; all frames have side * side. */
  readonly side: number
  readonly poolMode: 'average' | 'max' | 'bilinear'
  readonly poolStride: number
  /** `before` the connector the tower pools and yields pooled rows; `after` it the packing does. */
  readonly poolPlace: 'before' | 'after'
  /** `grid`: a newline ends every row of every frame. `frame`: one ends each frame. `one-token`: one ends the clip. */
  readonly newline: 'none' | 'grid' | 'frame' | 'one-token'
}

export interface VideoPlan {
  readonly frames: number
  /** Features along one side of a pooled frame. */
  readonly pooledSide: number
  readonly tokens: number
  /** Over [frames * rows a frame], the rows being pooled ones where pooling comes before the connector. */
  readonly packing: Packing
}

/** Preprocessing of a frame: shortest edge, centre crop, one tile, whatever the pictures of the checkpoint go through. */
export function frameSpec(spec: VisionSpec): VisionSpec {
  return { ...spec, aspect: 'square', pinpoints: [], maxTiles: null, merge: 'flat', newline: false, base: 'first' }
}

/**
 * Indices of `count` frames out of `total`; a shorter clip repeats frames. `orig` spreads them evenly with the last
 * frame among them, `hf` takes the beginning of each of `count` equal stretches. Doubles in the order of the reference.
 */
export function sampleFrames(total: number, count: number, profile: Profile): number[] {
  const step = profile === 'orig' ? (total - 1) / Math.max(1, count - 1) : total / count
  return Array.from({ length: count }, (_, index) => {
    const isLast = profile === 'orig' && index === count - 1 && count > 1
    return isLast ? total - 1 : Math.min(total - 1, Math.trunc(index * step))
  })
}

/** One frame a second, evenly thinned to `limit` where that gives more. `fps` is the clip's own rate. */
export function sampleSeconds(total: number, fps: number, limit: number): number[] {
  const stride = Math.max(1, Math.round(fps))
  const seconds = Array.from({ length: Math.ceil(total / stride) }, (_, second) => second * stride)
  return seconds.length > limit ? sampleFrames(total, limit, 'orig') : seconds
}

/** Side of a pooled frame: whole squares only, except for the bilinear reduction, which rounds up. */
export function pooledSide({ side, poolMode, poolStride }: VideoSpec): number {
  return poolMode === 'bilinear' ? Math.ceil(side / poolStride) : Math.floor(side / poolStride)
}

/** Tokens of a clip. */
export function videoTokens(frames: number, spec: VideoSpec): number {
  const side = pooledSide(spec)
  if (spec.newline === 'grid') return frames * side * (side + 1)
  if (spec.newline === 'frame') return frames * (side * side + 1)
  return frames * side * side + (spec.newline === 'one-token' ? 1 : 0)
}

/** Pure. */
export function planVideo(frames: number, spec: VideoSpec): VideoPlan {
  const side = pooledSide(spec)
  const isAfter = spec.poolPlace === 'after'
  const cells = isAfter ? poolCells(spec) : range(0, side * side).map(row => ({ rows: [row], weights: [1] }))
  const taps = cells[0]?.rows.length ?? 1
  const rowsOfFrame = isAfter ? spec.side ** 2 : side * side
  const rows: number[] = []
  const weights: number[] = []
  const closeAt = (place: VideoSpec['newline']): void => {
    if (spec.newline === place) pushTap(rows, weights, NEWLINE, taps)
  }
  for (let frame = 0; frame < frames; frame++) {
    for (const [index, cell] of cells.entries()) {
      rows.push(...cell.rows.map(row => row + frame * rowsOfFrame))
      weights.push(...cell.weights)
      if (index % side === side - 1) closeAt('grid')
    }
    closeAt('frame')
  }
  closeAt('one-token')
  const plan = { frames, pooledSide: side, tokens: videoTokens(frames, spec) }
  if (!isAfter) return { ...plan, packing: { kind: 'gather', rows: spec.newline === 'none' ? null : rows } }
  if (spec.poolMode === 'max') return { ...plan, packing: { kind: 'max', rows, taps } }
  return { ...plan, packing: { kind: 'blend', rows, weights, taps } }
}

interface Tap {
  readonly at: number
  readonly share: number
}

/** The rows of a frame that each pooled row is made of, row-major; all are made of as many. */
function poolCells(spec: VideoSpec): { rows: number[]; weights: number[] }[] {
  const { side, poolMode, poolStride } = spec
  const pooled = pooledSide(spec)
  const lines: Tap[][] =
    poolMode === 'bilinear'
      ? interpolate(side, pooled).map(({ low, high, share }) => [
          { at: low, share: 1 - share },
          { at: high, share },
        ])
      : range(0, pooled).map(index => range(index * poolStride, poolStride).map(at => ({ at, share: 1 / poolStride })))
  return lines.flatMap(vertical =>
    lines.map(horizontal => {
      const taps = vertical.flatMap(y => horizontal.map(x => [y.at * side + x.at, y.share * x.share] as const))
      return { rows: taps.map(([row]) => row), weights: taps.map(([, weight]) => weight) }
    }),
  )
}

/** What a clip that does not fit could be cut to. */
export interface VideoFit {
  readonly fits: boolean
  /** Most frames that fit beside the text. */
  readonly frames: number
  /** Smallest whole factor of linear position scaling under which the clip as asked fits; 1 when it fits as it is. */
  readonly factor: number
  /** A sentence for the user; null when it fits. */
  readonly message: string | null
}

/** Whether `frames` fit a context beside `otherTokens` of text and at least `reserve` tokens of answer. */
export function fitVideo(
  frames: number,
  spec: VideoSpec,
  budget: { readonly contextLength: number; readonly otherTokens: number; readonly reserve: number },
): VideoFit {
  const { contextLength, otherTokens, reserve } = budget
  const room = contextLength - otherTokens - reserve
  const tokens = videoTokens(frames, spec)
  const perFrame = videoTokens(1, { ...spec, newline: spec.newline === 'one-token' ? 'none' : spec.newline })
  const atEnd = spec.newline === 'one-token' ? 1 : 0
  const most = Math.max(0, Math.floor((room - atEnd) / perFrame))
  if (tokens <= room) return { fits: true, frames: most, factor: 1, message: null }
  const factor = Math.ceil((tokens + otherTokens + reserve) / contextLength)
  const message =
    `${frames} frames take ${tokens} tokens (${perFrame} a frame); beside ${otherTokens} tokens of text and ${reserve} ` +
    `for the answer, the context of ${contextLength} has room for ${most} frames. All would fit with positions scaled by ${factor}.`
  return { fits: false, frames: most, factor, message }
}
