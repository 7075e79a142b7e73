import { EngineError } from '../protocol/error.js'
import type { ExpressionId, ExpressionStore } from './expression.js'

/**
 * compact: none. spaced: one blank after each comma and colon. indent: as JSON.stringify(value, null, indent) lays
 * it out. max: up to that many blanks, tabs and line ends wherever JSON allows them inside the value.
 */
export type Whitespace = 'compact' | 'spaced' | { readonly indent: number } | { readonly max: number }

const MAX_INDENT = 16

/** The marks of objects and arrays together with the whitespace around them. No layout has any outside the outermost value. */
export class JsonLayout {
  /** Marks depend on the nesting depth; rules must then be made for each depth. */
  readonly usesDepth: boolean
  /** ':' between a key and its value. */
  readonly colon: ExpressionId
  readonly emptyObject: ExpressionId
  readonly emptyArray: ExpressionId
  readonly #store: ExpressionStore
  readonly #gap: ExpressionId
  readonly #comma: ExpressionId
  readonly #indent: number

  constructor(store: ExpressionStore, whitespace: Whitespace = 'compact') {
    checkWhitespace(whitespace)
    this.#store = store
    const blank = store.byteClass([
      [9, 10],
      [13, 13],
      [32, 32],
    ])
    const isFree = typeof whitespace === 'object' && 'max' in whitespace
    this.#gap = isFree ? store.repeat(blank, 0, whitespace.max) : store.empty
    this.#indent = typeof whitespace === 'object' && 'indent' in whitespace ? whitespace.indent : 0
    this.usesDepth = this.#indent > 0
    const space = whitespace === 'spaced' || this.usesDepth ? store.literal(' ') : this.#gap
    this.colon = store.sequence(this.#gap, store.literal(':'), space)
    this.#comma = store.sequence(
      this.#gap,
      store.literal(','),
      whitespace === 'spaced' ? store.literal(' ') : this.#gap,
    )
    this.emptyObject = store.sequence(store.literal('{'), this.#gap, store.literal('}'))
    this.emptyArray = store.sequence(store.literal('['), this.#gap, store.literal(']'))
  }

  /** Depth to make a value's rule for: its own when marks depend on it, else one for all. */
  depthKey(depth: number): number {
    return this.usesDepth ? depth : 0
  }

  /** '{' or '[' of a value with members; `depth` is that of the value, 0 outermost. */
  open(mark: '{' | '[', depth: number): ExpressionId {
    return this.#store.sequence(this.#store.literal(mark), this.#line(depth + 1))
  }

  /** ',' between the members of a value at `depth`. */
  comma(depth: number): ExpressionId {
    return this.usesDepth ? this.#store.sequence(this.#store.literal(','), this.#line(depth + 1)) : this.#comma
  }

  /** '}' or ']' of a value with members at `depth`. */
  close(mark: '}' | ']', depth: number): ExpressionId {
    return this.#store.sequence(this.#line(depth), this.#store.literal(mark))
  }

  #line(depth: number): ExpressionId {
    return this.usesDepth ? this.#store.literal(`\n${' '.repeat(this.#indent * depth)}`) : this.#gap
  }
}

function checkWhitespace(whitespace: Whitespace): void {
  if (whitespace === 'compact' || whitespace === 'spaced') return
  if (typeof whitespace === 'object' && whitespace !== null) {
    if (
      'indent' in whitespace &&
      Number.isInteger(whitespace.indent) &&
      whitespace.indent >= 0 &&
      whitespace.indent <= MAX_INDENT
    )
      return
    if (
      'max' in whitespace &&
      (whitespace.max === Number.POSITIVE_INFINITY || Number.isSafeInteger(whitespace.max)) &&
      whitespace.max >= 0
    )
      return
  }
  throw new EngineError('GRAMMAR_INVALID', {
    what: `The whitespace ${JSON.stringify(whitespace)} is unknown; "compact", "spaced", {"indent": 0 to ${MAX_INDENT}} and {"max": n} are.`,
  })
}
