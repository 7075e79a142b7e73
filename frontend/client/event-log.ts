/** Events of one producer for any number of readers, each of whom sees them all from the first on. */
export class EventLog<E> implements AsyncIterable<E> {
  readonly #events: E[] = []
  #end: { readonly error: unknown } | { readonly error?: undefined } | null = null
  #waiting: (() => void)[] = []

  push(event: E): void {
    this.#events.push(event)
    this.#wake()
  }

  /** After this readers end; with an error they throw it, once they have seen all events. */
  close(error?: unknown): void {
    this.#end = error === undefined ? {} : { error }
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<E> {
    for (let index = 0; ; index++) {
      while (index >= this.#events.length) {
        if (this.#end !== null) {
          if (this.#end.error !== undefined) throw this.#end.error
          return
        }
        await new Promise<void>(resolve => this.#waiting.push(resolve))
      }
      yield this.#events[index]!
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
