import { KNOWN_TOWERS, lookUp, ORIGINAL_MODEL_TYPES } from './families.js'
import { Fields } from './fields.js'
import type { ModelConfig, ProjectorConfig, VideoConfig } from './model-config.js'
import { isRecord } from './safetensors.js'
import { readTextConfig } from './text-config.js'
import { readVisionConfig } from './vision-config.js'

type Json = Readonly<Record<string, unknown>>

/** Checkpoints of the original code name their tower instead of describing it. */
export function isOriginalLayout(config: Json): boolean {
  return config.vision_config === undefined && (config.mm_vision_tower ?? config.mm_hidden_size) !== undefined
}

/** The last part of the tower's name: `openai/clip-vit-large-patch14-336` and a path to such a folder name the same tower. */
export function towerName(config: Json): string | null {
  const name = config.mm_vision_tower
  if (typeof name !== 'string') return null
  return name.split(/[/\\]/).filter(Boolean).at(-1) ?? null
}

/** The original code's layout: the language model's fields at the top, `mm_` fields beside them, the tower by name. */
export function readOriginalConfig(fields: Fields, generation: Fields | null, tower: Json | null): ModelConfig {
  const modelType = fields.string('model_type', '')
  const architecture = lookUp(ORIGINAL_MODEL_TYPES, modelType)
  if (architecture === undefined) {
    const known = Object.keys(ORIGINAL_MODEL_TYPES).join(', ')
    throw fields.unsupported(`its model_type is "${modelType}" in the original layout; ${known} are known.`)
  }
  const keepsClass = fields.string('mm_vision_select_feature', 'patch') === 'cls_patch'
  const anyres = fields.string('image_aspect_ratio', 'square').startsWith('anyres')
  const video = readVideo(fields)
  return {
    family: video !== null ? 'llava_next_video' : anyres ? 'llava_next' : 'llava',
    layout: 'original',
    text: readTextConfig(fields, architecture, generation),
    vision: readVisionConfig(towerFields(fields, tower), {
      layers: fields.integers('mm_vision_select_layer', [-2]),
      dropsFirstRow: classRow => classRow && !keepsClass,
    }),
    projector: readProjector(fields),
    hasNewline: fields.string('mm_patch_merge_type', 'flat').includes('unpad'),
    imageTokenId: fields.integer('image_token_index', null, 0),
    video,
  }
}

function towerFields(fields: Fields, tower: Json | null): Fields {
  const name = towerName(fields.record)
  const known = name === null ? undefined : lookUp(KNOWN_TOWERS, name)
  // A CLIP folder describes text and vision; a tower's own folder only itself.
  const described = tower !== null && isRecord(tower.vision_config) ? tower.vision_config : tower
  const record = described ?? known
  if (record === undefined) {
    const names = Object.keys(KNOWN_TOWERS).join(', ')
    throw fields.unsupported(
      `its tower "${name}" is not described: put its folder beside the model's; known are ${names}.`,
    )
  }
  const modelType = record.model_type === 'clip' ? 'clip_vision_model' : record.model_type
  return new Fields(fields.path, `the configuration of ${name}`, { ...record, model_type: modelType })
}

/** `linear`, `mlp2x_gelu` and its kin, `identity`. All linear layers of this layout have a bias. */
function readProjector(fields: Fields): ProjectorConfig {
  const type = fields.string('mm_projector_type', 'linear')
  const layers =
    type === 'linear' ? 1 : type === 'identity' ? 0 : Number(/^mlp(\d{1,2})x_gelu$/.exec(type)?.[1] ?? Number.NaN)
  if (Number.isNaN(layers)) {
    throw fields.unsupported(`its mm_projector_type is ${type}; linear, mlp2x_gelu (any count) and identity are known.`)
  }
  return { numLayers: layers, bias: true, activation: 'gelu' }
}

const POOL_MODES = ['average', 'max', 'bilinear'] as const

/**
 * The first video code pooled by a resampler in front of the connector. Later code has no resampler, but newlines and
 * the bilinear mode, and pools behind the connector; `mm_pooling_position` decides where it is written.
 */
function readVideo(fields: Fields): VideoConfig | null {
  const resampler = fields.string('mm_resampler_type', null)
  const told = ['mm_spatial_pool_mode', 'mm_newline_position', 'mm_pooling_position'].some(name => fields.has(name))
  if (resampler === null && !told) return null
  const stated = fields.string('mm_spatial_pool_mode', 'average')
  const poolMode = POOL_MODES.find(mode => mode === stated)
  if ((resampler ?? 'spatial_pool') !== 'spatial_pool' || poolMode === undefined) {
    throw fields.unsupported(
      `it resamples by ${resampler}, ${stated}; spatial_pool by ${POOL_MODES.join(', ')} is known.`,
    )
  }
  const isLater = resampler === null || poolMode === 'bilinear' || fields.has('mm_newline_position')
  const poolPlace = fields.string('mm_pooling_position', isLater ? 'after' : 'before')
  if (poolPlace !== 'before' && poolPlace !== 'after') throw fields.wrong('mm_pooling_position', '"before" or "after"')
  return { tokenId: null, poolMode, poolStride: fields.integer('mm_spatial_pool_stride', 2), poolPlace }
}
