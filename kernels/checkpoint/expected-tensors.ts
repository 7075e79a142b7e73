import { type ModelConfig, towerDepth, towerRows } from './model-config.js'

/** By internal name, the shape that the configuration asks for. null stands for any size. */
export type ExpectedTensors = ReadonlyMap<string, readonly (number | null)[]>

/** Every tensor that the graphs need. The tower's blocks beyond the last used output are not among them. */
export function expectedTensors(config: ModelConfig): ExpectedTensors {
  const expected = new Map<string, readonly (number | null)[]>()
  addText(expected, config)
  addVision(expected, config)
  addProjector(expected, config)
  if (config.hasNewline) expected.set('newline', [config.text.hiddenSize])
  return expected
}

type Add = Map<string, readonly (number | null)[]>

function addLinear(add: Add, name: string, outputs: number, inputs: number, bias: boolean): void {
  add.set(`${name}.weight`, [outputs, inputs])
  if (bias) add.set(`${name}.bias`, [outputs])
}

function addText(add: Add, { text }: ModelConfig): void {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = text
  add.set('text.embed_tokens.weight', [text.vocabRows, hiddenSize])
  if (!text.tiedHead) add.set('head.weight', [text.vocabRows, hiddenSize])
  add.set('text.norm.weight', [hiddenSize])
  for (let layer = 0; layer < text.numLayers; layer++) {
    const prefix = `text.layers.${layer}`
    add.set(`${prefix}.input_layernorm.weight`, [hiddenSize])
    add.set(`${prefix}.post_attention_layernorm.weight`, [hiddenSize])
    addLinear(add, `${prefix}.self_attn.q_proj`, numHeads * headDim, hiddenSize, text.qkvBias)
    addLinear(add, `${prefix}.self_attn.k_proj`, numKvHeads * headDim, hiddenSize, text.qkvBias)
    addLinear(add, `${prefix}.self_attn.v_proj`, numKvHeads * headDim, hiddenSize, text.qkvBias)
    addLinear(add, `${prefix}.self_attn.o_proj`, hiddenSize, numHeads * headDim, text.outputBias)
    addLinear(add, `${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize, text.mlpBias)
    addLinear(add, `${prefix}.mlp.up_proj`, intermediateSize, hiddenSize, text.mlpBias)
    addLinear(add, `${prefix}.mlp.down_proj`, hiddenSize, intermediateSize, text.mlpBias)
  }
}

function addVision(add: Add, { vision }: ModelConfig): void {
  const { hiddenSize, intermediateSize, patchSize } = vision
  const norm = (name: string): void => {
    add.set(`${name}.weight`, [hiddenSize])
    add.set(`${name}.bias`, [hiddenSize])
  }
  const embeddings = 'vision.embeddings'
  add.set(`${embeddings}.patch_embedding.weight`, [hiddenSize, 3, patchSize, patchSize])
  if (vision.patchBias) add.set(`${embeddings}.patch_embedding.bias`, [hiddenSize])
  if (vision.classRow) add.set(`${embeddings}.class_embedding`, [hiddenSize])
  add.set(`${embeddings}.position_embedding.weight`, [towerRows(vision), hiddenSize])
  if (vision.normBefore) norm('vision.pre_layrnorm')
  for (let layer = 0; layer < towerDepth(vision); layer++) {
    const prefix = `vision.encoder.layers.${layer}`
    norm(`${prefix}.layer_norm1`)
    norm(`${prefix}.layer_norm2`)
    for (const each of ['q', 'k', 'v', 'out']) {
      addLinear(add, `${prefix}.self_attn.${each}_proj`, hiddenSize, hiddenSize, true)
    }
    addLinear(add, `${prefix}.mlp.fc1`, intermediateSize, hiddenSize, true)
    addLinear(add, `${prefix}.mlp.fc2`, hiddenSize, intermediateSize, true)
  }
}

function addProjector(add: Add, { projector, vision, text }: ModelConfig): void {
  const width = vision.hiddenSize * vision.selectedLayers.length
  for (let layer = 0; layer < projector.numLayers; layer++) {
    addLinear(add, `projector.${layer}`, text.hiddenSize, layer === 0 ? width : text.hiddenSize, projector.bias)
  }
}
