import { EngineError } from '../protocol/error.js'
import { DistinctItems } from './distinct-items.js'
import { Analysis } from './expression-analysis.js'
import { joinMembers } from './expression-choice.js'
import { Derivatives } from './expression-derivative.js'
import { Inclusion } from './expression-inclusion.js'
import {
  DEFAULT_LIMITS,
  EMPTY,
  type ExpressionId,
  type ExpressionLimits,
  FAIL,
  Kind,
  NodeTable,
} from './expression-nodes.js'
import { type RuleOptions, RuleTable } from './expression-rules.js'
import { normaliseRanges, type Range, utf8Sequences } from './utf8-ranges.js'

export type { ExpressionId, ExpressionLimits } from './expression-nodes.js'
export type { RuleOptions } from './expression-rules.js'

/** Literals are cut into pieces so that their suffixes stay cheap to look up. */
const MAX_LITERAL = 64
const MAX_JOIN_DEPTH = 100

/**
 * Languages over bytes, as hash-consed expressions. An id is a plain integer: a matcher's whole state is one id,
 * and a fork copies it. Derivatives are worked out when first asked for and then kept, so the automaton exists
 * only where it was visited. Every method that makes or steps an expression may throw GRAMMAR_TOO_COMPLEX.
 */
export class ExpressionStore {
  readonly fail: ExpressionId = FAIL
  readonly empty: ExpressionId = EMPTY
  /** Any one byte, and any byte string. */
  readonly anyByte: ExpressionId
  readonly anything: ExpressionId
  readonly limits: ExpressionLimits
  readonly nodes: NodeTable
  readonly rules: RuleTable
  /** Arrays whose items must differ. */
  readonly items = new DistinctItems(this)
  readonly #analysis: Analysis
  readonly #derivatives: Derivatives
  readonly #inclusion = new Inclusion(this)
  /** By members. Joining the same ones over and over, as long objects do, would take exponential time. */
  readonly #choices = new Map<string, ExpressionId>()
  #stringCharacter: ExpressionId | null = null
  /** Choices being joined inside each other. */
  #depth = 0

