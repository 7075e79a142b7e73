import { EngineError } from '../protocol/error.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { CONTEXT_TOKENS, type ForcedText } from './forced-text.js'
import { writeMask } from './mask-cache.js'
import type { MaskMaker } from './token-mask.js'
import { spellBytes } from './token-spelling.js'
import type { TokenTrie } from './token-trie.js'

/** What all matchers of one grammar share. */
export interface MatcherParts {
  readonly store: ExpressionStore
  readonly root: ExpressionId
  readonly vocabulary: Vocabulary
  readonly trie: TokenTrie
  readonly masks: MaskMaker
  readonly forced: ForcedText
}

/** Longest that one call may work on new states, in milliseconds; then the grammar counts as too complex. */
export const STEP_BUDGET = 500

/**
 * One text on its way through a grammar. Its whole state is one integer, its history a list of them; nothing is
 * copied by a fork but that list. All methods are synchronous; all may throw GRAMMAR_TOO_COMPLEX, and leave the
 * matcher as it was when they throw.
 */
export class Matcher {
  readonly #parts: MatcherParts
  readonly #isStop: ReadonlySet<number>
  /** State before each token, and the tokens. */
  readonly #history: ExpressionId[]
  readonly #tokens: number[]
  #state: ExpressionId

  constructor(
    parts: MatcherParts,
    history: readonly ExpressionId[] = [],
    tokens: readonly number[] = [],
    state = parts.root,
  ) {
    this.#parts = parts
    this.#isStop = new Set(parts.vocabulary.stopIds)
    this.#history = [...history]
    this.#tokens = [...tokens]
    this.#state = state
  }

  /** Equal numbers mean equal futures (of matchers of one grammar). */
  get state(): number {
    return this.#state
  }

  /** Tokens accepted and not rolled back. */
  get length(): number {
    return this.#history.length
  }

  /**
   * Writes the legal next tokens over the whole row: bit (id & 31) of word (id >>> 5). Stop ids are legal exactly
   * when the text may end here; bits past the vocabulary are 0. `row` needs at least ceil(vocabulary.size / 32) words.
   */
  fillMask(row: Int32Array): void {
    if (row.length < this.#parts.trie.words)
      throw new EngineError('ENGINE_FAILED', {
        what: `A mask row of ${row.length} words came for a vocabulary that needs ${this.#parts.trie.words}.`,
      })
    writeMask(this.#parts.masks.mask(this.#state), row)
  }

  /** The legal next tokens in ascending order where they are few (up to a 32nd of the vocabulary); null where they are many. Not to be written to. */
  allowedIds(): Int32Array | null {
    const mask = this.#parts.masks.mask(this.#state)
    return mask.kind === 'sparse' ? mask.ids : null
  }

  /** Goes on with a token. Throws REQUEST_INVALID on an illegal one and stays where it was. */
  accept(tokenId: number): void {
    if (this.tryAccept(tokenId)) return
    throw new EngineError('REQUEST_INVALID', {
      what: `Token ${tokenId} is not among those that the grammar allows after ${this.#history.length} tokens.`,
      tokenId,
    })
  }

  tryAccept(tokenId: number): boolean {
    const { store, vocabulary } = this.#parts
    let state = this.#state
    if (this.#isStop.has(tokenId)) {
      if (!store.isNullable(state)) return false
      state = store.empty
    } else {
      const bytes = tokenId < vocabulary.size ? vocabulary.bytes(tokenId) : null
      if (bytes === null || bytes.length === 0) return false
      const next = store.within(STEP_BUDGET, () => this.#step(bytes))
      if (next === store.fail) return false
      state = next
    }
    this.#history.push(this.#state)
    this.#tokens.push(tokenId)
    this.#state = state
    return true
  }

  #step(bytes: Uint8Array): ExpressionId {
    const { store } = this.#parts
    store.derivatives.trim()
    let state = this.#state
    for (const byte of bytes) {
      state = store.derivative(state, byte)
      if (state === store.fail) break
    }
    return state
  }

  /** Takes back the last `count` tokens, stop tokens among them. Throws REQUEST_INVALID when there are fewer. */
  rollback(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > this.#history.length)
      throw new EngineError('REQUEST_INVALID', {
        what: `${count} tokens cannot be taken back; ${this.#history.length} were accepted.`,
      })
    if (count === 0) return
    this.#state = this.#history[this.#history.length - count]!
    this.#history.length -= count
    this.#tokens.length -= count
  }

  /** An independent matcher at the same place. */
  fork(): Matcher {
    return new Matcher(this.#parts, this.#history, this.#tokens, this.#state)
  }

  /** Tokens that the grammar dictates from here, none when it leaves a choice. The matcher does not move: accept them one by one. */
  forcedTokens(): number[] {
    const { store, forced } = this.#parts
    return store.within(STEP_BUDGET, () => {
      store.derivatives.trim()
      return forced.tokens(this.#state, this.#tokens.slice(-CONTEXT_TOKENS))
    })
  }

  /** The text so far is a whole sentence of the grammar. */
  isComplete(): boolean {
    return this.#parts.store.isNullable(this.#state)
  }

  /** The text is complete and nothing may follow. */
  mustStop(): boolean {
    return this.isComplete() && this.#parts.forced.isFinal(this.#state)
  }

  /** Tokens of a shortest text that completes the sentence; empty when it is complete. */
  shortestCompletion(): number[] {
    const { store, vocabulary, trie } = this.#parts
    const bytes = store.within(STEP_BUDGET, () => store.shortest(this.#state))
    const ids = bytes === null ? null : spellBytes(vocabulary, trie, bytes)
    if (ids === null)
      throw new EngineError('GRAMMAR_UNSUPPORTED', {
        kind: 'grammar',
        what: 'the tokenizer cannot spell an ending that it allows.',
      })
    return ids
  }

  /** Throws when the books do not balance: a live state that allows nothing and may not end. */
  checkIntegrity(): void {
    const { store } = this.#parts
    if (this.#tokens.length !== this.#history.length) throw new Error('a matcher has lost a token or a state')
    for (const state of [...this.#history, this.#state])
      if (store.isEmptyLanguage(state)) throw new Error(`state ${state} of a matcher has no future`)
  }
}
