import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { unfinishedTail } from './plain-text.js'
import { agreeingTokens, followBytes } from './token-spelling.js'
import { END, type FlatTrie, RECORD, START, type TokenTrie } from './token-trie.js'

/** Most bytes forced in one go. */
const MAX_FORCED = 2_048
/** Tokens from the end that are checked for a longer token across the boundary. */
const LOOK_BACK = 4

/** Jump-forward for one grammar: text that the grammar dictates, in tokens that the model itself would have used. */
export class ForcedText {
  readonly #store: ExpressionStore
  readonly #trie: TokenTrie
  readonly #vocabulary: Vocabulary
  /** By state: the only byte that may come next, -1 for none or several or a legal end. */
  readonly #single: (number | undefined)[] = []

  constructor(store: ExpressionStore, trie: TokenTrie, vocabulary: Vocabulary) {
    this.#store = store
    this.#trie = trie
    this.#vocabulary = vocabulary
  }

  /**
   * Tokens of the dictated text. The text ends where the grammar leaves a choice, and a model may well choose a
   * token that begins inside the dictated text and reaches beyond it; tokens that such a one would replace are left
   * to the model, so that it never sees a cut that its tokenizer would not have made.
   */
  tokens(state: ExpressionId): number[] {
    const { bytes, end } = this.#forcedBytes(state)
    const text = bytes.subarray(0, bytes.length - unfinishedTail(bytes))
    if (text.length === 0 || (text[0]! & 0xc0) === 0x80) return []
    const ids = this.#vocabulary.encodeContinuation(Buffer.from(text).toString())
    const agreeing = ids.slice(0, agreeingTokens(this.#vocabulary, ids, text))
    return agreeing.slice(0, this.#settledTokens(agreeing, bytes, end))
  }

  /** Nothing may follow the state. */
  isFinal(state: ExpressionId): boolean {
    const segments = this.#store.derivatives.segments(state)
    for (let at = 2; at < segments.length; at += 3) if (!this.#store.isEmptyLanguage(segments[at]!)) return false
    return true
  }

  #forcedBytes(start: ExpressionId): { bytes: Uint8Array; end: ExpressionId } {
    const bytes: number[] = []
    let state = start
    for (let byte = this.#singleByte(state); byte >= 0 && bytes.length < MAX_FORCED; byte = this.#singleByte(state)) {
      bytes.push(byte)
      state = this.#store.derivative(state, byte)
    }
    return { bytes: Uint8Array.from(bytes), end: state }
  }

  #singleByte(state: ExpressionId): number {
    const known = this.#single[state]
    if (known !== undefined) return known
    while (this.#single.length < state) this.#single.push(undefined)
    this.#single[state] = this.#store.isNullable(state) ? -1 : this.#findSingle(state)
    return this.#single[state]!
  }

  #findSingle(state: ExpressionId): number {
    const segments = this.#store.derivatives.segments(state)
    let single = -1
    for (let at = 0; at < segments.length; at += 3) {
      if (this.#store.isEmptyLanguage(segments[at + 2]!)) continue
      if (single >= 0 || segments[at] !== segments[at + 1]) return -1
      single = segments[at]!
    }
    return single
  }

  /** How many tokens stay when those are dropped that a token across the end of the text could replace. */
  #settledTokens(ids: readonly number[], bytes: Uint8Array, end: ExpressionId): number {
    const starts: number[] = []
    let offset = 0
    for (const id of ids) {
      starts.push(offset)
      offset += this.#vocabulary.bytes(id)!.length
    }
    let settled = ids.length
    for (let index = ids.length - 1; index >= Math.max(0, ids.length - LOOK_BACK); index--)
      if (this.#isSpanned(bytes, starts[index]!, end)) settled = index
    return settled
  }

  #isSpanned(bytes: Uint8Array, start: number, end: ExpressionId): boolean {
    if (bytes.length - start >= this.#trie.maxBytes) return false
    return [this.#trie.plain, this.#trie.rest].some(trie => {
      const node = followBytes(trie, bytes, start)
      return node >= 0 && this.#reachesToken(trie, node, end)
    })
  }

  /** Whether a token strictly below the node goes on in a way that the state allows. */
  #reachesToken(trie: FlatTrie, top: number, state: ExpressionId): boolean {
    const { words } = trie
    const base = (words[top]! >>> 8) + 1
    const states = [state]
    for (let node = top + RECORD; node < words[top + END]!; ) {
      const depth = (words[node]! >>> 8) - base
      const target = this.#store.derivative(states[depth]!, words[node]! & 0xff)
      if (target === this.#store.fail) {
        node = words[node + END]!
        continue
      }
      if (words[node + RECORD + START]! > words[node + START]!) return true
      states[depth + 1] = target
      node += RECORD
    }
    return false
  }
}
