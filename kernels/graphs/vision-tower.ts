import { patchesPerSide, towerDepth, towerRows, type VisionConfig } from '../checkpoint/model-config.js'
import { addActivation } from './activation.js'
import { float, MICROSOFT } from './graph-builder.js'
import { addLinear, addProduct, addVector, type WeightSource } from './linear.js'
import { addRoundedRows, addRowProduct } from './row-product.js'

/**
 * CLIP and SigLIP towers: pixels [T, 3, S, S] -> selected features [T, rows, width], the first row dropped where
 * configured. Blocks after the last selected output are not part of the graph.
 */
export async function addVisionTower(source: WeightSource, vision: VisionConfig, pixels: string): Promise<string> {
  const { builder } = source
  let stream = await addEmbeddings(source, vision, pixels)
  const outputs = [stream]
  for (let layer = 0; layer < towerDepth(vision); layer++) {
    stream = await addBlock(source, vision, `vision.encoder.layers.${layer}`, stream)
    outputs.push(stream)
  }
  const selected = vision.selectedLayers.map(layer => outputs[layer]!)
  const features = selected.length === 1 ? selected[0]! : builder.node('Concat', selected, { attributes: { axis: -1 } })
  if (!vision.dropFirstRow) return features
  const bounds = [[1], [towerRows(vision)], [1]].map(bound => builder.integers(bound))
  return builder.node('Slice', [features, ...bounds])
}

async function addEmbeddings(source: WeightSource, vision: VisionConfig, pixels: string): Promise<string> {
  const { builder, checkpoint } = source
  const { hiddenSize, patchSize } = vision
  const patches = patchesPerSide(vision) ** 2
  const rows = towerRows(vision)
  const kernel = await checkpoint.readFloats('vision.embeddings.patch_embedding.weight')
  const weights = [await builder.weight('vision.patches', [hiddenSize, 3, patchSize, patchSize], kernel)]
  if (vision.patchBias) weights.push(await addVector(source, ['vision.embeddings.patch_embedding.bias']))
  const sides = [patchSize, patchSize]
  const planes = builder.node('Conv', [pixels, ...weights], { attributes: { kernel_shape: sides, strides: sides } })
  const flat = builder.node('Reshape', [planes, builder.integers([-1, hiddenSize, patches])])
  let value = builder.node('Transpose', [flat], { attributes: { perm: [0, 2, 1] } })
  const positions = await checkpoint.readFloats('vision.embeddings.position_embedding.weight')
  if (vision.classRow) {
    // The class row is the same for every tile: a row of zeros takes its place, and its value joins row 0 of the positions.
    value = builder.node('Pad', [value, builder.integers([0, 1, 0, 0, 0, 0])])
    const classRow = await checkpoint.readFloats('vision.embeddings.class_embedding')
    for (let i = 0; i < hiddenSize; i++) positions[i]! += classRow[i]!
  }
  value = builder.node('Add', [value, await builder.weight('vision.positions', [rows, hiddenSize], positions)])
  return vision.normBefore ? addLayerNorm(source, vision, 'vision.pre_layrnorm', value) : value
}

async function addBlock(source: WeightSource, vision: VisionConfig, prefix: string, stream: string): Promise<string> {
  const { builder } = source
  const normed = await addLayerNorm(source, vision, `${prefix}.layer_norm1`, stream)
  const names = ['q', 'k', 'v'].map(each => `${prefix}.self_attn.${each}_proj`)
  const products = await addProducts(source, normed, names)
  const biases = await addVector(
    source,
    names.map(name => `${name}.bias`),
  )
  const attended = builder.node('MultiHeadAttention', [...products, biases], {
    domain: MICROSOFT,
    attributes: { num_heads: vision.numHeads },
  })
  const projected = await addTowerLinear(source, attended, `${prefix}.self_attn.out_proj`)
  const middle = builder.node('Add', [stream, projected])
  const between = await addLayerNorm(source, vision, `${prefix}.layer_norm2`, middle)
  const wide = await addTowerLinear(source, between, `${prefix}.mlp.fc1`)
  const narrow = await addTowerLinear(source, addActivation(builder, vision.activation, wide), `${prefix}.mlp.fc2`)
  return builder.node('Add', [middle, narrow])
}

/** The input times each of several matrices, without biases. At 8 bits the input is rounded once for all of them. */
async function addProducts(source: WeightSource, input: string, names: readonly string[]): Promise<readonly string[]> {
  const products: string[] = []
  if (source.storage === '8x8') {
    const rows = addRoundedRows(source, input)
    for (const name of names) products.push(await addRowProduct(source, rows, [`${name}.weight`]))
  } else {
    for (const name of names) products.push(await addProduct(source, input, [`${name}.weight`]))
  }
  return products
}

async function addTowerLinear(source: WeightSource, input: string, name: string): Promise<string> {
  if (source.storage !== '8x8') return addLinear(source, input, [name], true)
  const [product] = await addProducts(source, input, [name])
  return source.builder.node('Add', [product!, await addVector(source, [`${name}.bias`])])
}

async function addLayerNorm(source: WeightSource, vision: VisionConfig, name: string, input: string): Promise<string> {
  const scale = await addVector(source, [`${name}.weight`])
  const shift = await addVector(source, [`${name}.bias`])
  return source.builder.node('LayerNormalization', [input, scale, shift], {
    attributes: { axis: -1, epsilon: float(vision.normEpsilon) },
  })
}
