import type { ExpressionId, ExpressionStore } from '../expression.js'
import type { JsonLayout } from '../json-layout.js'

export interface MemberKey {
  /** Key, colon and value. */
  readonly text: ExpressionId
  readonly required: boolean
}

export interface MemberClass {
  readonly text: ExpressionId
  /** Bits of the "some key must" conditions that such a member settles. */
  readonly settles: number
  /** Bits of the conditions that do not speak of its key. */
  readonly avoids: number
}

export interface MemberRules {
  /** Keys that stand in this order. */
  readonly ordered: readonly MemberKey[]
  /** Keys that stand anywhere after these. */
  readonly floating: readonly MemberKey[]
  readonly classes: readonly MemberClass[]
  /** How many "some key must" conditions there are. */
  readonly conditions: number
  /** Number of members. */
  readonly min: number
  readonly max: number
}

/** Where the text of an object stands. */
interface State {
  /** Keys of the fixed order that are behind. */
  readonly at: number
  /** Keys without a place that are still to come, as a string of 0 and 1. */
  readonly floating: string
  /** Members so far, as far as they are counted. */
  readonly count: number
  /** Conditions not yet settled. */
  readonly pending: number
  /** Required keys that are still to come: follows from the above, as does the least length of their text. */
  readonly wanted: number
  readonly least: number
}

/** Keys of the fixed order after which the rest becomes a rule, so that long objects do not take quadratic space. */
const RULE_EVERY = 32
/** The same where the members are counted, once so many states are in sight. */
const RULE_EVERY_COUNTED = 4
const MANY_STATES = 1_000

/**
 * The members of one object: keys in a fixed order, then keys in any order and keys of classes. States that can be
 * too many to write out are rules, made when the text gets there; `isViable` sees to it that each can be finished.
 */
export class MemberMachine {
  readonly #store: ExpressionStore
  readonly #layout: JsonLayout
  readonly #depth: number
  readonly #ordered: readonly MemberKey[]
  readonly #floating: readonly MemberKey[]
  readonly #classes: readonly MemberClass[]
  readonly #conditions: number
  readonly #min: number
  readonly #max: number
  readonly #comma: ExpressionId
  readonly #close: ExpressionId
  /** Every so many keys; Infinity for short objects. */
  readonly #ruleEvery: number
  readonly #states = new Map<string, ExpressionId>()

  /** `depth`: of the object, 0 outermost. */
  constructor(store: ExpressionStore, layout: JsonLayout, depth: number, rules: MemberRules) {
    const { ordered, floating, classes, min, max } = rules
    this.#store = store
    this.#layout = layout
    this.#depth = depth
    this.#ordered = ordered
    this.#floating = floating
    this.#classes = classes
    this.#conditions = rules.conditions
    const names = ordered.length + floating.length
    const required = [...ordered, ...floating].filter(key => key.required).length
    this.#min = min <= required ? 0 : min
    this.#max = classes.length === 0 && names <= max ? Number.POSITIVE_INFINITY : max
    this.#comma = layout.comma(depth)
    this.#close = layout.close('}', depth)
    this.#ruleEvery = this.#chooseRules()
  }

