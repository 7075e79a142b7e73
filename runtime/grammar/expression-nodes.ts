import { EngineError } from '../protocol/error.js'

/** Index of an expression inside its store. Equal languages may have several ids; equal ids are equal languages. */
export type ExpressionId = number

/** The language without any string. */
export const FAIL: ExpressionId = 0
/** The language that holds the empty string alone. */
export const EMPTY: ExpressionId = 1

export const Kind = {
  Fail: 0,
  Empty: 1,
  /** One byte out of `data` (flat list of inclusive ranges). */
  ByteClass: 2,
  /** The bytes of `data`, a string of one character for each byte. */
  Literal: 3,
  /** `first` then `second`; `first` is never a sequence itself. */
  Sequence: 4,
  /** One of the ids in `data`: sorted, distinct, at least two, none a choice. */
  Choice: 5,
  /** `first`, from `second` to `third` times. */
  Repeat: 6,
  /** The body of rule number `first`. */
  Rule: 7,
  /** In `first` and in `second`; `first` < `second`. */
  And: 8,
  /** Every byte string that is not in `first`. */
  Not: 9,
  /**
   * An item of an array without repetition, and the rest of that array: `first` is what is left of the item, `second`
   * the text that it has so far (see distinct-items.ts), `third` where it stands.
   */
  Item: 10,
} as const

/** Bounds on what one grammar may take. Past any of them the store throws GRAMMAR_TOO_COMPLEX. */
export interface ExpressionLimits {
  /** Default 400,000 (some 60 MB). */
  readonly maxExpressions: number
  /** Expressions with a full row of 256 transitions, 1 kB each. Default 65,536. */
  readonly maxStates: number
  /** Expressions looked at by one search for a string in an intersection or a complement. Default 50,000. */
  readonly maxSearch: number
}

export const DEFAULT_LIMITS: ExpressionLimits = { maxExpressions: 400_000, maxStates: 65_536, maxSearch: 50_000 }

/** Ranges of a byte class, text of a literal, members of a choice; null for the other kinds. */
export type NodeData = string | readonly number[] | null

/** Ids must stay below this so that a pair of them fits a double exactly. */
const ID_SPAN = 2 ** 24

/**
 * The nodes themselves, as parallel arrays; equal nodes are stored once. Knows nothing of what a node means:
 * see expression.ts for that.
 */
export class NodeTable {
  readonly kinds: number[] = []
  readonly first: number[] = []
  readonly second: number[] = []
  readonly third: number[] = []
  readonly data: NodeData[] = []
  /** Names the rule being worked on, for error texts. */
  currentRule = 'root'
  /** performance.now() after which adding a node throws; Infinity for none. */
  deadline = Number.POSITIVE_INFINITY
  readonly #pairs = new Map<number, ExpressionId>()
  readonly #keyed = new Map<string, ExpressionId>()
  readonly #limits: ExpressionLimits
  #payload = 0

  constructor(limits: ExpressionLimits) {
    this.#limits = limits
    this.#push(Kind.Fail, 0, 0, 0, null)
    this.#push(Kind.Empty, 0, 0, 0, null)
  }

  get size(): number {
    return this.kinds.length
  }

  /** Rough size in memory, in bytes. */
  get bytes(): number {
    return this.size * 180 + this.#payload * 8
  }

  /** The node made of two ids (sequence, intersection). */
  internPair(kind: number, first: ExpressionId, second: ExpressionId): ExpressionId {
    const key = (kind * ID_SPAN + first) * ID_SPAN + second
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const id = this.#push(kind, first, second, 0, null)
    this.#pairs.set(key, id)
    return id
  }

  /** The node with these fields (not for the kinds of `internPair`). */
  intern(kind: number, first: number, second: number, third: number, data: NodeData): ExpressionId {
    const key = keyOf(kind, first, second, third, data)
    const known = this.#keyed.get(key)
    if (known !== undefined) return known
    const id = this.#push(kind, first, second, third, data)
    this.#keyed.set(key, id)
    return id
  }

  /** Throws when the time is up. For loops that may run long without adding nodes. */
  checkDeadline(): void {
    if (performance.now() > this.deadline) throw this.tooComplex('it takes too long to work out', 'time')
  }

  tooComplex(reason: string, limit: 'time' | 'size' = 'size'): EngineError {
    return new EngineError('GRAMMAR_TOO_COMPLEX', {
      kind: 'grammar',
      what: `${reason} (at rule "${this.currentRule}")`,
      rule: this.currentRule,
      limit,
    })
  }

  #push(kind: number, first: number, second: number, third: number, data: NodeData): ExpressionId {
    const id = this.kinds.length
    if (id >= this.#limits.maxExpressions)
      throw this.tooComplex(`it needs more than ${this.#limits.maxExpressions} expressions`)
    if ((id & 255) === 0) this.checkDeadline()
    this.kinds.push(kind)
    this.first.push(first)
    this.second.push(second)
    this.third.push(third)
    this.data.push(data)
    if (data !== null) this.#payload += data.length
    return id
  }
}

function keyOf(kind: number, first: number, second: number, third: number, data: NodeData): string {
  switch (kind) {
    case Kind.Literal:
      return `l${data}`
    case Kind.ByteClass:
      return `c${data}`
    case Kind.Choice:
      return `a${data}`
    case Kind.Item:
      return `i${first},${second},${third}`
    case Kind.Repeat:
      return `r${first},${second},${third}`
    default:
      return `${kind}:${first}`
  }
}
