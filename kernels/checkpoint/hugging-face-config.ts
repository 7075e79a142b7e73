import { FAMILIES, KNOWN_TOWERS, lookUp } from './families.js'
import { Fields } from './fields.js'
import type { ModelConfig, VideoConfig } from './model-config.js'
import { readTextConfig } from './text-config.js'
import { readActivation, readVisionConfig } from './vision-config.js'

/** The layout of transformers: text_config and vision_config inside config.json. */
export function readHuggingFaceConfig(fields: Fields, generation: Fields | null): ModelConfig {
  const family = fields.string('model_type', '')
  const facts = lookUp(FAMILIES, family)
  if (facts === undefined) {
    throw fields.unsupported(`its model_type is "${family}"; ${Object.keys(FAMILIES).join(', ')} are known.`)
  }
  const textFields = fields.object('text_config') ?? new Fields(fields.path, 'config.json.text_config', {})
  if (fields.has('rope_scaling') && !textFields.has('rope_scaling') && !textFields.has('rope_parameters')) {
    throw fields.wrong('rope_scaling', 'its place is text_config, where nothing stands; the same there')
  }
  const text = readTextConfig(textFields, textFields.string('model_type', 'llama'), generation)
  const strategy = fields.string('vision_feature_select_strategy', 'default')
  if (strategy !== 'default' && strategy !== 'full') {
    throw fields.wrong('vision_feature_select_strategy', '"default" or "full"')
  }
  const visionFields =
    fields.object('vision_config') ??
    new Fields(fields.path, 'config.json.vision_config', KNOWN_TOWERS['clip-vit-large-patch14-336']!)
  return {
    family,
    layout: 'hugging-face',
    // Either place may say so; the embedding then serves as the head.
    text: { ...text, tiedHead: text.tiedHead || fields.boolean('tie_word_embeddings', false) },
    vision: readVisionConfig(visionFields, {
      layers: fields.integers('vision_feature_layer', [-2]),
      dropsFirstRow: () => strategy === 'default',
    }),
    projector: {
      numLayers: 2,
      bias: fields.boolean('multimodal_projector_bias', true),
      activation: readActivation(fields, 'projector_hidden_act', 'gelu'),
    },
    hasNewline: facts.hasNewline,
    imageTokenId: tokenId(fields, 'image', facts.imageTokenId),
    video: facts.videoTokenId === null ? null : readVideo(fields, facts.videoTokenId),
  }
}

function tokenId(fields: Fields, kind: 'image' | 'video', fallback: number): number {
  return fields.integer(`${kind}_token_index`, fields.integer(`${kind}_token_id`, fallback, 0), 0)
}

function readVideo(fields: Fields, fallback: number): VideoConfig {
  const poolMode = fields.string('spatial_pool_mode', 'average')
  if (poolMode !== 'average' && poolMode !== 'max') {
    throw fields.unsupported(`its spatial_pool_mode is ${poolMode}; average and max are known.`)
  }
  return {
    tokenId: tokenId(fields, 'video', fallback),
    poolMode,
    poolStride: fields.integer('spatial_pool_stride', 2),
    poolPlace: 'before',
  }
}