  constructor(limits: Partial<ExpressionLimits> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits }
    this.nodes = new NodeTable(this.limits)
    this.rules = new RuleTable(this.nodes)
    this.anyByte = this.byteClass([[0, 255]])
    this.anything = this.repeat(this.anyByte, 0, Number.POSITIVE_INFINITY)
    this.#derivatives = new Derivatives(this)
    this.#analysis = new Analysis(this)
  }

  get size(): number {
    return this.nodes.size
  }

  /** Rough memory held, in bytes. */
  get bytes(): number {
    return this.nodes.bytes + this.#derivatives.bytes + this.items.bytes
  }

  /** From now on work past this moment (of performance.now()) throws GRAMMAR_TOO_COMPLEX; Infinity lifts it. */
  setDeadline(milliseconds: number): void {
    this.nodes.deadline = milliseconds
  }

  /** Does the work with a deadline that many milliseconds from now, or the one that stands if that is sooner. */
  within<Result>(milliseconds: number, work: () => Result): Result {
    const outer = this.nodes.deadline
    this.nodes.deadline = Math.min(outer, performance.now() + milliseconds)
    try {
      return work()
    } finally {
      this.nodes.deadline = outer
    }
  }

  /** One byte inside any of the inclusive ranges. */
  byteClass(ranges: readonly Range[]): ExpressionId {
    const flat = normaliseRanges(ranges).flat()
    if (flat.length === 0) return FAIL
    if (flat.length === 2 && flat[0] === flat[1]) return this.byteString(String.fromCharCode(flat[0]!))
    return this.nodes.intern(Kind.ByteClass, 0, 0, 0, flat)
  }

  /** Exactly these bytes; text is taken as UTF-8. */
  literal(text: string | Uint8Array): ExpressionId {
    const bytes = Buffer.from(text as string)
    const pieces: ExpressionId[] = []
    for (let at = 0; at < bytes.length; at += MAX_LITERAL)
      pieces.push(this.byteString(bytes.toString('latin1', at, at + MAX_LITERAL)))
    return this.sequence(...pieces)
  }

  sequence(...ids: ExpressionId[]): ExpressionId {
    let result: ExpressionId = EMPTY
    for (let index = ids.length - 1; index >= 0; index--) result = this.#pair(ids[index]!, result)
    return result
  }

  choice(ids: readonly ExpressionId[]): ExpressionId {
    const { kinds, data } = this.nodes
    const members = new Set<ExpressionId>()
    for (const id of ids) {
      if (id === this.anything) return id
      if (kinds[id] === Kind.Choice) for (const member of data[id] as readonly number[]) members.add(member)
      else if (id !== FAIL) members.add(id)
    }
    if (members.size === 0) return FAIL
    if (members.size === 1) return members.values().next().value as ExpressionId
    const sorted = [...members].sort((a, b) => a - b)
    const key = sorted.join()
    const known = this.#choices.get(key)
    if (known !== undefined) return known
    // Joining is for small automata, not for meaning: alternatives with very long common beginnings go without.
    const joined = this.#depth < MAX_JOIN_DEPTH ? this.#joinMembers(sorted) : sorted
    const result = joined.length < sorted.length ? this.choice(joined) : this.nodes.intern(Kind.Choice, 0, 0, 0, sorted)
    this.#choices.set(key, result)
    return result
  }

  /** From `min` to `max` (Infinity for no limit) times `id`. The size of the counts costs nothing. */
  repeat(id: ExpressionId, min: number, max: number): ExpressionId {
    if (max < min || min < 0)
      throw new EngineError('GRAMMAR_INVALID', { what: `A repeat from ${min} to ${max} times cannot be met.` })
    if (max === 0 || id === EMPTY) return EMPTY
    if (id === FAIL) return min === 0 ? EMPTY : FAIL
    if (min === 1 && max === 1) return id
    if (this.nodes.kinds[id] === Kind.Choice && (this.nodes.data[id] as readonly number[])[0] === EMPTY)
      return this.repeat(this.choice((this.nodes.data[id] as readonly number[]).slice(1)), 0, max)
    return this.nodes.intern(Kind.Repeat, id, min, max, null)
  }

  optional(id: ExpressionId): ExpressionId {
    return this.repeat(id, 0, 1)
  }

  /**
   * A named language whose body is made when it is first needed; the body may refer to the rule itself, but not
   * before it has consumed a byte (left recursion throws GRAMMAR_INVALID when the rule is first entered).
   */
  rule(name: string, define: () => ExpressionId, options: RuleOptions = {}): ExpressionId {
    return this.nodes.intern(Kind.Rule, this.rules.add(name, define, options), 0, 0, null)
  }

  /** Strings that are in both. Exact; with a recursive rule on one side the product is searched as far as it is visited. */
  and(a: ExpressionId, b: ExpressionId): ExpressionId {
    if (a === b || b === this.anything) return a
    if (a === this.anything) return b
    if (a === FAIL || b === FAIL) return FAIL
    if (a === EMPTY) return this.isNullable(b) ? EMPTY : FAIL
    if (b === EMPTY) return this.isNullable(a) ? EMPTY : FAIL
    const { kinds, first } = this.nodes
    if ((kinds[a] === Kind.Not && first[a] === b) || (kinds[b] === Kind.Not && first[b] === a)) return FAIL
    for (const [id, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (this.#isStar(other) && this.#inclusion.isWithin(id, other)) return id
      if (kinds[other] === Kind.Not && this.#starsIn(first[other]!).some(star => this.#inclusion.isWithin(id, star)))
        return FAIL
    }
    return this.nodes.internPair(Kind.And, Math.min(a, b), Math.max(a, b))
  }

  /** Every byte string that is not in `id`: usually one side of `and`. A rule must not be defined by its own complement. */
  not(id: ExpressionId): ExpressionId {
    if (id === FAIL) return this.anything
    if (id === this.anything) return FAIL
    if (this.nodes.kinds[id] === Kind.Not) return this.nodes.first[id]!
    return this.nodes.intern(Kind.Not, id, 0, 0, null)
  }

  /** One code point out of the inclusive ranges, as well-formed UTF-8; surrogates are left out. */
  codePoints(ranges: readonly Range[]): ExpressionId {
    const sequences = utf8Sequences(ranges)
    const single = sequences.filter(parts => parts.length === 1).map(parts => parts[0]!)
    const longer = sequences.filter(parts => parts.length > 1)
    return this.choice([
      this.byteClass(single),
      ...longer.map(parts => this.sequence(...parts.map(range => this.byteClass([range])))),
    ])
  }

  /** Says that `id` is one character of a JSON string, so that other parts of the grammar may take the same expression. */
  markStringCharacter(id: ExpressionId): void {
    this.#stringCharacter = id
  }

  get stringCharacter(): ExpressionId | null {
    return this.#stringCharacter
  }

  /** What may follow `byte`; FAIL when no string of the language starts so, never an expression without strings. */
  derivative(id: ExpressionId, byte: number): ExpressionId {
    return this.#derivatives.step(id, byte)
  }

  get derivatives(): Derivatives {
    return this.#derivatives
  }

  isNullable(id: ExpressionId): boolean {
    return this.#analysis.isNullable(id)
  }

  isEmptyLanguage(id: ExpressionId): boolean {
    return this.#analysis.isEmpty(id)
  }

  /** The same language without branches that hold no string, as far as they can be seen at the front. */
  prune(id: ExpressionId): ExpressionId {
    return this.#analysis.prune(id)
  }

  /** Lower bound on the length of a string of the language, in bytes; exact without `and` and `not`. Infinity when empty. */
  minLength(id: ExpressionId): number {
    return this.#analysis.minLength(id)
  }

  /** A shortest string of the language (or one not much longer, where finding the shortest takes too many steps); null when there is none. */
  shortest(id: ExpressionId): Uint8Array | null {
    return this.#analysis.shortest(id)
  }

  /** A literal of at most 64 bytes, one character for each. */
  byteString(text: string): ExpressionId {
    return text === '' ? EMPTY : this.nodes.intern(Kind.Literal, 0, 0, 0, text)
  }

  #isStar(id: ExpressionId): boolean {
    const { kinds, second, third } = this.nodes
    return kinds[id] === Kind.Repeat && second[id] === 0 && third[id] === Number.POSITIVE_INFINITY
  }

  #starsIn(id: ExpressionId): readonly ExpressionId[] {
    const members = this.nodes.kinds[id] === Kind.Choice ? (this.nodes.data[id] as readonly number[]) : [id]
    return members.filter(member => this.#isStar(member))
  }

  #joinMembers(members: ExpressionId[]): ExpressionId[] {
    this.#depth++
    try {
      return joinMembers(this, members)
    } finally {
      this.#depth--
    }
  }

  /** Without recursion along `a`, which may be thousands of parts long. */
  #pair(a: ExpressionId, b: ExpressionId): ExpressionId {
    const { kinds, first, second } = this.nodes
    if (b === EMPTY) return a
    if (kinds[a] !== Kind.Sequence) return this.#join(a, b)
    const parts: ExpressionId[] = []
    let last = a
    for (; kinds[last] === Kind.Sequence; last = second[last]!) parts.push(first[last]!)
    let result = this.#join(last, b)
    for (let index = parts.length - 1; index >= 0; index--) result = this.#join(parts[index]!, result)
    return result
  }

  /** `a` is no sequence. Neighbouring literals become one. */
  #join(a: ExpressionId, b: ExpressionId): ExpressionId {
    if (a === FAIL || b === FAIL) return FAIL
    if (a === EMPTY) return b
    if (b === EMPTY) return a
    const { kinds, first, second, data } = this.nodes
    if (kinds[a] === Kind.Literal) {
      const head = kinds[b] === Kind.Sequence ? first[b]! : b
      if (kinds[head] === Kind.Literal) {
        const text = (data[a] as string) + (data[head] as string)
        if (text.length <= MAX_LITERAL)
          return head === b ? this.byteString(text) : this.#join(this.byteString(text), second[b]!)
      }
    }
    return this.nodes.internPair(Kind.Sequence, a, b)
  }
}
