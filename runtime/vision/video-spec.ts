import { EngineError } from '../protocol/error.js'
import type { VisionFacts, VisionSpec } from './spec.js'
import { isObject, refuseUnknown } from './spec-fields.js'
import type { VideoSpec } from './video.js'

type Json = Readonly<Record<string, unknown>>

/** How the checkpoint wants its clips; null for one that takes none. Throws MODEL_UNSUPPORTED that names the field it cannot honour. */
export function videoSpec(facts: VisionFacts, spec: VisionSpec): VideoSpec | null {
  const { config } = facts.files
  const refuse = (what: string): never => {
    throw new EngineError('MODEL_UNSUPPORTED', { path: facts.path, what: `${what}.` })
  }
  if (facts.family !== 'llava_next_video') return null
  if (isObject(config.vision_config)) {
    // A rope scaling beside text_config instead of in it is not applied: a long clip would turn to noise.
    if (config.rope_scaling !== undefined && config.rope_scaling !== null && isObject(config.text_config)) {
      refuse('rope_scaling stands outside text_config, where nothing reads it')
    }
    const pool = readPool(config.spatial_pool_mode, config.spatial_pool_stride, ['average', 'max'], refuse)
    return { profile: spec.profile, side: spec.side, ...pool, poolPlace: 'before', newline: 'none' }
  }
  if (config.add_faster_video === true)
    refuse('add_faster_video is set, which needs a trained token that is not loaded')
  const pool = readPool(
    config.mm_spatial_pool_mode,
    config.mm_spatial_pool_stride,
    ['average', 'max', 'bilinear'],
    refuse,
  )
  // The code that brought newlines and the bilinear mode did away with the resampler and pools behind the connector.
  const isLater =
    (config.mm_resampler_type ?? null) === null || pool.poolMode === 'bilinear' || isStated(config.mm_newline_position)
  const poolPlace = config.mm_pooling_position ?? (isLater ? 'after' : 'before')
  refuseUnknown('mm_pooling_position', poolPlace, ['before', 'after'], refuse)
  return {
    profile: spec.profile,
    side: spec.side,
    ...pool,
    poolPlace: poolPlace as VideoSpec['poolPlace'],
    newline: isLater ? readNewline(config, refuse) : 'none',
  }
}

function isStated(value: unknown): boolean {
  return value !== undefined && value !== null
}

function readPool(
  mode: unknown,
  stride: unknown,
  modes: readonly string[],
  refuse: (what: string) => never,
): Pick<VideoSpec, 'poolMode' | 'poolStride'> {
  const poolMode = mode ?? 'average'
  refuseUnknown('the spatial pool mode', poolMode, modes, refuse)
  const poolStride = stride ?? 2
  if (!Number.isSafeInteger(poolStride) || Number(poolStride) < 1) {
    refuse(`the spatial pool stride is ${JSON.stringify(poolStride)}; a whole number from 1 was expected`)
  }
  return { poolMode: poolMode as VideoSpec['poolMode'], poolStride: Number(poolStride) }
}

/** Only maps that keep their shape have newlines, and only those that are unpadded have the vector for them. */
function readNewline(config: Json, refuse: (what: string) => never): VideoSpec['newline'] {
  const place = config.mm_newline_position ?? 'one_token'
  refuseUnknown('mm_newline_position', place, ['grid', 'frame', 'one_token', 'no_token'], refuse)
  const merge = String(config.mm_patch_merge_type ?? 'flat')
  if (!merge.startsWith('spatial') || place === 'no_token') return 'none'
  if (merge.includes('unpad')) return place === 'one_token' ? 'one-token' : (place as 'grid' | 'frame')
  if (place !== 'one_token') {
    refuse(
      `mm_newline_position is "${place}" and mm_patch_merge_type is "${merge}", whose files have no newline vector`,
    )
  }
  return 'none'
}
