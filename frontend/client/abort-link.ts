import { setMaxListeners } from 'node:events'

/**
 * A signal that aborts with any of its sources, or by abort(). AbortSignal.any() would do, but on Node 20 a source that
 * lives on keeps a trace of every signal ever derived from it (about 70 bytes each, measured on 20.20); release() ends it.
 */
export class AbortLink {
  readonly #controller = new AbortController()
  readonly #sources: readonly AbortSignal[]

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    this.#sources = sources.filter(source => source !== undefined)
    // Any number of runs and requests may listen at once and be no leak; Node would warn from the eleventh on.
    setMaxListeners(0, this.signal)
    for (const source of this.#sources) {
      setMaxListeners(0, source)
      if (source.aborted) this.abort()
      else source.addEventListener('abort', this.abort, { once: true })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  readonly abort = (): void => this.#controller.abort()

  /** To be called once nothing listens any more; the sources then no longer matter. */
  release(): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.abort)
  }
}
