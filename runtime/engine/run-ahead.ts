import type { Batch, BatchDecode } from '../scheduler/batch.js'
import { LOOKAHEAD } from '../scheduler/slot-memory.js'

/** Longest stretch that a batch may run without a look at requests, in milliseconds. */
const STRETCH_MS = 25

/** What the choice depends on. */
export interface RunAheadState {
  /** Requests that could be admitted or have a prompt to go on with. */
  readonly othersWait: boolean
  /** Milliseconds of one decode step, lately. */
  readonly stepMs: number
  readonly maxLogitRows: number
  /** Tokens that the row's task would take as the likeliest without being asked; 1 when each must be chosen by the task. */
  readonly freeTokens: (row: number) => number
}

/**
 * How many decode steps to run in one go. A small model's step is over before a message is: where every row just takes
 * its likeliest token anyway, the worker feeds it by itself and the engine reads several tokens at once. Pure.
 */
export function chooseSteps(batch: Batch, decode: BatchDecode, state: RunAheadState): number {
  if (batch.chunks.length > 0 || state.othersWait) return 1
  const byTime = Math.floor(STRETCH_MS / Math.max(state.stepMs, 0.01))
  const byRows = Math.floor(state.maxLogitRows / decode.rows.length)
  let steps = Math.min(LOOKAHEAD, byTime, byRows)
  for (let row = 0; row < decode.rows.length && steps > 1; row++) {
    if (decode.rows[row]) steps = Math.min(steps, state.freeTokens(row))
  }
  return Math.max(1, steps)
}