  #chooseRules(): number {
    const states = this.#ordered.length * (this.#max === Number.POSITIVE_INFINITY ? this.#min : this.#max)
    if (states > MANY_STATES) return RULE_EVERY_COUNTED
    return this.#ordered.length > 2 * RULE_EVERY ? RULE_EVERY : Number.POSITIVE_INFINITY
  }

  build(): ExpressionId {
    const required = [...this.#ordered, ...this.#floating].filter(key => key.required)
    const start: State = {
      at: 0,
      floating: '1'.repeat(this.#floating.length),
      count: 0,
      pending: (1 << this.#conditions) - 1,
      wanted: required.length,
      least: required.reduce((sum, key) => sum + this.#lengthOf(key), 0),
    }
    const members = this.#store.sequence(this.#layout.open('{', this.#depth), this.#rest(start))
    return this.#mayEnd(start) ? this.#store.choice([this.#layout.emptyObject, members]) : members
  }

  /** Comma, key and value, where it is of use. */
  #lengthOf(key: MemberKey): number {
    const usesRules = this.#floating.length > 0 || this.#ruleEvery !== Number.POSITIVE_INFINITY
    return usesRules ? this.#store.minLength(this.#comma) + this.#store.minLength(key.text) : 0
  }

  /** The state once a key is behind. */
  #past(state: State, key: MemberKey): State {
    if (!key.required) return state
    return { ...state, wanted: state.wanted - 1, least: state.least - this.#lengthOf(key) }
  }

  #rest(state: State): ExpressionId {
    const key = `${state.at},${state.floating},${state.count},${state.pending}`
    const known = this.#states.get(key)
    if (known !== undefined) return known
    const isLoose = state.at === this.#ordered.length && !this.#isPlainLoop(state)
    const isMilestone = state.at > 0 && state.at % this.#ruleEvery === 0
    let id: ExpressionId
    if (!this.#isViable(state)) id = this.#store.fail
    else if (isLoose || isMilestone)
      id = this.#store.rule('members of an object', () => this.#define(state), {
        nonEmpty: true,
        minLength: Math.max(1, state.least),
      })
    else id = this.#define(state)
    this.#states.set(key, id)
    return id
  }

  #define(state: State): ExpressionId {
    if (state.at < this.#ordered.length) return this.#definePlaced(state)
    if (this.#isPlainLoop(state)) return this.#defineLoop(state)
    const parts: ExpressionId[] = []
    if (state.count > 0 && this.#mayEnd(state)) parts.push(this.#close)
    this.#floating.forEach((key, index) => {
      if (state.floating[index] === '0') return
      const floating = `${state.floating.slice(0, index)}0${state.floating.slice(index + 1)}`
      parts.push(this.#member(state, key.text, { ...this.#past(state, key), floating }))
    })
    for (const each of this.#permitted(state.pending)) {
      parts.push(this.#member(state, each.text, { ...state, pending: state.pending & ~each.settles }))
    }
    return this.#store.choice(parts)
  }

  #definePlaced(state: State): ExpressionId {
    const key = this.#ordered[state.at]!
    const next = { ...this.#past(state, key), at: state.at + 1 }
    const present = this.#member(state, key.text, next)
    return key.required ? present : this.#store.choice([present, this.#rest(next)])
  }

  /** Whether only members of classes can follow, as many as one likes. */
  #isPlainLoop(state: State): boolean {
    return (
      state.at === this.#ordered.length &&
      !state.floating.includes('1') &&
      state.pending === 0 &&
      this.#max === Number.POSITIVE_INFINITY &&
      (this.#min === 0 || state.count >= this.#min || this.#ordered.length === 0)
    )
  }

  #defineLoop(state: State): ExpressionId {
    const store = this.#store
    const member = store.choice(this.#permitted(0).map(each => each.text))
    const missing = Math.max(0, this.#min - state.count)
    const more = (min: number) =>
      store.sequence(store.repeat(store.sequence(this.#comma, member), min, Number.POSITIVE_INFINITY), this.#close)
    if (state.count > 0) return more(missing)
    return store.sequence(member, more(Math.max(0, missing - 1)))
  }

  #member(state: State, text: ExpressionId, after: State): ExpressionId {
    const rest = this.#rest({ ...after, count: this.#cap(state.count + 1) })
    return this.#store.sequence(state.count > 0 ? this.#comma : this.#store.empty, text, rest)
  }

  /** Past the point where they matter, members are no longer counted. */
  #cap(count: number): number {
    return this.#max === Number.POSITIVE_INFINITY ? Math.min(count, Math.max(1, this.#min)) : count
  }

  #mayEnd(state: State): boolean {
    return state.count >= this.#min && state.pending === 0 && state.wanted === 0
  }

  #isViable(state: State): boolean {
    if (state.count + state.wanted + this.#leastToSettle(state.pending) > this.#max) return false
    const isLoose = (pending: number) => this.#permitted(pending).some(each => (each.settles & pending) === 0)
    if (isLoose(state.pending) || isLoose(0)) return true
    const left = this.#ordered.length - state.at + [...state.floating].filter(bit => bit === '1').length
    const most = left + this.#leastToSettle(state.pending)
    return state.count + most >= this.#min && (state.count > 0 || most > 0)
  }

  /**
   * Members of classes that may come while these conditions are pending. Their keys may repeat, and readers keep the
   * last: once a condition is settled, a member must settle it again or stay away from its keys, lest it undo it.
   */
  #permitted(pending: number): readonly MemberClass[] {
    const settled = ((1 << this.#conditions) - 1) & ~pending
    return this.#classes.filter(
      each => (settled & ~(each.settles | each.avoids)) === 0 && (each.avoids & pending) === 0,
    )
  }

  /** Fewest members that settle the conditions; Infinity when none do. */
  #leastToSettle(pending: number): number {
    if (pending === 0) return 0
    const afters = new Set(this.#permitted(pending).map(each => pending & ~each.settles))
    afters.delete(pending)
    return 1 + Math.min(...[...afters].map(after => this.#leastToSettle(after)))
  }
}
