import type { Precision } from '../protocol.js'
import type { Storage } from './quantize.js'

/** How the matrices of each part of a model are stored. Norms, biases, embeddings and rotary tables are always float32. */
export interface PartStorage {
  readonly text: Storage
  readonly head: Storage
  /** Blocks of the tower. */
  readonly tower: Storage
  /** Between tower and language model. */
  readonly connector: Storage
}

const ROUNDED = { head: 8, tower: '8x8', connector: 8 } as const

/**
 * The head never goes below 8 bits in blocks: its rounding lands on the logits directly. Nor does the tower go below 8:
 * it is small beside the language model, and every later token reads what it saw.
 */
export const PRECISION_STORAGE: Readonly<Record<Precision, PartStorage>> = {
  float32: { text: 32, head: 32, tower: 32, connector: 32 },
  int8: { text: 8, ...ROUNDED },
  int8x8: { text: '8x8', ...ROUNDED },
  int4: { text: 4, ...ROUNDED },
}
