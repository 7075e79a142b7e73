import { MICROSOFT } from './graph-builder.js'
import type { WeightSource } from './linear.js'

const LARGEST = 127
/** Levels of activations lie around this: the CPU multiplies unsigned by signed bytes fastest. */
const ZERO = 128
/** Keeps rows of zeros from a division by zero. */
const SMALLEST = 1e-30

/** Activations rounded to 8 bits, each row by its own scale, so that what comes of a row depends on no other row. */
export interface RoundedRows {
  /** [..., inputs] uint8 around 128 */
  readonly levels: string
  /** [..., 1] f32 */
  readonly scale: string
}

export function addRoundedRows({ builder }: WeightSource, input: string): RoundedRows {
  const largest = builder.node('ReduceMax', [builder.node('Abs', [input]), builder.integers([-1])])
  const bounded = builder.node('Max', [largest, builder.scalar('float32', SMALLEST)])
  const scale = builder.node('Mul', [bounded, builder.scalar('float32', 1 / LARGEST)])
  const levels = builder.node('QuantizeLinear', [
    builder.node('Div', [input, scale]),
    builder.scalar('float32', 1),
    builder.scalar('uint8', ZERO),
  ])
  return { levels, scale }
}

/**
 * Adds rounded rows times a stored matrix [outputs, inputs], each of whose rows is rounded to 8 bits by a scale of its
 * own: whole numbers meet whole numbers, and both scales follow. Several names stand for matrices one above the other.
 * No bias is added. Returns [..., outputs] f32.
 *
 * In a ViT-B/16, and in a decoder that reads a prompt, this takes half the processor time of MatMulNBits, whose blocks
 * of 32 cost a scale each (with VNNI; docs/decisions/0007 and 0009). It rounds more coarsely.
 */
export async function addRowProduct(
  source: WeightSource,
  rows: RoundedRows,
  names: readonly string[],
): Promise<string> {
  const { builder, checkpoint } = source
  const [, inputs] = checkpoint.shapeOf(names[0]!) as readonly [number, number]
  const outputs = names.reduce((sum, name) => sum + checkpoint.shapeOf(name)[0]!, 0)
  const values = new Float32Array(outputs * inputs)
  let at = 0
  for (const name of names) {
    const part = await checkpoint.readFloats(name)
    values.set(part, at)
    at += part.length
  }
  const name = names.join('+')
  const { levels, scales } = quantizeRows(values, outputs, inputs)
  const product = builder.node(
    'MatMulIntegerToFloat',
    [
      rows.levels,
      await builder.weight(`${name}.levels`, [inputs, outputs], levels),
      builder.scalar('float32', 1),
      await builder.weight(`${name}.scales`, [outputs], scales),
      builder.scalar('uint8', ZERO),
    ],
    { domain: MICROSOFT },
  )
  return builder.node('Mul', [product, rows.scale])
}

/** A matrix [outputs, inputs] as levels -127..127, transposed to [inputs, outputs], and the scale of each output. */
export function quantizeRows(
  values: Float32Array,
  outputs: number,
  inputs: number,
): { readonly levels: Int8Array; readonly scales: Float32Array } {
  const levels = new Int8Array(values.length)
  const scales = new Float32Array(outputs)
  for (let output = 0; output < outputs; output++) {
    const start = output * inputs
    let largest = 0
    for (let i = start; i < start + inputs; i++) largest = Math.max(largest, Math.abs(values[i]!))
    const scale = Math.fround(largest / LARGEST)
    const inverse = scale === 0 ? 0 : 1 / scale
    for (let i = 0; i < inputs; i++) levels[i * outputs + output] = Math.round(values[start + i]! * inverse)
    scales[output] = scale
  }
  return { levels, scales }
}
