/** How weights of each stored type become float32. */
export const FLOAT_TYPES = ['F32', 'F16', 'BF16'] as const
export type FloatType = (typeof FLOAT_TYPES)[number]

export function isFloatType(type: string): type is FloatType {
  return (FLOAT_TYPES as readonly string[]).includes(type)
}

export const FLOAT_TYPE_BYTES: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 }

let halfTable: Float32Array | undefined

/** Every IEEE half as float32, by its bits: 256 KiB, made at the first use. */
function halves(): Float32Array {
  if (halfTable !== undefined) return halfTable
  const table = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25)
    table[bits] = bits & 0x8000 ? -magnitude : magnitude
  }
  halfTable = table
  return table
}

/**
 * Converts `count` stored numbers from element `from` of `source` into `destination` at element `to`.
 * `source` holds little-endian numbers of `type`, aligned to their size.
 */
export function convertFloats(
  type: FloatType,
  source: Uint8Array,
  from: number,
  count: number,
  destination: Float32Array,
  to: number,
): void {
  if (type === 'F32') {
    destination.set(new Float32Array(source.buffer, source.byteOffset + 4 * from, count), to)
    return
  }
  const bits = new Uint16Array(source.buffer, source.byteOffset + 2 * from, count)
  if (type === 'F16') {
    const table = halves()
    for (let i = 0; i < count; i++) destination[to + i] = table[bits[i]!]!
    return
  }
  // A bfloat16 is the upper half of a float32.
  const words = new Uint32Array(destination.buffer, destination.byteOffset + 4 * to, count)
  for (let i = 0; i < count; i++) words[i] = bits[i]! << 16
}

/** Index of the first value that is NaN or infinite, or -1. */
export function findNonFinite(values: Float32Array): number {
  // A non-finite value makes the block's sum of (value - value) NaN: one pass without a branch per element.
  const block = 4096
  for (let start = 0; start < values.length; start += block) {
    const end = Math.min(values.length, start + block)
    let sum = 0
    for (let i = start; i < end; i++) sum += values[i]! - values[i]!
    if (sum !== 0) for (let i = start; i < end; i++) if (!Number.isFinite(values[i]!)) return i
  }
  return -1
}
