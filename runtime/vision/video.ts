import { NEWLINE, type Packing, pushTap } from './packing.js'
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

/** Pure. `spec.poolPlace` 'after' with a stride other than 2 has no packing of four taps: RangeError. */
export function planVideo(frames: number, spec: VideoSpec): VideoPlan {
  const side = pooledSide(spec)
  const plan = { frames, pooledSide: side, tokens: videoTokens(frames, spec) }
  const rows: number[] = []
  const weights: number[] = []
  const taps = spec.poolPlace === 'after'
  if (taps && (spec.poolStride !== 2 || spec.side % 2 !== 0)) {
    throw new RangeError(`pooling ${spec.side} by ${spec.poolStride} after the connector; an even side by 2 is known`)
  }
  const pushNewline = () => (taps ? pushTap(rows, weights, NEWLINE) : rows.push(NEWLINE))
  for (let frame = 0; frame < frames; frame++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        if (!taps) {
          rows.push((frame * side + y) * side + x)
          continue
        }
        const corner = (frame * spec.side + 2 * y) * spec.side + 2 * x
        rows.push(corner, corner + 1, corner + spec.side, corner + spec.side + 1)
        weights.push(0.25, 0.25, 0.25, 0.25)
      }
      if (spec.newline === 'grid') pushNewline()
    }
    if (spec.newline === 'frame') pushNewline()
  }
  if (spec.newline === 'one-token') pushNewline()
  if (!taps) return { ...plan, packing: { kind: 'gather', rows: spec.newline === 'none' ? null : rows } }
  // Halving by a bilinear reduction weighs the same four neighbours as the average does.
  if (spec.poolMode === 'max') return { ...plan, packing: { kind: 'max', rows } }
  return { ...plan, packing: { kind: 'blend', rows, weights } }
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
