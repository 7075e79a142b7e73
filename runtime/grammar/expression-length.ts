import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind } from './expression-nodes.js'

/**
 * Lower bounds on the length of an expression's strings; exact where no intersection or complement is met.
 * Recursive rules start from "endless" and come down in rounds until nothing changes.
 */
export class MinLength {
  readonly #store: ExpressionStore
  readonly #known: (number | undefined)[] = []

  constructor(store: ExpressionStore) {
    this.#store = store
  }

  of(id: ExpressionId): number {
    const known = this.#known[id]
    if (known !== undefined) return known
    const rules = new Map<ExpressionId, number>()
    let answers: Map<ExpressionId, number>
    let changed: boolean
    do {
      changed = false
      answers = new Map()
      const seen = new Set<ExpressionId>()
      const isSettled = (expression: ExpressionId) => this.#known[expression] !== undefined || answers.has(expression)
      const visit = (expression: ExpressionId): number => {
        const settled = this.#known[expression] ?? answers.get(expression)
        if (settled !== undefined) return settled
        if (this.#store.nodes.kinds[expression] !== Kind.Rule) {
          const value = this.#settle(expression, visit, isSettled)
          answers.set(expression, value)
          return value
        }
        const before = rules.get(expression) ?? Number.POSITIVE_INFINITY
        if (seen.has(expression)) return before
        seen.add(expression)
        const value = this.#settle(expression, visit, isSettled)
        if (value < before) {
          rules.set(expression, value)
          changed = true
        }
        return Math.min(value, before)
      }
      visit(id)
    } while (changed)
    for (const [key, value] of rules) this.#remember(key, value)
    for (const [key, value] of answers) this.#remember(key, value)
    return this.#known[id] ?? Number.POSITIVE_INFINITY
  }

  #settle(id: ExpressionId, visit: (id: ExpressionId) => number, isSettled: (id: ExpressionId) => boolean): number {
    const store = this.#store
    const { kinds, first, second, data } = store.nodes
    switch (kinds[id]) {
      case Kind.Empty:
        return 0
      case Kind.ByteClass:
        return 1
      case Kind.Literal:
        return (data[id] as string).length
      case Kind.Sequence: {
        // From the end, so that every suffix is remembered and a long chain costs no depth.
        const suffixes: ExpressionId[] = []
        for (let rest = second[id]!; kinds[rest] === Kind.Sequence; rest = second[rest]!) {
          if (isSettled(rest)) break
          suffixes.push(rest)
        }
        while (suffixes.length > 0) visit(suffixes.pop()!)
        return visit(first[id]!) + visit(second[id]!)
      }
      case Kind.Choice: {
        let least = Number.POSITIVE_INFINITY
        for (const member of data[id] as readonly number[]) least = Math.min(least, visit(member))
        return least
      }
      case Kind.Repeat:
        return second[id] === 0 ? 0 : second[id]! * visit(first[id]!)
      case Kind.Rule:
        return store.rules.minLength(first[id]!) ?? visit(store.rules.body(first[id]!))
      case Kind.And:
        return Math.max(visit(first[id]!), visit(second[id]!))
      case Kind.Item:
        return visit(first[id]!) + store.items.minLengthAfter(id)
      case Kind.Not:
        return store.isNullable(id) ? 0 : 1
      default:
        return Number.POSITIVE_INFINITY
    }
  }

  #remember(id: ExpressionId, value: number): void {
    while (this.#known.length < id) this.#known.push(undefined)
    this.#known[id] = value
  }
}
