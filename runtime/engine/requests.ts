import type { Usage } from '../protocol/backend.js'
import type { EngineStatus } from '../protocol/engine.js'
import { EngineError } from '../protocol/error.js'

type Counters = Pick<
  EngineStatus,
  | 'finishedRequests'
  | 'abortedRequests'
  | 'failedRequests'
  | 'promptTokens'
  | 'cachedTokens'
  | 'generatedTokens'
  | 'forcedTokens'
  | 'imagePrefixHits'
  | 'imageFeatureHits'
>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A request that the engine has accepted and not ended. */
export interface ActiveRequest {
  readonly id: string
  abort(): void
}

/** Which requests are active, whether new ones are taken, and what all of them added up to. */
export class RequestBook {
  readonly counters: Mutable<Counters> = {
    finishedRequests: 0,
    abortedRequests: 0,
    failedRequests: 0,
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    forcedTokens: 0,
    imagePrefixHits: 0,
    imageFeatureHits: 0,
  }
  readonly #active = new Map<string, ActiveRequest>()
  readonly #limit: number
  readonly #drained: (() => void)[] = []
  #isOpen = true
  #nextId = 1

  /** @param limit of active requests that do not run yet. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#active.size
  }

  /** The request's own id, or a fresh one. Throws ENGINE_CLOSED, ENGINE_OVERLOADED, REQUEST_DUPLICATE_ID. */
  admit(id: string | undefined, running = 0): string {
    if (!this.#isOpen) throw new EngineError('ENGINE_CLOSED')
    const waiting = this.#active.size - running
    if (waiting >= this.#limit) throw new EngineError('ENGINE_OVERLOADED', { waiting, limit: this.#limit })
    if (id !== undefined && this.#active.has(id)) throw new EngineError('REQUEST_DUPLICATE_ID', { id })
    return id ?? this.#freshId()
  }

  /** One that no caller has chosen for a request that is active. */
  #freshId(): string {
    let id: string
    do id = `request-${this.#nextId++}`
    while (this.#active.has(id))
    return id
  }

  begin(request: ActiveRequest): void {
    this.#active.set(request.id, request)
  }

  end(id: string, outcome: 'finished' | 'aborted' | 'failed', usage: Usage | null): void {
    if (!this.#active.delete(id)) throw new Error(`request ${id} ends but is not active`)
    this.counters[`${outcome}Requests`]++
    if (usage) {
      this.counters.promptTokens += usage.promptTokens
      this.counters.cachedTokens += usage.cachedTokens
      this.counters.generatedTokens += usage.completionTokens
      this.counters.forcedTokens += usage.forcedTokens
    }
    if (this.#active.size === 0) for (const resolve of this.#drained.splice(0)) resolve()
  }

  abort(idOrPrefix: string): number {
    const matching = [...this.#active.values()].filter(({ id }) => id.startsWith(idOrPrefix))
    for (const request of matching) request.abort()
    return matching.length
  }

  close(): void {
    this.#isOpen = false
  }

  /** Resolves when no request is active. */
  drained(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve()
    return new Promise(resolve => {
      this.#drained.push(resolve)
    })
  }
}
