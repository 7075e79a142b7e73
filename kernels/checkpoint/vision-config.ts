import { ACTIVATIONS, type Activation, lookUp, MAX_LAYERS, VISION_ARCHITECTURES } from './families.js'
import type { Fields } from './fields.js'
import type { VisionConfig } from './model-config.js'

/** What a layout says about the use of the tower's outputs. */
export interface FeatureSelection {
  /** Layers as the configuration counts them: negative from the end. */
  readonly layers: readonly number[]
  /** Whether the first row goes, given whether the tower has a class row. */
  readonly dropsFirstRow: (classRow: boolean) => boolean
}

/** The tower's configuration from `fields`: vision_config, or the tower's own file in the original layout. */
export function readVisionConfig(fields: Fields, selection: FeatureSelection): VisionConfig {
  const architecture = fields.string('model_type', 'clip_vision_model')
  const facts = lookUp(VISION_ARCHITECTURES, architecture)
  if (facts === undefined) {
    const known = Object.keys(VISION_ARCHITECTURES).join(', ')
    throw fields.unsupported(`its vision tower is ${architecture}; ${known} are known.`)
  }
  const { defaults } = facts
  if (fields.integer('num_channels', 3) !== 3) throw fields.wrong('num_channels', '3')
  const hiddenSize = fields.integer('hidden_size', defaults.hidden_size)
  const numHeads = fields.integer('num_attention_heads', defaults.num_attention_heads)
  if (hiddenSize % numHeads !== 0) throw fields.wrong('num_attention_heads', `a divisor of ${hiddenSize}`)
  const imageSize = fields.integer('image_size', defaults.image_size)
  const patchSize = fields.integer('patch_size', defaults.patch_size)
  if (patchSize > imageSize) throw fields.wrong('patch_size', `at most the image's ${imageSize} pixels`)
  const numLayers = fields.integer('num_hidden_layers', defaults.num_hidden_layers, 1, MAX_LAYERS)
  return {
    architecture,
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size', defaults.intermediate_size),
    numLayers,
    numHeads,
    imageSize,
    patchSize,
    activation: readActivation(fields, 'hidden_act', defaults.hidden_act),
    normEpsilon: fields.number('layer_norm_eps', defaults.layer_norm_eps),
    classRow: facts.classRow,
    patchBias: facts.patchBias,
    normBefore: facts.normBefore,
    selectedLayers: selection.layers.map(layer => fromStart(fields, layer, numLayers)),
    dropFirstRow: selection.dropsFirstRow(facts.classRow),
  }
}

export function readActivation(fields: Fields, name: string, fallback: string): Activation {
  const spelled = fields.string(name, fallback)
  const activation = lookUp(ACTIVATIONS, spelled)
  if (activation !== undefined) return activation
  const known = Object.keys(ACTIVATIONS).join(', ')
  throw fields.unsupported(`${fields.where}.${name} is ${spelled}; ${known} are known.`)
}

/** There is one output more than there are blocks: what enters the first. */
function fromStart(fields: Fields, layer: number, numLayers: number): number {
  const index = layer < 0 ? numLayers + 1 + layer : layer
  if (index >= 0 && index <= numLayers) return index
  throw fields.unsupported(`it takes features from layer ${layer} of a tower with ${numLayers} blocks.`)
}
