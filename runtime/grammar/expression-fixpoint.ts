import { EngineError } from '../protocol/error.js'
import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind } from './expression-nodes.js'

const FALSE = 1
const TRUE = 2
const MAX_DEPTH = 1_000

/** Settles one node, asking `visit` about the nodes that it depends on. Must be monotone in the answers. */
export type Transfer = (id: ExpressionId, visit: (id: ExpressionId) => boolean) => boolean

interface Round {
  /** Expressions that were found "no" in this round, and rules that count as "no" while they are worked out. */
  readonly no: Set<ExpressionId>
  /** Rules being worked out further down the call stack, by enclosing searches as well. */
  readonly active: Set<ExpressionId>
  /** Active rules whose provisional "no" was made use of. */
  readonly consulted: Set<ExpressionId>
  /** One of those turned out "yes". */
  isStale: boolean
}

/**
 * A yes/no property of expressions as the least fixed point over recursive rules: a rule that is asked about while
 * it is being worked out counts as "no" for now, and rounds repeat until no rule changes. Each round looks at each
 * expression once; "yes" is final at once, "no" when the rounds end.
 */
export class Fixpoint {
  readonly #store: ExpressionStore
  readonly #transfer: Transfer
  readonly #known: number[] = []
  #round: Round | null = null
  #depth = 0
  readonly #visit = (id: ExpressionId): boolean => this.#ask(id)

  constructor(store: ExpressionStore, transfer: Transfer) {
    this.#store = store
    this.#transfer = transfer
  }

  isTrue(id: ExpressionId): boolean {
    return this.#known[id] === TRUE
  }

  isFalse(id: ExpressionId): boolean {
    return this.#known[id] === FALSE
  }

  /** "Yes", found by other means than the transfer function. */
  setTrue(id: ExpressionId): void {
    this.#remember(id, TRUE)
  }

  /** "No" for this round, found by a transfer on the way to its own answer. */
  noteFalse(id: ExpressionId): void {
    this.#round?.no.add(id)
  }

  /** Asked from inside a transfer, it settles `id` on its own and throws if that depends on a rule not yet settled. */
  holds(id: ExpressionId): boolean {
    const known = this.#known[id]
    if (known === FALSE || known === TRUE) return known === TRUE
    const outer = this.#round
    const depth = this.#depth
    const round: Round = { no: new Set(), active: new Set(outer?.active), consulted: new Set(), isStale: false }
    this.#round = round
    try {
      do {
        round.no.clear()
        round.consulted.clear()
        round.isStale = false
        this.#ask(id)
      } while (round.isStale)
    } finally {
      this.#round = outer
      this.#depth = depth
    }
    for (const key of round.no) this.#remember(key, FALSE)
    return this.#known[id] === TRUE
  }

  #ask(id: ExpressionId): boolean {
    const known = this.#known[id]
    if (known === FALSE || known === TRUE) return known === TRUE
    const round = this.#round!
    if (round.no.has(id)) {
      if (round.active.has(id)) round.consulted.add(id)
      return false
    }
    const isRule = this.#store.nodes.kinds[id] === Kind.Rule
    if (isRule && round.active.has(id)) throw this.#selfComplement(id)
    if (++this.#depth > MAX_DEPTH)
      throw this.#store.nodes.tooComplex(`more than ${MAX_DEPTH} parts are nested at one place`)
    if (isRule) {
      round.active.add(id)
      round.no.add(id)
    }
    const value = this.#transfer(id, this.#visit)
    this.#depth--
    if (isRule) round.active.delete(id)
    if (!value) round.no.add(id)
    else {
      this.#remember(id, TRUE)
      if (round.no.delete(id) && round.consulted.has(id)) round.isStale = true
    }
    return value
  }

  #selfComplement(id: ExpressionId): EngineError {
    const name = this.#store.rules.name(this.#store.nodes.first[id]!)
    return new EngineError('GRAMMAR_INVALID', {
      what: `Rule "${name}" is defined by its own complement or intersection, which has no meaning.`,
      rule: name,
    })
  }

  #remember(id: ExpressionId, value: number): void {
    while (this.#known.length < id) this.#known.push(0)
    this.#known[id] = value
  }
}
