import type { Branch, Sequence } from './sequence.js'

/** Consecutive pending elements of one sequence, fed in one run. */
export interface BatchChunk {
  readonly sequence: Sequence
  readonly slot: number
  readonly start: number
  readonly count: number
  /** Fed instead of the sequence's own elements: a piece of an option of a select. */
  readonly branch: Branch | null
  /** Positions within the chunk whose logits are wanted, ascending. */
  readonly logitRows: readonly number[]
  /** Row of the logits region that the first of them takes. */
  readonly firstLogit: number
}

/** One token for each of neighbouring slots; a null row is a hole, fed a dummy token at `lengths` of its slot. */
export interface BatchDecode {
  readonly firstSlot: number
  readonly rows: readonly (Sequence | null)[]
  readonly tokenIds: readonly number[]
  readonly lengths: readonly number[]
  /** Steps that the runner takes by itself, feeding the likeliest token of each row; see runtime/engine/run-ahead.ts. */
  readonly steps: number
  readonly firstLogit: number
}

/** What one step does, decided by the scheduler and carried out by the runner in this order. */
export interface Batch {
  readonly stores: readonly { readonly slot: number; readonly position: number; readonly page: number }[]
  readonly moves: readonly { readonly from: number; readonly to: number; readonly length: number }[]
  /** Slots whose memory goes back to the system: whoever sits there next writes it anew. */
  readonly trims: readonly number[]
  readonly loads: readonly { readonly page: number; readonly slot: number; readonly position: number }[]
  readonly chunks: readonly BatchChunk[]
  readonly decode: BatchDecode | null
}

/** Limits that every batch keeps. */
export interface BatchLimits {
  readonly numSlots: number
  readonly slotCapacity: number
  /** Positions of all slots together for which there is memory; see slot-memory.ts. */
  readonly slotTokens: number
  /** Tokens of all chunks of a step. */
  readonly maxChunk: number
  readonly maxChunks: number
  readonly maxLogitRows: number
}

/** How many of `count` elements from `start` on can be fed when `rows` logit rows are left, and which rows they want. */
export function fitChunk(
  sequence: Sequence,
  start: number,
  count: number,
  rows: number,
): { count: number; logitRows: number[] } {
  const from = sequence.logitsFrom
  const last = sequence.length - 1
  if (from === null) {
    const end = start + count - 1
    return { count, logitRows: end === last && rows > 0 ? [count - 1] : [] }
  }
  const firstWanted = Math.max(start, Math.min(from, last))
  const fit = Math.min(count, firstWanted - start + rows)
  const logitRows: number[] = []
  for (let at = firstWanted; at < start + fit; at++) logitRows.push(at - start)
  return { count: fit, logitRows }
}
