import { patchesPerSide, pooledSide, type VideoConfig, type VisionConfig } from '../checkpoint/model-config.js'
import type { GraphBuilder } from './graph-builder.js'

/** Which patches become one feature row: the graph's inputs `patch_groups` and, for weighted sums, `patch_weights`. */
export interface PatchGroups {
  /** [rows, patches] int64, row-major: indices of patches within a tile. */
  readonly indices: BigInt64Array
  /** [rows, patches, 1]: what each patch counts in its row; null where all count alike. */
  readonly weights: Float32Array | null
  readonly rows: number
  /** Patches of one row. */
  readonly size: number
}

/** The groups of models with video: every patch alone for a picture's tile, neighbouring ones for a frame. */
export interface Pooling {
  readonly picture: PatchGroups
  readonly frame: PatchGroups
}

/** null: the tower does not pool, since there is no video or frames are pooled behind the connector. */
export function poolingOf(vision: VisionConfig, video: VideoConfig | null): Pooling | null {
  if (video === null || video.poolPlace === 'after') return null
  const side = patchesPerSide(vision)
  if (video.poolMode !== 'bilinear')
    return { picture: patchGroups(side, 1), frame: patchGroups(side, video.poolStride) }
  const alone = patchGroups(side, 1)
  const weights = new Float32Array(alone.rows).fill(1)
  return { picture: { ...alone, weights }, frame: bilinearGroups(side, pooledSide(vision, video)) }
}

/** Squares of stride x stride patches of a side x side grid; what is left over on the right and at the bottom is dropped. */
export function patchGroups(side: number, stride: number): PatchGroups {
  const pooled = Math.floor(side / stride)
  const indices = new BigInt64Array(pooled * pooled * stride * stride)
  let at = 0
  for (let row = 0; row < pooled; row++) {
    for (let column = 0; column < pooled; column++) {
      for (let y = 0; y < stride; y++) {
        for (let x = 0; x < stride; x++) {
          indices[at++] = BigInt((row * stride + y) * side + column * stride + x)
        }
      }
    }
  }
  return { indices, weights: null, rows: pooled * pooled, size: stride * stride }
}

/** Four patches a row: a side x side grid scaled to target x target, corners not aligned, without antialiasing. */
export function bilinearGroups(side: number, target: number): PatchGroups {
  const places = Array.from({ length: target }, (_, index) => {
    const position = Math.max(0, ((index + 0.5) * side) / target - 0.5)
    const low = Math.floor(position)
    return { low, high: Math.min(low + 1, side - 1), share: position - low }
  })
  const indices = new BigInt64Array(target * target * 4)
  const weights = new Float32Array(target * target * 4)
  let at = 0
  for (const row of places) {
    for (const column of places) {
      for (const [y, rowShare] of [[row.low, 1 - row.share] as const, [row.high, row.share] as const]) {
        for (const [x, share] of [[column.low, 1 - column.share] as const, [column.high, column.share] as const]) {
          indices[at] = BigInt(y * side + x)
          weights[at++] = rowShare * share
        }
      }
    }
  }
  return { indices, weights, rows: target * target, size: 4 }
}

/**
 * Pools the tower's features [T, P, W] over the graph's input `patch_groups` into [T, rows, W]. The groups are an
 * input so that pictures and frames share one graph and one copy of its weights; a group of one is the patch itself.
 */
export function addPooling(builder: GraphBuilder, video: VideoConfig, features: string): string {
  const groups = builder.input('patch_groups', 'int64', ['rows', 'patches'])
  const gathered = builder.node('Gather', [features, groups], { attributes: { axis: 1 } })
  const operator = { average: 'ReduceMean', max: 'ReduceMax', bilinear: 'ReduceSum' }[video.poolMode]
  const counted =
    video.poolMode === 'bilinear'
      ? builder.node('Mul', [gathered, builder.input('patch_weights', 'float32', ['rows', 'patches', 1])])
      : gathered
  return builder.node(operator, [counted, builder.integers([2])], { attributes: { keepdims: 0 } })
}
