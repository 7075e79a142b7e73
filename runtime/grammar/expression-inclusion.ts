import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind } from './expression-nodes.js'

/** Pairs of states that the search for a counterexample looks at before it gives up. */
const MAX_PAIRS = 64

/**
 * Whether all strings of an expression are made of items of one kind: x within item*. Sound, and finds it for all
 * that is put together from pieces that are; "no" may mean that nothing was found. With it, intersections with
 * "any text" go away at once, and those with its complement are seen to be empty, where a search would have to walk
 * the whole product to find out.
 */
export class Inclusion {
  readonly #store: ExpressionStore
  readonly #known = new Map<number, boolean>()
  readonly #ruleFree = new Map<ExpressionId, boolean>()
  #isSearching = false

  constructor(store: ExpressionStore) {
    this.#store = store
  }

  /** `star` is a repeat of some item from 0 to any number of times. */
  isWithin(id: ExpressionId, star: ExpressionId): boolean {
    const key = id * 2 ** 24 + star
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const found = this.#byParts(id, star)
    // Steps of a search make new intersections, which ask here again: those must not search in their turn.
    if (!found && this.#isSearching) return false
    const isWithin = found || (this.#isRuleFree(id) && this.#bySearch(id, star))
    this.#known.set(key, isWithin)
    return isWithin
  }

  #byParts(id: ExpressionId, star: ExpressionId): boolean {
    const { kinds, first, second, data } = this.#store.nodes
    switch (kinds[id]) {
      case Kind.Fail:
      case Kind.Empty:
        return true
      case Kind.Sequence:
        return this.#partsOf(id).every(part => this.isWithin(part, star))
      case Kind.Choice:
        return (data[id] as readonly number[]).every(member => this.isWithin(member, star))
      case Kind.Repeat:
        return id === star || first[id] === first[star] || this.isWithin(first[id]!, star)
      case Kind.And:
        return this.isWithin(first[id]!, star) || this.isWithin(second[id]!, star)
      default:
        return false
    }
  }

  /** Of a sequence, which may be too long for a call for each part. */
  #partsOf(id: ExpressionId): ExpressionId[] {
    const { kinds, first, second } = this.#store.nodes
    const parts: ExpressionId[] = []
    let rest = id
    for (; kinds[rest] === Kind.Sequence; rest = second[rest]!) parts.push(first[rest]!)
    parts.push(rest)
    return parts
  }

  /** Steps through both at once; no counterexample among all reachable pairs, if they are few, is a proof. */
  #bySearch(id: ExpressionId, star: ExpressionId): boolean {
    this.#isSearching = true
    try {
      return this.#walkPairs(id, star)
    } finally {
      this.#isSearching = false
    }
  }

  #walkPairs(id: ExpressionId, star: ExpressionId): boolean {
    const store = this.#store
    const pairs: [ExpressionId, ExpressionId][] = [[id, star]]
    const seen = new Set([id * 2 ** 24 + star])
    for (let at = 0; at < pairs.length; at++) {
      const [left, right] = pairs[at]!
      if (store.isNullable(left) && !store.isNullable(right)) return false
      const outer = store.derivatives.segments(right)
      const inner = store.derivatives.segments(left)
      for (let index = 0; index < inner.length; index += 3) {
        let next = inner[index]!
        for (let other = 0; other < outer.length && next <= inner[index + 1]!; other += 3) {
          if (outer[other + 1]! < next) continue
          if (outer[other]! > next) return false
          next = outer[other + 1]! + 1
          const key = inner[index + 2]! * 2 ** 24 + outer[other + 2]!
          if (seen.has(key)) continue
          if (pairs.length >= MAX_PAIRS) return false
          seen.add(key)
          pairs.push([inner[index + 2]!, outer[other + 2]!])
        }
        if (next <= inner[index + 1]!) return false
      }
    }
    return true
  }

  /** Bodies of rules may be in the making, and are not to be looked into. */
  #isRuleFree(id: ExpressionId): boolean {
    const known = this.#ruleFree.get(id)
    if (known !== undefined) return known
    const { kinds, first, second, data } = this.#store.nodes
    let isFree = true
    switch (kinds[id]) {
      case Kind.Rule:
      case Kind.Item:
        isFree = false
        break
      case Kind.Sequence:
        isFree = this.#partsOf(id).every(part => this.#isRuleFree(part))
        break
      case Kind.And:
        isFree = this.#isRuleFree(first[id]!) && this.#isRuleFree(second[id]!)
        break
      case Kind.Repeat:
      case Kind.Not:
        isFree = this.#isRuleFree(first[id]!)
        break
      case Kind.Choice:
        isFree = (data[id] as readonly number[]).every(member => this.#isRuleFree(member))
        break
    }
    this.#ruleFree.set(id, isFree)
    return isFree
  }
}
