import type { GenerateEvent, GenerateResult, Generation, TokenLogprob } from '../protocol/backend.js'
import type { EngineError } from '../protocol/error.js'

/**
 * Carries events from the engine to one reader. Text that nobody has read yet is joined into one delta, so a slow or
 * absent reader costs no more than the text itself.
 */
export class GenerationStream implements Generation {
  readonly id: string
  readonly #onAbort: () => void
  #delta = ''
  #tokenIds: number[] = []
  #logprobs: TokenLogprob[] | null = null
  #ended: { readonly result: GenerateResult } | { readonly error: EngineError } | null = null
  #wake: (() => void) | null = null
  #result: Promise<GenerateResult> | null = null
  readonly #settled: (() => void)[] = []

  constructor(id: string, onAbort: () => void) {
    this.id = id
    this.#onAbort = onAbort
  }

  /** For the engine. */
  emit(delta: string, tokenIds: readonly number[], logprobs: readonly TokenLogprob[] | null = null): void {
    this.#delta += delta
    if (logprobs) this.#logprobs = [...(this.#logprobs ?? []), ...logprobs]
    for (const tokenId of tokenIds) this.#tokenIds.push(tokenId)
    this.#notify()
  }

  /** For the engine. */
  finish(result: GenerateResult): void {
    this.#ended ??= { result }
    this.#settle()
  }

  /** For the engine. */
  fail(error: EngineError): void {
    this.#ended ??= { error }
    this.#settle()
  }

  get isEnded(): boolean {
    return this.#ended !== null
  }

  get result(): Promise<GenerateResult> {
    this.#result ??= new Promise((resolve, reject) => {
      const settle = (): void => {
        const ended = this.#ended
        if (ended && 'result' in ended) resolve(ended.result)
        else if (ended) reject(ended.error)
      }
      if (this.#ended) settle()
      else this.#settled.push(settle)
    })
    return this.#result
  }

  abort(): void {
    if (!this.#ended) this.#onAbort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerateEvent, void, undefined> {
    try {
      while (true) {
        if (this.#delta !== '' || this.#tokenIds.length > 0) {
          const logprobs = this.#logprobs && { logprobs: this.#logprobs }
          const event = { type: 'text-delta', delta: this.#delta, tokenIds: this.#tokenIds, ...logprobs } as const
          this.#delta = ''
          this.#tokenIds = []
          this.#logprobs = null
          yield event
        } else if (this.#ended) {
          if ('error' in this.#ended) throw this.#ended.error
          yield { type: 'finish', result: this.#ended.result }
          return
        } else {
          await new Promise<void>(resolve => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      this.abort()
    }
  }

  #settle(): void {
    for (const settle of this.#settled.splice(0)) settle()
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = null
  }
}
