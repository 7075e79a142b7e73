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
  const frequencies = inverseFrequencies(rope, headDim, positions)
  const half = headDim / 2
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  // linear: positions divided by the factor, which is the same as frequencies divided by it.
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = fround(position * frequencies[i]!)
      cos[position * half + i] = Math.cos(angle)
      sin[position * half + i] = Math.sin(angle)
    }
  }
  return { cos, sin }
}

/** Angle per position of each pair of dimensions, [headDim / 2]. `positions` matters to `dynamic` only. */
export function inverseFrequencies(rope: RopeConfig, headDim: number, positions: number): Float32Array {
  const base = rope.type === 'dynamic' ? dynamicBase(rope, headDim, positions) : rope.theta
  const plain = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / fround(base ** fround((2 * i) / headDim)))
  if (rope.type === 'linear') return plain.map(frequency => frequency / rope.factor)
  if (rope.type === 'llama3') return plain.map(frequency => llama3Frequency(rope, frequency))
  return plain
}

/**
 * transformers recomputes the base whenever the sequence grows, and leaves cached keys rotated by the old one. A table
 * cannot follow the length, so the base is that of the full context: exact wherever the context fits the trained
 * positions, and consistent between all keys beyond.
 */
function dynamicBase(rope: RopeConfig, headDim: number, positions: number): number {
  if (positions <= rope.originalPositions) return rope.theta
  const stretch = (rope.factor * positions) / rope.originalPositions - (rope.factor - 1)
  return rope.theta * stretch ** (headDim / (headDim - 2))
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
