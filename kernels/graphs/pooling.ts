import { patchesPerSide, type VideoConfig, type VisionConfig } from '../checkpoint/model-config.js'
import type { GraphBuilder } from './graph-builder.js'

/** Which patches become one feature row: the graph's input `patch_groups`. */
export interface PatchGroups {
  /** [rows, patches] int64, row-major: indices of patches within a tile. */
  readonly indices: BigInt64Array
  readonly rows: number
  /** Patches of one row. */
  readonly size: number
}

/** The groups of models with video: every patch alone for a picture's tile, squares of them for a frame. */
export interface Pooling {
  readonly picture: PatchGroups
  readonly frame: PatchGroups
}

export function poolingOf(vision: VisionConfig, video: VideoConfig): Pooling {
  const side = patchesPerSide(vision)
  return { picture: patchGroups(side, 1), frame: patchGroups(side, video.poolStride) }
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
  return { indices, rows: pooled * pooled, size: stride * stride }
}

/**
 * Pools the tower's features [T, P, W] over the graph's input `patch_groups` into [T, rows, W]. The groups are an
 * input so that pictures and frames share one graph and one copy of its weights; a group of one is the patch itself.
 */
export function addPooling(builder: GraphBuilder, video: VideoConfig, features: string): string {
  const groups = builder.input('patch_groups', 'int64', ['rows', 'patches'])
  const gathered = builder.node('Gather', [features, groups], { attributes: { axis: 1 } })
  return builder.node(video.poolMode === 'max' ? 'ReduceMax' : 'ReduceMean', [gathered, builder.integers([2])], {
    attributes: { keepdims: 0 },
  })
}
