import type { Activation } from '../checkpoint/families.js'
import type { Checkpoint } from '../checkpoint/index.js'
import { patchesPerSide, towerDepth, towerRows } from '../checkpoint/model-config.js'
import { inverseFrequencies } from '../graphs/rope.js'
import { attend, combine, makeRows, map, multiply, normalise, type Rows } from './rows.js'

/** Logits [positions, vocabRows] after embeddings [positions, hiddenSize] that begin a sequence; see kernels/graphs/llama.ts. */
export async function referenceLogits(checkpoint: Checkpoint, embeddings: Rows): Promise<Rows> {
  const { text } = checkpoint.config
  const read = (name: string): Promise<Float32Array> => checkpoint.readFloats(name)
  const linear = async (input: Rows, name: string, bias: boolean): Promise<Rows> =>
    multiply(input, await read(`${name}.weight`), bias ? await read(`${name}.bias`) : null)
  let stream = embeddings
  for (let layer = 0; layer < text.numLayers; layer++) {
    const prefix = `text.layers.${layer}`
    const window = text.windows[layer] ?? Number.POSITIVE_INFINITY
    const norm = async (name: string): Promise<Rows> =>
      normalise(stream, await read(`${prefix}.${name}.weight`), null, text.normEpsilon)
    const before = await norm('input_layernorm')
    const queries = rotate(checkpoint, await linear(before, `${prefix}.self_attn.q_proj`, text.qkvBias))
    const keys = rotate(checkpoint, await linear(before, `${prefix}.self_attn.k_proj`, text.qkvBias))
    const values = await linear(before, `${prefix}.self_attn.v_proj`, text.qkvBias)
    const attended = attend(queries, keys, values, {
      count: text.numHeads,
      keyCount: text.numKvHeads,
      size: text.headDim,
      sees: (query, key) => key <= query && query - key < window,
    })
    stream = add(stream, await linear(attended, `${prefix}.self_attn.o_proj`, text.outputBias))
    const between = await norm('post_attention_layernorm')
    const gate = await linear(between, `${prefix}.mlp.gate_proj`, text.mlpBias)
    const up = await linear(between, `${prefix}.mlp.up_proj`, text.mlpBias)
    const opened = combine(gate, up, (gated, value) => (gated / (1 + Math.exp(-gated))) * value)
    stream = add(stream, await linear(opened, `${prefix}.mlp.down_proj`, text.mlpBias))
  }
  const normed = normalise(stream, await read('text.norm.weight'), null, text.normEpsilon)
  return multiply(normed, await read(text.tiedHead ? 'text.embed_tokens.weight' : 'head.weight'), null)
}

/** Projected rows of one tile [3, S, S]; see kernels/graphs/vision-tower.ts. Frames are not pooled. */
export async function referenceFeatures(checkpoint: Checkpoint, pixels: Float32Array): Promise<Rows> {
  const { vision, projector } = checkpoint.config
  const read = (name: string): Promise<Float32Array> => checkpoint.readFloats(`vision.${name}`)
  const linear = async (input: Rows, name: string): Promise<Rows> =>
    multiply(input, await read(`${name}.weight`), await read(`${name}.bias`))
  const norm = async (input: Rows, name: string): Promise<Rows> =>
    normalise(input, await read(`${name}.weight`), await read(`${name}.bias`), vision.normEpsilon)
  let stream = await embedPatches(checkpoint, pixels)
  if (vision.normBefore) stream = await norm(stream, 'pre_layrnorm')
  const outputs = [stream]
  const heads = { count: vision.numHeads, keyCount: vision.numHeads, size: vision.hiddenSize / vision.numHeads }
  for (let layer = 0; layer < towerDepth(vision); layer++) {
    const prefix = `encoder.layers.${layer}`
    const before = await norm(stream, `${prefix}.layer_norm1`)
    const [queries, keys, values] = [
      await linear(before, `${prefix}.self_attn.q_proj`),
      await linear(before, `${prefix}.self_attn.k_proj`),
      await linear(before, `${prefix}.self_attn.v_proj`),
    ]
    const attended = attend(queries, keys, values, { ...heads, sees: () => true })
    stream = add(stream, await linear(attended, `${prefix}.self_attn.out_proj`))
    const wide = await linear(await norm(stream, `${prefix}.layer_norm2`), `${prefix}.mlp.fc1`)
    stream = add(stream, await linear(map(wide, ACTIVATE[vision.activation]), `${prefix}.mlp.fc2`))
    outputs.push(stream)
  }
  let rows = joinSelected(
    vision.selectedLayers.map(layer => outputs[layer]!),
    vision.dropFirstRow,
  )
  for (let layer = 0; layer < projector.numLayers; layer++) {
    if (layer > 0) rows = map(rows, ACTIVATE[projector.activation])
    const bias = projector.bias ? await checkpoint.readFloats(`projector.${layer}.bias`) : null
    rows = multiply(rows, await checkpoint.readFloats(`projector.${layer}.weight`), bias)
  }
  return rows
}

