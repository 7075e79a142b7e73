import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { isWellFormed, unfinishedTail } from './plain-text.js'
import { agreeingTokens, followBytes } from './token-spelling.js'
import { END, type FlatTrie, RECORD, START, type TokenTrie } from './token-trie.js'

/** Most bytes forced in one go. */
const MAX_FORCED = 2_048
/** Tokens from the end that are checked for a longer token across the boundary. */
const LOOK_BACK = 4
/** Tokens that begin inside another and cross the boundary, of which the tokenizer is asked whether it would choose them. */
const MAX_TRIALS = 6
/** Tokens before the text that the tokenizer is shown, as its cuts depend on what stands before. */
export const CONTEXT_TOKENS = 2
const MAX_REMEMBERED = 4_096

/** Jump-forward for one grammar: text that the grammar dictates, in tokens that the model itself would have used. */
export class ForcedText {
  readonly #store: ExpressionStore
  readonly #trie: TokenTrie
  readonly #vocabulary: Vocabulary
  /** By state: the only byte that may come next, -1 for none or several or a legal end. */
  readonly #single: (number | undefined)[] = []
  /** Results by state and context. */
  readonly #remembered = new Map<string, readonly number[]>()

  constructor(store: ExpressionStore, trie: TokenTrie, vocabulary: Vocabulary) {
    this.#store = store
    this.#trie = trie
    this.#vocabulary = vocabulary
  }

  /**
   * Tokens of the dictated text; `context` are the tokens just before. The text ends where the grammar leaves a
   * choice, and a model may well choose a token that begins inside the dictated text and reaches beyond it; tokens
   * that such a one would replace are left to the model, so that it never sees a cut that its tokenizer would not
   * have made.
   */
  tokens(state: ExpressionId, context: readonly number[]): number[] {
    if (this.#singleByte(state) < 0) return []
    const key = `${state}:${context.join()}`
    let ids = this.#remembered.get(key)
    if (ids === undefined) {
      ids = this.#cut(state, context)
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
      this.#remembered.set(key, ids)
    }
    return [...ids]
  }

  #cut(state: ExpressionId, context: readonly number[]): number[] {
    const { bytes, end } = this.#forcedBytes(state)
    const text = bytes.subarray(0, bytes.length - unfinishedTail(bytes))
    if (text.length === 0 || (text[0]! & 0xc0) === 0x80) return []
    const ids = this.#encodeAfter(context, text)
    const agreeing = ids.slice(0, agreeingTokens(this.#vocabulary, ids, text))
    return agreeing.slice(0, this.#settledTokens(agreeing, bytes, end))
  }

  /** The tokenizer's tokens of `text` behind the context, where it would have cut the context as it was cut; else of the text alone. */
  #encodeAfter(context: readonly number[], text: Uint8Array): number[] {
    const before = Buffer.concat(context.map(id => this.#vocabulary.bytes(id) ?? new Uint8Array()))
    if (before.length > 0 && isWellFormed(before)) {
      const ids = this.#vocabulary.encodeContinuation(before.toString() + Buffer.from(text).toString())
      if (context.every((id, index) => ids[index] === id)) return ids.slice(context.length)
    }
    return this.#vocabulary.encodeContinuation(Buffer.from(text).toString())
  }

  /** Nothing may follow the state. */
  isFinal(state: ExpressionId): boolean {
    for (const [, , target] of this.#store.derivatives.samples(state))
      if (!this.#store.isEmptyLanguage(target)) return false
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
    let single = -1
    for (const [low, high, target] of this.#store.derivatives.samples(state)) {
      if (this.#store.isEmptyLanguage(target)) continue
      if (single >= 0 || low !== high) return -1
      single = low
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
    for (let index = ids.length - 1; index >= Math.max(0, ids.length - LOOK_BACK); index--) {
      const next = starts[index + 1] ?? offset
      const isReplaced =
        this.#crossings(bytes, starts[index]!, end, 1).length > 0 ||
        this.#isCutInside(ids, starts, index, next, bytes, end)
      if (isReplaced) settled = index
    }
    return settled
  }

  /** Whether the tokenizer, given some text across the boundary, would begin a token inside token `index`. */
  #isCutInside(
    ids: readonly number[],
    starts: readonly number[],
    index: number,
    next: number,
    bytes: Uint8Array,
    end: ExpressionId,
  ): boolean {
    for (let start = starts[index]! + 1; start < next; start++) {
      for (const tail of this.#crossings(bytes, start, end, MAX_TRIALS)) {
        const text = Buffer.concat([bytes.subarray(starts[index]!), tail])
        if (!isWellFormed(text)) continue
        if (this.#vocabulary.encodeContinuation(text.toString())[0] !== ids[index]) return true
      }
    }
    return false
  }

  /** What up to `limit` tokens that begin at bytes[start] and match all bytes from there add to them, in ways that the state behind allows. */
  #crossings(bytes: Uint8Array, start: number, end: ExpressionId, limit: number): Uint8Array[] {
    const found: Uint8Array[] = []
    if (bytes.length - start >= this.#trie.maxBytes) return found
    for (const trie of [this.#trie.plain, this.#trie.rest]) {
      const node = followBytes(trie, bytes, start)
      if (node >= 0) this.#collectTails(trie, node, end, limit, found)
    }
    return found
  }

  /** Tails of the tokens strictly below the node that the state allows. */
  #collectTails(trie: FlatTrie, top: number, state: ExpressionId, limit: number, into: Uint8Array[]): void {
    const { words } = trie
    const base = (words[top]! >>> 8) + 1
    const states = [state]
    const tail: number[] = []
    for (let node = top + RECORD; node < words[top + END]! && into.length < limit; ) {
      const depth = (words[node]! >>> 8) - base
      const byte = words[node]! & 0xff
      const target = this.#store.derivative(states[depth]!, byte)
      if (target === this.#store.fail) {
        node = words[node + END]!
        continue
      }
      tail.length = depth
      tail.push(byte)
      if (words[node + RECORD + START]! > words[node + START]!) into.push(Uint8Array.from(tail))
      states[depth + 1] = target
      node += RECORD
    }
  }
}
