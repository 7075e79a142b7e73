import type { Checkpoint } from '../checkpoint/index.js'
import { type GraphBuilder, MICROSOFT } from './graph-builder.js'
import { BLOCK, canQuantize, quantizeMatrix, type Storage } from './quantize.js'
import { addRoundedRows, addRowProduct } from './row-product.js'

/**
 * ONNX Runtime then rounds activations to 8 bits, in blocks of 32, and multiplies whole numbers: faster by several
 * times, and little beside the rounding of the weights. On the embedded model the largest feature error at int8 grows
 * from 0.10 to 0.18 (of values up to 20); test/model/pocket-golden.test.ts holds the limits.
 */
const INT8_ACTIVATIONS = 4

/** Where a graph's weights come from and how its matrices are stored. */
export interface WeightSource {
  readonly builder: GraphBuilder
  readonly checkpoint: Checkpoint
  readonly storage: Storage
}

/**
 * Adds `input` times a stored matrix [outputs, inputs]. Several names stand for matrices one above the other, which
 * run as one product. Returns the name of the result; no bias is added.
 */
export async function addProduct(source: WeightSource, input: string, names: readonly string[]): Promise<string> {
  const { builder, checkpoint, storage } = source
  // Products with one input round it once: the library finds equal nodes.
  if (storage === '8x8') return addRowProduct(source, addRoundedRows(source, input), names)
  const parts: { readonly values: Float32Array; readonly outputs: number; readonly inputs: number }[] = []
  for (const name of names) {
    const values = await checkpoint.readFloats(name)
    const [outputs, inputs] = checkpoint.shapeOf(name) as readonly [number, number]
    parts.push({ values, outputs, inputs })
  }
  const inputs = parts[0]!.inputs
  const outputs = parts.reduce((sum, part) => sum + part.outputs, 0)
  const label = names.join('+')
  if (storage === 32 || !canQuantize(inputs)) {
    const transposed = new Float32Array(inputs * outputs)
    let column = 0
    for (const part of parts) {
      transposeInto(part.values, part.outputs, inputs, transposed, outputs, column)
      column += part.outputs
    }
    return builder.node('MatMul', [input, await builder.weight(label, [inputs, outputs], transposed)])
  }
  const blocks = inputs / BLOCK
  const blockBytes = (BLOCK * storage) / 8
  const data = new Uint8Array(outputs * blocks * blockBytes)
  const scales = new Float32Array(outputs * blocks)
  let row = 0
  for (const part of parts) {
    const quantized = quantizeMatrix(part.values, storage)
    data.set(quantized.data, row * blocks * blockBytes)
    scales.set(quantized.scales, row * blocks)
    row += part.outputs
  }
  return builder.node(
    'MatMulNBits',
    [
      input,
      await builder.weight(`${label}.levels`, [outputs, blocks, blockBytes], data),
      await builder.weight(`${label}.scales`, [outputs, blocks], scales),
    ],
    {
      domain: MICROSOFT,
      attributes: { K: inputs, N: outputs, bits: storage, block_size: BLOCK, accuracy_level: INT8_ACTIVATIONS },
    },
  )
}

/** A whole linear layer: the product and, where `bias` says so, the bias beside each matrix. `names` as above, without `.weight`. */
export async function addLinear(
  source: WeightSource,
  input: string,
  names: readonly string[],
  bias: boolean,
): Promise<string> {
  const product = await addProduct(
    source,
    input,
    names.map(name => `${name}.weight`),
  )
  if (!bias) return product
  return source.builder.node('Add', [
    product,
    await addVector(
      source,
      names.map(name => `${name}.bias`),
    ),
  ])
}

/** Stored vectors, one behind the other, as an initialiser. */
export async function addVector(source: WeightSource, names: readonly string[]): Promise<string> {
  const parts: Float32Array[] = []
  for (const name of names) parts.push(await source.checkpoint.readFloats(name))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const joined = new Float32Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return source.builder.weight(names.join('+'), [length], joined)
}

/** Writes the transpose of [rows, columns] into columns `at`.. of a matrix [columns, width]; in tiles, to stay in the cache. */
function transposeInto(
  values: Float32Array,
  rows: number,
  columns: number,
  destination: Float32Array,
  width: number,
  at: number,
): void {
  const tile = 32
  for (let row0 = 0; row0 < rows; row0 += tile) {
    const row1 = Math.min(rows, row0 + tile)
    for (let column0 = 0; column0 < columns; column0 += tile) {
      const column1 = Math.min(columns, column0 + tile)
      for (let row = row0; row < row1; row++) {
        for (let column = column0; column < column1; column++) {
          destination[column * width + at + row] = values[row * columns + column]!
        }
      }
    }
  }
}