function add(left: Rows, right: Rows): Rows {
  return combine(left, right, (one, other) => one + other)
}

/** Turns each pair (i, i + half) of every head by the angle of its row's position. */
function rotate(checkpoint: Checkpoint, input: Rows): Rows {
  const { rope, headDim } = checkpoint.config.text
  const half = headDim / 2
  const result = makeRows(input.count, input.width)
  for (let position = 0; position < input.count; position++) {
    const frequencies = inverseFrequencies(rope, headDim, position + 1)
    for (let at = position * input.width; at < (position + 1) * input.width; at += headDim) {
      for (let i = 0; i < half; i++) {
        const [cos, sin] = [Math.cos(position * frequencies[i]!), Math.sin(position * frequencies[i]!)]
        const [low, high] = [input.values[at + i]!, input.values[at + half + i]!]
        result.values[at + i] = low * cos - high * sin
        result.values[at + half + i] = high * cos + low * sin
      }
    }
  }
  return result
}

async function embedPatches(checkpoint: Checkpoint, pixels: Float32Array): Promise<Rows> {
  const { vision } = checkpoint.config
  const { imageSize, patchSize, hiddenSize } = vision
  const side = patchesPerSide(vision)
  const patches = makeRows(side * side, 3 * patchSize * patchSize)
  let at = 0
  for (let patch = 0; patch < side * side; patch++) {
    const [top, left] = [Math.floor(patch / side) * patchSize, (patch % side) * patchSize]
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < patchSize; y++) {
        const start = (channel * imageSize + top + y) * imageSize + left
        patches.values.set(pixels.subarray(start, start + patchSize), at)
        at += patchSize
      }
    }
  }
  const read = (name: string): Promise<Float32Array> => checkpoint.readFloats(`vision.embeddings.${name}`)
  const bias = vision.patchBias ? await read('patch_embedding.bias') : null
  const embedded = multiply(patches, await read('patch_embedding.weight'), bias)
  const stream = makeRows(towerRows(vision), hiddenSize)
  if (vision.classRow) stream.values.set(await read('class_embedding'))
  stream.values.set(embedded.values, stream.values.length - embedded.values.length)
  const positions = await read('position_embedding.weight')
  return { ...stream, values: stream.values.map((value, i) => value + positions[i]!) }
}

/** Outputs side by side, without their first row where it is to go. */
function joinSelected(outputs: readonly Rows[], dropsFirst: boolean): Rows {
  const { count, width } = outputs[0]!
  const first = dropsFirst ? 1 : 0
  const joined = makeRows(count - first, width * outputs.length)
  for (let row = first; row < count; row++) {
    for (const [index, output] of outputs.entries()) {
      const place = (row - first) * joined.width + index * width
      joined.values.set(output.values.subarray(row * width, (row + 1) * width), place)
    }
  }
  return joined
}

const ACTIVATE: Readonly<Record<Activation, (value: number) => number>> = {
  quick_gelu: value => value / (1 + Math.exp(-1.702 * value)),
  gelu: value => (value / 2) * (1 + erf(value / Math.SQRT2)),
  gelu_tanh: value => (value / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3))),
}

/** By its series, whose terms shrink quickly for |x| < 4; beyond, it is 1 to eight places. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
