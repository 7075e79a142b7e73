import { lookUp, MAX_LAYERS, TEXT_ARCHITECTURES, type TextFacts } from './families.js'
import type { Fields } from './fields.js'
import type { RopeConfig, TextConfig } from './model-config.js'

const DEFAULT_THETA = 10000

/**
 * The language model's configuration. `fields` is text_config, or the whole file in the original layout; `generation`
 * is generation_config.json.
 */
export function readTextConfig(fields: Fields, architecture: string, generation: Fields | null): TextConfig {
  const facts = lookUp(TEXT_ARCHITECTURES, architecture)
  if (facts === undefined) {
    const known = Object.keys(TEXT_ARCHITECTURES).join(', ')
    throw fields.unsupported(`its text architecture is ${architecture}; ${known} are known.`)
  }
  const { defaults } = facts
  const activation = fields.string('hidden_act', 'silu')
  if (activation !== 'silu') throw fields.unsupported(`${fields.where}.hidden_act is ${activation}; silu is known.`)
  const hiddenSize = fields.integer('hidden_size', defaults.hidden_size)
  const numLayers = fields.integer('num_hidden_layers', defaults.num_hidden_layers, 1, MAX_LAYERS)
  const numHeads = fields.integer('num_attention_heads', defaults.num_attention_heads)
  const numKvHeads = fields.integer('num_key_value_heads', defaults.num_key_value_heads ?? numHeads)
  if (numHeads % numKvHeads !== 0) throw fields.wrong('num_key_value_heads', `a divisor of ${numHeads}`)
  const headDim = fields.integer('head_dim', hiddenSize / numHeads)
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw fields.wrong('hidden_size', 'an even size for each head')
  const maxPositions = fields.integer('max_position_embeddings', defaults.max_position_embeddings)
  const rope = readRope(fields, maxPositions)
  return {
    architecture,
    vocabRows: fields.integer('vocab_size', null),
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size', defaults.intermediate_size),
    numLayers,
    numHeads,
    numKvHeads,
    headDim,
    normEpsilon: fields.number('rms_norm_eps', defaults.rms_norm_eps),
    rope,
    contextLength: contextLength(rope, maxPositions),
    qkvBias: flag(fields, facts.qkvBias, 'attention_bias'),
    outputBias: flag(fields, facts.outputBias, 'attention_bias'),
    mlpBias: flag(fields, facts.mlpBias, 'mlp_bias'),
    windows: readWindows(fields, facts, numLayers),
    tiedHead: fields.boolean('tie_word_embeddings', false),
    bosId: fields.integer('bos_token_id', defaults.bos_token_id, 0),
    eosIds: (generation ?? fields).integers(
      'eos_token_id',
      fields.integers('eos_token_id', defaults.eos_token_id === null ? [] : [defaults.eos_token_id]),
    ),
  }
}

function flag(fields: Fields, fact: boolean | 'config', name: string): boolean {
  return fact === 'config' ? fields.boolean(name, false) : fact
}

/** linear and dynamic stretch the trained positions by their factor; llama3's configuration already states the stretched count. */
function contextLength(rope: RopeConfig, maxPositions: number): number {
  const stretched = rope.type === 'linear' || rope.type === 'dynamic'
  return stretched ? Math.floor(maxPositions * rope.factor) : maxPositions
}

/** `rope_scaling` with `rope_theta` beside it (files until 2025), or both inside `rope_parameters`. */
function readRope(fields: Fields, maxPositions: number): RopeConfig {
  const scaling = fields.object('rope_parameters') ?? fields.object('rope_scaling')
  const theta = scaling?.number('rope_theta', null) ?? fields.number('rope_theta', DEFAULT_THETA)
  const type = scaling?.string('rope_type', null) ?? scaling?.string('type', null) ?? 'default'
  if ((scaling ?? fields).number('partial_rotary_factor', 1) !== 1) {
    throw fields.unsupported(`${fields.where} rotates only part of each head, which no LLaVA model does.`)
  }
  const plain = {
    theta,
    factor: 1,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 1,
    originalPositions: maxPositions,
  }
  if (scaling === null || type === 'default') return { ...plain, type: 'default' }
  const factor = scaling.number('factor', null)
  if (type !== 'linear' && type !== 'dynamic' && type !== 'llama3') {
    throw fields.unsupported(`its RoPE scaling is ${type}; default, linear, dynamic and llama3 are known.`)
  }
  if (factor === null) throw scaling.wrong('factor', 'a number over zero')
  if (type !== 'llama3') return { ...plain, type, factor }
  const lowFrequencyFactor = scaling.number('low_freq_factor', 1)
  const highFrequencyFactor = scaling.number('high_freq_factor', 4)
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw scaling.wrong('high_freq_factor', `a number over low_freq_factor (${lowFrequencyFactor})`)
  }
  const originalPositions = scaling.integer('original_max_position_embeddings', maxPositions)
  return { theta, type, factor, lowFrequencyFactor, highFrequencyFactor, originalPositions }
}

function readWindows(fields: Fields, facts: TextFacts, numLayers: number): readonly (number | null)[] {
  const stated = fields.record.sliding_window === null ? null : fields.integer('sliding_window', facts.defaultWindow)
  const types = fields.record.layer_types
  if (Array.isArray(types)) {
    if (types.length !== numLayers) throw fields.wrong('layer_types', `a list of ${numLayers} layer types`)
    return types.map(type => {
      if (type === 'full_attention') return null
      if (type === 'sliding_attention') return stated
      throw fields.unsupported(`${fields.where}.layer_types has ${JSON.stringify(type)}, which is not known.`)
    })
  }
  const first = {
    none: numLayers,
    all: 0,
    upper: fields.boolean('use_sliding_window', false) ? fields.integer('max_window_layers', 28, 0) : numLayers,
  }[facts.window]
  return Array.from({ length: numLayers }, (_, layer) => (layer >= first ? stated : null))
}
