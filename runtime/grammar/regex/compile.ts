import type { ExpressionId, ExpressionStore } from '../expression.js'
import { type Alphabet, type AlphabetName, alphabetOf } from './alphabet.js'
import { WORD } from './classes.js'
import { type CodePointSet, complementCodePoints } from './code-points.js'
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

const OTHER: CodePointSet = complementCodePoints(WORD)

/** Languages of the rest of the text: where nothing has been read yet, after a word character, and after another. */
interface Rest {
  readonly start: ExpressionId
  readonly word: ExpressionId
  readonly other: ExpressionId
}

/**
 * The texts that an ECMAScript pattern matches, as an expression; with the alphabet 'json-string' the contents of the
 * JSON strings of these texts, without the quotes.
 * @throws EngineError GRAMMAR_INVALID (syntax), GRAMMAR_UNSUPPORTED (backreferences, lookbehind, lookahead
 * or a word boundary inside a loop), GRAMMAR_TOO_COMPLEX.
 */
export function compileRegex(store: ExpressionStore, pattern: string, options: RegexOptions): ExpressionId {
  const alphabet = alphabetOf(store, options.alphabet ?? 'text')
  const compiler = new Compiler(store, alphabet, pattern)
  const node = parseRegex(pattern, options.flags)
  if (options.anchored) return compiler.rest(node, everywhere(store.empty)).start
  if (isFree(node) && store.isNullable(compiler.language(node))) return alphabet.anything
  const { start, word, other } = compiler.rest(node, everywhere(alphabet.anything))
  if (start === word && start === other) return store.sequence(alphabet.anything, start)
  const before = compiler.endingBy(alphabet.anything)
  return store.choice([start, store.sequence(before.word, word), store.sequence(before.other, other)])
}

function everywhere(language: ExpressionId): Rest {
  return { start: language, word: language, other: language }
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
      default:
        throw this.#unsupported('an assertion where none can stand')
    }
  }

  /** What may stand from here to the end of the text when the node comes first and `rest` after it. */
  rest(node: RegexNode, rest: Rest): Rest {
    if (isFree(node)) return this.#prepend(this.language(node), rest)
    const store = this.#store
    switch (node.kind) {
      case 'start':
        return { start: rest.start, word: store.fail, other: store.fail }
      case 'end':
        return this.#meet(rest, everywhere(store.empty))
      case 'boundary':
        return this.#boundary(node.negative, rest)
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
    const isNullable = store.isNullable(head)
    if (rest.word === rest.other && (rest.start === rest.word || !isNullable))
      return everywhere(store.sequence(head, rest.word))
    const consumed = this.endingBy(head)
    const read = store.choice([store.sequence(consumed.word, rest.word), store.sequence(consumed.other, rest.other)])
    return isNullable ? this.#unite([everywhere(read), rest]) : everywhere(read)
  }

  /** The texts of a language but the empty one, by whether a word character ends them. */
  endingBy(language: ExpressionId): { readonly word: ExpressionId; readonly other: ExpressionId } {
    const store = this.#store
    const { anything, character } = this.#alphabet
    const ending = (set: CodePointSet) => {
      const texts = store.sequence(anything, character(set))
      return language === anything ? texts : store.prune(store.and(language, texts))
    }
    return { word: ending(WORD), other: ending(OTHER) }
  }

  #unite(parts: readonly Rest[]): Rest {
    const choose = (pick: (part: Rest) => ExpressionId) => this.#store.choice(parts.map(pick))
    return { start: choose(part => part.start), word: choose(part => part.word), other: choose(part => part.other) }
  }

  #meet(a: Rest, b: Rest): Rest {
    const store = this.#store
    return {
      start: store.and(a.start, b.start),
      word: store.and(a.word, b.word),
      other: store.and(a.other, b.other),
    }
  }

  /** One side of the place is a word character and the other is not; the ends of the text are none. */
  #boundary(negative: boolean, rest: Rest): Rest {
    const store = this.#store
    const { anything, character } = this.#alphabet
    const word = store.sequence(character(WORD), anything)
    const other = store.choice([store.empty, store.sequence(character(OTHER), anything)])
    const [afterWord, afterOther] = negative ? [word, other] : [other, word]
    return this.#meet(rest, { start: afterOther, word: afterWord, other: afterOther })
  }

  #lookAhead(body: RegexNode, negative: boolean, rest: Rest): Rest {
    const store = this.#store
    const seen = this.rest(body, everywhere(this.#alphabet.anything))
    if (!negative) return this.#meet(rest, seen)
    return this.#meet(rest, { start: store.not(seen.start), word: store.not(seen.word), other: store.not(seen.other) })
  }

  /**
   * Of the rounds that consume something, `^` can hold only in the first and `$` only in the last; rounds that
   * consume nothing can pad the count when anything in the body can match the empty text.
   */
  #repeat(body: RegexNode, min: number, max: number, rest: Rest): Rest {
    if (max === 0) return rest
    if (max > 1 && dependenceOf(body).look) throw this.#unsupported('lookahead or a word boundary inside a loop')
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
      default:
        return asserting
    }
  }

  #unsupported(feature: string): Error {
    return new RegexReader(this.#pattern).unsupported(feature)
  }
}
