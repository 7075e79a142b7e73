import type { EngineError } from '../protocol/error.js'
import type { Sequence } from '../scheduler/sequence.js'

/** What a request makes of logits. The engine calls `consume` for each row that its sequence asked for, then `advance`. */
export interface Task {
  readonly sequence: Sequence
  /** Whether nothing is left to compute. */
  readonly isDone: boolean
  /** Next tokens that are the likeliest ones without the task being asked, at least 1: the next is always asked for. */
  readonly freeTokens: number
  /**
   * @param position of the element that was fed; the logits speak of the one after it.
   * @param logits [vocabRows] float32, valid during the call.
   * @param branch the tokens fed instead of the sequence's own, up to and including this one; null for its own.
   */
  consume(position: number, logits: Float32Array, branch: readonly number[] | null): void
  /** Appends what was decided to the sequence. Returns whether the request is done; the engine then calls `complete`. */
  advance(): boolean
  /** Called once, when the sequence has left the scheduler. */
  complete(): void
  /** Ends the request early: with its output so far when aborted, with an error when it failed. */
  abort(): void
  fail(error: EngineError): void
}
