import type { RopeConfig } from '../checkpoint/model-config.js'

const { fround } = Math

/** cos and sin of every position's angles, [positions, headDim / 2] each, as GroupQueryAttention takes them. */
export interface RopeTables {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/**
 * Tables for half-split rotation. Angles are rounded to float32 where transformers rounds them: at position 4000 a
 * table in double precision would differ from its by 2e-4.
 */
export function ropeTables(rope: RopeConfig, headDim: number, positions: number): RopeTables {
  const half = headDim / 2
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  let frequencies = inverseFrequencies(rope, headDim, 0)
  for (let position = 0; position < positions; position++) {
    if (rope.type === 'dynamic' && position >= rope.originalPositions) {
      frequencies = inverseFrequencies(rope, headDim, position + 1)
    }
    for (let i = 0; i < half; i++) {
      const angle = fround(position * frequencies[i]!)
      cos[position * half + i] = Math.cos(angle)
      sin[position * half + i] = Math.sin(angle)
    }
  }
  return { cos, sin }
}

/** Angle per position of each pair of dimensions, [headDim / 2]. `length` of the sequence matters to `dynamic` only. */
export function inverseFrequencies(rope: RopeConfig, headDim: number, length: number): Float32Array {
  const base = rope.type === 'dynamic' ? dynamicBase(rope, headDim, length) : rope.theta
  const plain = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / fround(base ** fround((2 * i) / headDim)))
  // linear: positions divided by the factor, which is the same as frequencies divided by it.
  if (rope.type === 'linear') return plain.map(frequency => frequency / rope.factor)
  if (rope.type === 'llama3') return plain.map(frequency => llama3Frequency(rope, frequency))
  return plain
}

/**
 * The base grows with the sequence. transformers recomputes it whenever the sequence does and leaves the keys that are
 * cached as they are, so each position that comes one by one has the base of the sequence that ends with it. Here every
 * position has, in a prompt too: a key then depends on what is before it alone, and prefixes can be shared and prompts
 * cut anywhere. Only for prompts longer than the trained positions does transformers differ, which rotates all of such
 * a prompt by its full length.
 */
function dynamicBase(rope: RopeConfig, headDim: number, length: number): number {
  if (length <= rope.originalPositions) return rope.theta
  const stretch = fround(fround((rope.factor * length) / rope.originalPositions) - (rope.factor - 1))
  return fround(rope.theta * fround(stretch ** (headDim / (headDim - 2))))
}

/** LLaMA 3.1: short wavelengths as they are, long ones divided by the factor, a blend between. */
function llama3Frequency(rope: RopeConfig, frequency: number): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < rope.originalPositions / rope.highFrequencyFactor) return frequency
  if (wavelength > rope.originalPositions / rope.lowFrequencyFactor) return frequency / rope.factor
  const smooth =
    (rope.originalPositions / wavelength - rope.lowFrequencyFactor) /
    (rope.highFrequencyFactor - rope.lowFrequencyFactor)
  return ((1 - smooth) * frequency) / rope.factor + smooth * frequency
}
