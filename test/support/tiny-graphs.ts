import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GraphBuilder, MICROSOFT } from '../../kernels/graphs/graph-builder.js'
import { WeightFile } from '../../kernels/graphs/weight-file.js'

/** A decoder with the interface of the real ones and nothing but attention: small enough to compute by hand. */
export const TINY = {
  numLayers: 2,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  hiddenSize: 32,
  vocabRows: 7,
} as const

const QKV_WIDTH = (TINY.numHeads + 2 * TINY.numKvHeads) * TINY.headDim

export interface TinyDecoder {
  readonly graphPath: string
  /** Per layer: [hiddenSize, (heads + 2 kvHeads) * headDim] f32: queries, keys, values side by side. */
  readonly projections: readonly Float32Array[]
  /** [hiddenSize, vocabRows] f32 */
  readonly head: Float32Array
  /** [vocabRows, hiddenSize] f32 */
  readonly embeddings: Float32Array
}

/** Each layer adds its attention, without rotation, to the stream; the head follows. Written into `folder`. */
export async function writeTinyDecoder(folder: string): Promise<TinyDecoder> {
  const projections = Array.from({ length: TINY.numLayers }, (_, layer) =>
    waves(TINY.hiddenSize * QKV_WIDTH, layer + 1, 0.5),
  )
  const head = waves(TINY.hiddenSize * TINY.vocabRows, 11, 1)
  const embeddings = waves(TINY.vocabRows * TINY.hiddenSize, 17, 1)
  const graphPath = await writeGraph(folder, 'decoder', async builder => {
    let stream = builder.input('embeds', 'float32', ['batch', 'length', TINY.hiddenSize])
    builder.input('seqlens', 'int32', ['batch'])
    builder.input('total_length', 'int32', [])
    builder.input('logit_rows', 'int64', ['rows'])
    const memory = ['batch', TINY.numKvHeads, 'capacity', TINY.headDim]
    for (let layer = 0; layer < TINY.numLayers; layer++) {
      const weight = await builder.weight(`projection_${layer}`, [TINY.hiddenSize, QKV_WIDTH], projections[layer]!)
      const pasts = [`past_key_${layer}`, `past_value_${layer}`].map(name => builder.input(name, 'float32', memory))
      const presents = [`present_key_${layer}`, `present_value_${layer}`]
      const inputs = [builder.node('MatMul', [stream, weight]), '', '', ...pasts, 'seqlens', 'total_length']
      const attributes = { num_heads: TINY.numHeads, kv_num_heads: TINY.numKvHeads }
      const attended = `attended_${layer}`
      builder.nodeTo([attended, ...presents], 'GroupQueryAttention', inputs, { domain: MICROSOFT, attributes })
      for (const present of presents) builder.output(present, 'float32', memory)
      stream = builder.node('Add', [stream, attended])
    }
    const flat = builder.node('Reshape', [stream, builder.integers([-1, TINY.hiddenSize])])
    const chosen = builder.node('Gather', [flat, 'logit_rows'], { attributes: { axis: 0 } })
    const weight = await builder.weight('head', [TINY.hiddenSize, TINY.vocabRows], head)
    builder.nodeTo(['logits'], 'MatMul', [chosen, weight])
    builder.output('logits', 'float32', ['rows', TINY.vocabRows])
  })
  return { graphPath, projections, head, embeddings }
}

/** Logits of the last position of the sequence [length, hiddenSize], computed anew from the first token on in float64. */
export function tinyLogits(decoder: TinyDecoder, sequence: readonly Float32Array[]): number[] {
  const { numHeads, numKvHeads, headDim, hiddenSize, vocabRows } = TINY
  let stream = sequence.map(row => Array.from(row))
  for (const weight of decoder.projections) {
    const projected = stream.map(row => product(row, weight, QKV_WIDTH))
    const vector = (position: number, first: number): number[] => projected[position]!.slice(first, first + headDim)
    stream = stream.map((row, position) => {
      const attended: number[] = []
      for (let head = 0; head < numHeads; head++) {
        const shared = Math.floor((head * numKvHeads) / numHeads)
        const query = vector(position, head * headDim)
        const scores = projected
          .slice(0, position + 1)
          .map((_, at) => Math.exp(dot(query, vector(at, (numHeads + shared) * headDim)) / Math.sqrt(headDim)))
        const total = scores.reduce((sum, score) => sum + score, 0)
        for (let i = 0; i < headDim; i++) {
          const values = scores.map((score, at) => score * vector(at, (numHeads + numKvHeads + shared) * headDim)[i]!)
          attended.push(values.reduce((sum, value) => sum + value, 0) / total)
        }
      }
      return row.map((value, i) => value + attended[i]!)
    })
  }
  return product(stream.at(-1)!.slice(0, hiddenSize), decoder.head, vocabRows)
}

/** pixels [tiles, 3, 2, 2] -> features [tiles, 4, 3]: row p of a tile is its pixel p, the three channels as they are. */
export function writeTinyTower(folder: string): Promise<string> {
  return writeGraph(folder, 'vision', async builder => {
    const pixels = builder.input('pixels', 'float32', ['tiles', 3, 2, 2])
    const flat = builder.node('Reshape', [pixels, builder.integers([0, 3, 4])])
    builder.nodeTo(['features'], 'Transpose', [flat], { attributes: { perm: [0, 2, 1] } })
    builder.output('features', 'float32', ['tiles', 4, 3])
  })
}

export async function writeGraph(
  folder: string,
  name: string,
  build: (builder: GraphBuilder) => Promise<void>,
): Promise<string> {
  const weights = await WeightFile.create(join(folder, `${name}.bin`))
  const builder = new GraphBuilder(name, weights)
  await build(builder)
  await weights.close()
  const path = join(folder, `${name}.onnx`)
  await writeFile(path, builder.encode())
  return path
}

/** Fixed values between -scale and scale without short periods. */
export function waves(count: number, phase: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => scale * Math.sin(i * i * 0.7 + i * 1.3 + phase))
}

function product(row: readonly number[], matrix: Float32Array, width: number): number[] {
  return Array.from({ length: width }, (_, column) =>
    row.reduce((sum, value, i) => sum + value * matrix[i * width + column]!, 0),
  )
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, i) => sum + value * right[i]!, 0)
}
