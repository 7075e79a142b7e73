import type { Precision } from '../protocol.js'
import type { Bits } from './quantize.js'

/** Bits of the matrices of each part of a model; 32: float32. Norms, biases, embeddings and rotary tables are always float32. */
export interface PartBits {
  readonly text: Bits | 32
  readonly head: Bits | 32
  /** Tower and connector. */
  readonly vision: Bits | 32
}

/**
 * At int4 the head keeps 8 bits: its rounding lands on the logits directly. So does the tower: it is small beside the
 * language model, and every later token reads what it saw.
 */
export const PRECISION_BITS: Readonly<Record<Precision, PartBits>> = {
  float32: { text: 32, head: 32, vision: 32 },
  int8: { text: 8, head: 8, vision: 8 },
  int4: { text: 4, head: 8, vision: 8 },
}
