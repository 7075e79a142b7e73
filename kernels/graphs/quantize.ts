/** Values of one block share a scale. */
export const BLOCK = 32

export type Bits = 4 | 8

/** How a matrix is stored: float32, in blocks of 4 or 8 bits, or each output by one scale against activations of 8 bits. */
export type Storage = 32 | Bits | '8x8'

/** A matrix [outputs, inputs] as MatMulNBits takes it; symmetric, so it needs no zero points. */
export interface QuantizedMatrix {
  /** [outputs, inputs / 32, 32 * bits / 8] */
  readonly data: Uint8Array
  /** [outputs, inputs / 32] */
  readonly scales: Float32Array
}

/** MatMulNBits would pad other widths; their matrices stay float32. */
export function canQuantize(inputs: number): boolean {
  return inputs % BLOCK === 0
}

/**
 * Rounds each block of 32 neighbouring inputs to whole multiples of its own scale.
 * 8 bits: -127..127 around 128, the scale from the largest magnitude. 4 bits: -8..7 around 8, the scale such that the
 * value of largest magnitude is exactly -8 steps, which uses all sixteen levels (the rule of GGUF's q8_0 and q4_0).
 */
export function quantizeMatrix(values: Float32Array, bits: Bits): QuantizedMatrix {
  const blocks = values.length / BLOCK
  const data = new Uint8Array((values.length * bits) / 8)
  const scales = new Float32Array(blocks)
  const quantizeBlock = bits === 8 ? quantizeBlock8 : quantizeBlock4
  for (let block = 0; block < blocks; block++) scales[block] = quantizeBlock(values, block * BLOCK, data)
  return { data, scales }
}

function quantizeBlock8(values: Float32Array, start: number, data: Uint8Array): number {
  let largest = 0
  for (let i = start; i < start + BLOCK; i++) largest = Math.max(largest, Math.abs(values[i]!))
  const scale = Math.fround(largest / 127)
  const inverse = scale === 0 ? 0 : 1 / scale
  // Truncation after adding a half rounds, since the sum is positive.
  for (let i = start; i < start + BLOCK; i++) data[i] = (values[i]! * inverse + 128.5) | 0
  return scale
}

function quantizeBlock4(values: Float32Array, start: number, data: Uint8Array): number {
  let extreme = 0
  for (let i = start; i < start + BLOCK; i++) if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!
  const scale = Math.fround(extreme / -8)
  const inverse = scale === 0 ? 0 : 1 / scale
  // The earlier of two neighbours takes the low half of their byte.
  for (let i = start; i < start + BLOCK; i += 2) {
    const low = Math.min(15, (values[i]! * inverse + 8.5) | 0)
    const high = Math.min(15, (values[i + 1]! * inverse + 8.5) | 0)
    data[i >> 1] = low | (high << 4)
  }
  return scale
}
