import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind } from './expression-nodes.js'
import { ESCAPED_ONLY } from './json-text.js'
import { complementRanges } from './utf8-ranges.js'

/**
 * What states say about plain characters coming next: those that stand for themselves in a JSON string. Sees repeats
 * of any expression that takes every plain character, each as one item (JSON string characters, however escaped).
 * Only for pruned states: a dead continuation would make every character illegal, and they have none.
 */
export class PlainRuns {
  readonly #store: ExpressionStore
  readonly #lengths: number[] = []
  readonly #isItem = new Map<ExpressionId, boolean>()
  readonly #plain: ExpressionId

  constructor(store: ExpressionStore) {
    this.#store = store
    this.#plain = store.codePoints(complementRanges(ESCAPED_ONLY))
  }

  /** Every text of up to this many plain characters may come next. 0 when nothing is known. */
  lengthOf(state: ExpressionId): number {
    const known = this.#lengths[state]
    if (known !== undefined && known >= 0) return known
    const length = this.#measure(state)
    while (this.#lengths.length < state) this.#lengths.push(-1)
    this.#lengths[state] = length
    return length
  }

  /** For a state with a run: no token made of more plain characters may come next. */
  isExact(state: ExpressionId): boolean {
    const { kinds, first, second } = this.#store.nodes
    if (kinds[state] === Kind.Item) return this.isExact(first[state]!)
    if (kinds[state] === Kind.Sequence && kinds[first[state]!] === Kind.Item) return this.isExact(first[state]!)
    if (kinds[state] === Kind.Repeat) return true
    if (kinds[state] !== Kind.Sequence || kinds[first[state]!] !== Kind.Repeat) return false
    return !beginsPlain(this.#store, second[state]!)
  }

  #measure(state: ExpressionId): number {
    const { kinds, first, third, data } = this.#store.nodes
    if (kinds[state] === Kind.Choice) {
      let longest = 0
      for (const member of data[state] as readonly number[]) longest = Math.max(longest, this.lengthOf(member))
      return longest
    }
    if (kinds[state] === Kind.Sequence || kinds[state] === Kind.Item) return this.lengthOf(first[state]!)
    return kinds[state] === Kind.Repeat && this.#takesPlain(first[state]!) ? third[state]! : 0
  }

  /** Whether the expression goes on exactly as a plain character does after every byte that one can begin with. */
  #takesPlain(item: ExpressionId): boolean {
    let takes = this.#isItem.get(item)
    if (takes === undefined) {
      const { derivatives } = this.#store
      const plain = toTargets(derivatives.segments(this.#plain))
      const own = toTargets(derivatives.segments(item))
      takes = plain.every((target, byte) => target === 0 || target === own[byte])
      this.#isItem.set(item, takes)
    }
    return takes
  }
}

function toTargets(segments: readonly number[]): ExpressionId[] {
  const targets = new Array<ExpressionId>(256).fill(0)
  for (let at = 0; at < segments.length; at += 3) targets.fill(segments[at + 2]!, segments[at], segments[at + 1]! + 1)
  return targets
}

function beginsPlain(store: ExpressionStore, state: ExpressionId): boolean {
  const segments = store.derivatives.segments(state)
  for (let at = 0; at < segments.length; at += 3) {
    for (let byte = segments[at]!; byte <= segments[at + 1]!; byte++) {
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) return true
    }
  }
  return false
}
