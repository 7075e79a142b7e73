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
    const matched = this.#firstToEnd(all)
    if (matched !== null) {
      this.#held = ''
      return { text: all.slice(0, all.indexOf(matched)), matched }
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

  /** The one that is complete first, and the longer of two that end together: so it does not matter how the text was cut. */
  #firstToEnd(text: string): string | null {
    let best: string | null = null
    let bestEnd = 0
    for (const stop of this.#stops) {
      const at = text.indexOf(stop)
      const end = at + stop.length
      if (at < 0 || (best !== null && (end > bestEnd || (end === bestEnd && stop.length <= best.length)))) continue
      best = stop
      bestEnd = end
    }
    return best
  }

  #longestOpenEnd(text: string): number {
    const longest = this.#stops.reduce((most, { length }) => Math.max(most, length), 0) - 1
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(text.length - length)
      if (this.#stops.some(stop => stop.startsWith(end))) return length
    }
    return 0
  }
}
