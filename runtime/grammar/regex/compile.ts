import type { ExpressionId, ExpressionStore } from '../expression.js'
import { type Alphabet, type AlphabetName, alphabetOf } from './alphabet.js'
import { parseRegex } from './parser.js'
import { RegexReader } from './reader.js'
import { dependenceOf, forbidAnchors, isFree, type RegexNode } from './syntax.js'

export interface RegexOptions {
  /** Whether the pattern must match the whole text, or may match anywhere in it (as JSON Schema has it). */
  readonly anchored: boolean
  /** Default 'text'. */
  readonly alphabet?: AlphabetName
  /** Out of `i`, `s`, `u`. Default ''. */
  readonly flags?: string
}

/** Languages of the rest of the text: where nothing has been read yet, and elsewhere. `later` is part of `start`. */
interface Rest {
  readonly start: ExpressionId
  readonly later: ExpressionId
}

/**
 * The texts that an ECMAScript pattern matches, as an expression; with the alphabet 'json-string' the contents of the
 * JSON strings of these texts, without the quotes.
 * @throws EngineError GRAMMAR_INVALID (syntax), GRAMMAR_UNSUPPORTED (backreferences, lookbehind, word boundaries,
 * lookahead inside a loop), GRAMMAR_TOO_COMPLEX.
 */
export function compileRegex(store: ExpressionStore, pattern: string, options: RegexOptions): ExpressionId {
  const alphabet = alphabetOf(store, options.alphabet ?? 'text')
  const compiler = new Compiler(store, alphabet, pattern)
  const node = parseRegex(pattern, options.flags)
  if (options.anchored) return compiler.rest(node, { start: store.empty, later: store.empty }).start
  const { start, later } = compiler.rest(node, { start: alphabet.anything, later: alphabet.anything })
  if (isFree(node) && store.isNullable(compiler.language(node))) return alphabet.anything
  if (later === store.fail) return start
  const anywhere = store.sequence(alphabet.anything, later)
  return start === later ? anywhere : store.choice([start, anywhere])
}

class Compiler {
  readonly #store: ExpressionStore
  readonly #alphabet: Alphabet
  readonly #pattern: string

  constructor(store: ExpressionStore, alphabet: Alphabet, pattern: string) {
    this.#store = store
    this.#alphabet = alphabet
    this.#pattern = pattern
  }

  /** The language of a node without anchors and lookahead. */
  language(node: RegexNode): ExpressionId {
    const store = this.#store
    switch (node.kind) {
      case 'class':
        return this.#alphabet.character(node.set)
      case 'sequence':
        return store.sequence(...node.parts.map(part => this.language(part)))
      case 'choice':
        return store.choice(node.options.map(option => this.language(option)))
      case 'repeat':
        return store.repeat(this.language(node.body), node.min, node.max)
      case 'start':
      case 'end':
      case 'look-ahead':
        throw this.#unsupported('an assertion where none can stand')
    }
  }

  /** What may stand from here to the end of the text when the node comes first and `rest` after it. */
  rest(node: RegexNode, rest: Rest): Rest {
    if (isFree(node)) return this.#prepend(this.language(node), rest)
    const store = this.#store
    switch (node.kind) {
      case 'start':
        return { start: rest.start, later: store.fail }
      case 'end':
        return { start: store.and(rest.start, store.empty), later: store.and(rest.later, store.empty) }
      case 'sequence':
        return node.parts.reduceRight<Rest>((after, part) => this.rest(part, after), rest)
      case 'choice':
        return this.#unite(node.options.map(option => this.rest(option, rest)))
      case 'look-ahead':
        return this.#lookAhead(node.body, node.negative, rest)
      case 'repeat':
        return this.#repeat(node.body, node.min, node.max, rest)
      case 'class':
        return this.#prepend(this.language(node), rest)
    }
  }

  #prepend(head: ExpressionId, rest: Rest): Rest {
    const store = this.#store
    const later = store.sequence(head, rest.later)
    if (rest.start === rest.later || !store.isNullable(head)) return { start: later, later }
    return { start: store.choice([later, rest.start]), later }
  }

  #unite(parts: readonly Rest[]): Rest {
    const store = this.#store
    return {
      start: store.choice(parts.map(part => part.start)),
      later: store.choice(parts.map(part => part.later)),
    }
  }

  #lookAhead(body: RegexNode, negative: boolean, rest: Rest): Rest {
    const store = this.#store
    if (negative && dependenceOf(body).start) throw this.#unsupported('"^" inside a negative lookahead')
    const { anything } = this.#alphabet
    const seen = this.rest(body, { start: anything, later: anything })
    if (!negative) return { start: store.and(rest.start, seen.start), later: store.and(rest.later, seen.later) }
    return {
      start: store.and(rest.start, store.not(seen.start)),
      later: store.and(rest.later, store.not(seen.later)),
    }
  }

  /**
   * Of the rounds that consume something, `^` can hold only in the first and `$` only in the last; rounds that
   * consume nothing can pad the count when anything in the body can match the empty text.
   */
  #repeat(body: RegexNode, min: number, max: number, rest: Rest): Rest {
    if (max === 0) return rest
    if (max > 1 && dependenceOf(body).look) throw this.#unsupported('lookahead inside a loop')
    const once = this.rest(body, rest)
    const none = min === 0 ? [rest] : []
    if (max === 1) return this.#unite([...none, once])
    const store = this.#store
    const first = forbidAnchors(body, { start: false, end: true })
    const middle = this.language(forbidAnchors(body, { start: true, end: true }))
    const last = forbidAnchors(body, { start: true, end: false })
    const pads = this.#matchesEmpty(body, false)
    if (!pads && min > 1 && this.#matchesEmpty(body, true))
      throw this.#unsupported('an assertion that can stand for a whole round of a counted loop')
    const atLeast = pads ? 0 : Math.max(0, min - 2)
    const tail = this.#prepend(store.repeat(middle, atLeast, max - 2), this.rest(last, rest))
    const many = this.rest(first, tail)
    return this.#unite([...none, ...(min <= 1 || pads ? [once] : []), many])
  }

  /** Whether the node can match without consuming: anywhere, or (`asserting`) where its assertions hold. */
  #matchesEmpty(node: RegexNode, asserting: boolean): boolean {
    switch (node.kind) {
      case 'class':
        return false
      case 'sequence':
        return node.parts.every(part => this.#matchesEmpty(part, asserting))
      case 'choice':
        return node.options.some(option => this.#matchesEmpty(option, asserting))
      case 'repeat':
        return node.min === 0 || this.#matchesEmpty(node.body, asserting)
      case 'start':
      case 'end':
      case 'look-ahead':
        return asserting
    }
  }

  #unsupported(feature: string): Error {
    return new RegexReader(this.#pattern).unsupported(feature)
  }
}
