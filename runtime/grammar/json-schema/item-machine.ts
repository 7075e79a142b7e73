import type { ExpressionId, ExpressionStore } from '../expression.js'
import type { JsonLayout } from '../json-layout.js'

export interface ItemRules {
  readonly start: string
  /** Whether the array may end in this state after so many items. */
  mayEnd(state: string, length: number): boolean
  /** What the item at `index` may be, and the state that each choice leads to. */
  items(state: string, index: number): readonly { readonly text: ExpressionId; readonly next: string }[]
  /** Lengths past this are all alike. */
  readonly lengthLimit: number
  /** Whether every state that is reached can be finished. */
  readonly nonEmpty: boolean
}

/** An array whose items depend on the items before them; states are rules, made when the text gets there. */
export class ItemMachine {
  readonly #store: ExpressionStore
  readonly #layout: JsonLayout
  readonly #depth: number
  readonly #rules: ItemRules
  readonly #states = new Map<string, ExpressionId>()

  constructor(store: ExpressionStore, layout: JsonLayout, depth: number, rules: ItemRules) {
    this.#store = store
    this.#layout = layout
    this.#depth = depth
    this.#rules = rules
  }

  build(): ExpressionId {
    const store = this.#store
    const { start } = this.#rules
    const first = this.#rules
      .items(start, 0)
      .map(({ text, next }) => store.sequence(this.#layout.open('[', this.#depth), text, this.#after(next, 1)))
    if (this.#rules.mayEnd(start, 0)) first.push(this.#layout.emptyArray)
    return store.choice(first)
  }

  /** What may stand after `length` items. */
  #after(state: string, length: number): ExpressionId {
    const counted = Math.min(length, this.#rules.lengthLimit)
    const key = `${counted};${state}`
    let id = this.#states.get(key)
    if (id === undefined) {
      id = this.#store.rule('items of an array', () => this.#define(state, counted), {
        nonEmpty: this.#rules.nonEmpty,
        minLength: 1,
      })
      this.#states.set(key, id)
    }
    return id
  }

  #define(state: string, length: number): ExpressionId {
    const store = this.#store
    const parts = this.#rules
      .items(state, length)
      .map(({ text, next }) => store.sequence(this.#layout.comma(this.#depth), text, this.#after(next, length + 1)))
    if (this.#rules.mayEnd(state, length)) parts.push(this.#layout.close(']', this.#depth))
    return store.choice(parts)
  }
}
