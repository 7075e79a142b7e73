import type { Usage } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { ImageSpan, Sequence } from '../scheduler/sequence.js'
import type { Task } from './task.js'

/** Computes a prompt for the cache's sake and generates nothing. */
export class WarmTask implements Task {
  readonly sequence: Sequence
  readonly #settle: { readonly done: (usage: Usage) => void; readonly failed: (error: EngineError) => void }
  readonly #imageEncodes: () => number
  #isAborted = false

  constructor(
    sequence: Sequence,
    imageEncodes: () => number,
    settle: { readonly done: (usage: Usage) => void; readonly failed: (error: EngineError) => void },
  ) {
    this.sequence = sequence
    this.#imageEncodes = imageEncodes
    this.#settle = settle
  }

  readonly freeTokens = 1

  get isDone(): boolean {
    return this.#isAborted || this.sequence.pending === 0
  }

  /** The logits are of no interest. */
  consume(): void {}

  advance(): boolean {
    return this.isDone
  }

  complete(): void {
    if (this.#isAborted) this.#settle.failed(new EngineError('REQUEST_ABORTED', { id: this.sequence.id }))
    else this.#settle.done(promptUsage(this.sequence, this.#imageEncodes()))
  }

  abort(): void {
    this.#isAborted = true
  }

  fail(error: EngineError): void {
    this.#settle.failed(error)
  }
}

/** Usage of a request that generated nothing. */
export function promptUsage(sequence: Sequence, imageEncodes: number): Usage {
  return {
    promptTokens: sequence.promptLength,
    cachedTokens: sequence.cached,
    imageTokens: sequence.spans.reduce((sum, span) => sum + span.count, 0),
    cachedImageTokens: sequence.spans.reduce((sum, span) => sum + coveredBy(sequence.cached, span), 0),
    imageEncodes,
    completionTokens: 0,
    forcedTokens: 0,
  }
}

function coveredBy(length: number, { start, count }: ImageSpan): number {
  return Math.max(0, Math.min(count, length - start))
}
