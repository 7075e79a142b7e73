/**
 * Finds stop strings in text that arrives in pieces. Text that could still turn into a stop string is held back; what
 * is released is final.
 */
export class StopMatcher {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** @returns the text that is now final, and the stop string that was completed, if one was: text from it on is dropped. */
  push(text: string): { readonly text: string; readonly matched: string | null } {
    if (this.#stops.length === 0) return { text, matched: null }
    const all = this.#held + text
    let at = -1
    let matched: string | null = null
    for (const stop of this.#stops) {
      const found = all.indexOf(stop)
      if (found >= 0 && (at < 0 || found < at)) {
        at = found
        matched = stop
      }
    }
    if (matched !== null) {
      this.#held = ''
      return { text: all.slice(0, at), matched }
    }
    const keep = this.#longestOpenEnd(all)
    this.#held = all.slice(all.length - keep)
    return { text: all.slice(0, all.length - keep), matched: null }
  }

  /** What was held back, when no more text comes. */
  flush(): string {
    const text = this.#held
    this.#held = ''
    return text
  }

  #longestOpenEnd(text: string): number {
    const longest = Math.max(...this.#stops.map(stop => stop.length)) - 1
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(text.length - length)
      if (this.#stops.some(stop => stop.startsWith(end))) return length
    }
    return 0
  }
}
