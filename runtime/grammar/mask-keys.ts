import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind } from './expression-nodes.js'

/**
 * States with their counters cut to what a token of `maxBytes` can feel: far from both ends of a count, all states
 * allow the same tokens, and share one mask. Counters inside intersections are left alone, as they may clash there.
 */
export class MaskKeys {
  readonly #store: ExpressionStore
  readonly #maxBytes: number
  readonly #keys: (ExpressionId | undefined)[] = []

  constructor(store: ExpressionStore, maxBytes: number) {
    this.#store = store
    this.#maxBytes = maxBytes
  }

  keyOf(state: ExpressionId): ExpressionId {
    const known = this.#keys[state]
    if (known !== undefined) return known
    const key = this.#cut(state)
    while (this.#keys.length < state) this.#keys.push(undefined)
    this.#keys[state] = key
    return key
  }

  #cut(state: ExpressionId): ExpressionId {
    const { kinds, first, second, third, data } = this.#store.nodes
    switch (kinds[state]) {
      case Kind.Repeat: {
        if (this.#store.isNullable(first[state]!)) return state
        const min = Math.min(second[state]!, this.#maxBytes + 1)
        const max = third[state]! > this.#maxBytes ? Number.POSITIVE_INFINITY : third[state]!
        return this.#store.repeat(first[state]!, min, max)
      }
      case Kind.Item:
        return this.#store.items.forgotten(state, this.keyOf(first[state]!))
      case Kind.Sequence:
        return this.#store.sequence(this.keyOf(first[state]!), second[state]!)
      case Kind.Choice:
        return this.#store.choice((data[state] as readonly number[]).map(member => this.keyOf(member)))
      default:
        return state
    }
  }
}
