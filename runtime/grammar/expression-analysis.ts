import type { ExpressionStore } from './expression.js'
import { Fixpoint } from './expression-fixpoint.js'
import { MinLength } from './expression-length.js'
import { type ExpressionId, FAIL, Kind } from './expression-nodes.js'
import { findString } from './expression-search.js'

/** What can be said of expressions without stepping through a text: nullable, empty, shortest string. All memoised. */
export class Analysis {
  readonly #store: ExpressionStore
  readonly #nullable: Fixpoint
  readonly #nonEmpty: Fixpoint
  readonly #minLength: MinLength
  readonly #pruned: (ExpressionId | undefined)[] = []

  constructor(store: ExpressionStore) {
    this.#store = store
    this.#nullable = new Fixpoint(store, (id, visit) => this.#settleNullable(id, visit))
    this.#nonEmpty = new Fixpoint(store, (id, visit) => this.#settleNonEmpty(id, visit))
    this.#minLength = new MinLength(store)
  }

  isNullable(id: ExpressionId): boolean {
    return this.#nullable.holds(id)
  }

  isEmpty(id: ExpressionId): boolean {
    return !this.#nonEmpty.holds(id)
  }

  minLength(id: ExpressionId): number {
    return this.#minLength.of(id)
  }

  shortest(id: ExpressionId): Uint8Array | null {
    if (this.isEmpty(id)) return null
    const found = findString(this.#store, id, {
      isGoal: state => this.isNullable(state),
      enter: state => (this.isEmpty(state) ? FAIL : state),
    })
    return found === null ? null : found.bytes
  }

  prune(id: ExpressionId): ExpressionId {
    const known = this.#pruned[id]
    if (known !== undefined) return known
    const { kinds, first, second, data } = this.#store.nodes
    let result = id
    if (this.isEmpty(id)) result = FAIL
    else if (kinds[id] === Kind.Choice)
      result = this.#store.choice((data[id] as readonly number[]).map(member => this.prune(member)))
    else if (kinds[id] === Kind.Sequence) result = this.#store.sequence(this.prune(first[id]!), second[id]!)
    while (this.#pruned.length < id) this.#pruned.push(undefined)
    this.#pruned[id] = result
    return result
  }

  #settleNullable(id: ExpressionId, visit: (id: ExpressionId) => boolean): boolean {
    const { kinds, first, second, data } = this.#store.nodes
    switch (kinds[id]) {
      case Kind.Empty:
        return true
      case Kind.Sequence:
        return visit(first[id]!) && visit(second[id]!)
      case Kind.Choice:
        return (data[id] as readonly number[]).some(visit)
      case Kind.Repeat:
        return second[id] === 0 || visit(first[id]!)
      case Kind.Rule:
        return visit(this.#store.rules.body(first[id]!))
      case Kind.And:
        return visit(first[id]!) && visit(second[id]!)
      case Kind.Not:
        return !this.#nullable.holds(first[id]!)
      default:
        return false
    }
  }

  #settleNonEmpty(id: ExpressionId, visit: (id: ExpressionId) => boolean): boolean {
    const store = this.#store
    const { kinds, first, second, data } = store.nodes
    switch (kinds[id]) {
      case Kind.Fail:
        return false
      case Kind.Sequence:
        return this.#all(id, visit)
      case Kind.Choice:
        // Looks at every branch: a rule that is never looked at is a rule whose faults never show.
        return (data[id] as readonly number[]).filter(visit).length > 0
      case Kind.Item:
        return visit(first[id]!)
      case Kind.Repeat:
        return second[id] === 0 || visit(first[id]!)
      case Kind.Rule:
        return store.rules.minLength(first[id]!) !== null || visit(store.rules.body(first[id]!))
      case Kind.And:
      case Kind.Not:
        return this.#search(id, visit)
      default:
        return true
    }
  }

  /** All parts of a sequence, from the end: each suffix is settled for itself, so that a later look at it is one step. */
  #all(id: ExpressionId, visit: (id: ExpressionId) => boolean): boolean {
    const { kinds, first, second } = this.#store.nodes
    const suffixes: ExpressionId[] = []
    for (let rest = second[id]!; kinds[rest] === Kind.Sequence; rest = second[rest]!) {
      if (this.#nonEmpty.isTrue(rest) || this.#nonEmpty.isFalse(rest)) break
      suffixes.push(rest)
    }
    while (suffixes.length > 0) visit(suffixes.pop()!)
    return visit(second[id]!) && visit(first[id]!)
  }

  /** An intersection or complement holds a string if stepping leads to a state that may end, or is known to lead there. */
  #search(id: ExpressionId, visit: (id: ExpressionId) => boolean): boolean {
    const { kinds } = this.#store.nodes
    const isProduct = (state: ExpressionId) => kinds[state] === Kind.And || kinds[state] === Kind.Not
    const found = findString(this.#store, id, {
      isGoal: state => this.#nonEmpty.isTrue(state) || this.isNullable(state) || (!isProduct(state) && visit(state)),
      enter: state => (isProduct(state) && !this.#nonEmpty.isFalse(state) ? state : FAIL),
      exhaust: states => {
        for (const state of states) if (isProduct(state)) this.#nonEmpty.noteFalse(state)
      },
    })
    for (const state of found?.states ?? []) this.#nonEmpty.setTrue(state)
    return found !== null
  }
}
