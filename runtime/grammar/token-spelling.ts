import type { Vocabulary } from '../protocol/vocabulary.js'
import { isWellFormed } from './plain-text.js'
import { END, type FlatTrie, RECORD, START, type TokenTrie } from './token-trie.js'

/**
 * Tokens that spell exactly these bytes: the tokenizer's own where the bytes are text and it keeps every one of
 * them, else as few tokens as possible. Null when the vocabulary cannot spell them.
 */
export function spellBytes(vocabulary: Vocabulary, trie: TokenTrie, bytes: Uint8Array): number[] | null {
  if (bytes.length === 0) return []
  if (isWellFormed(bytes)) {
    const ids = vocabulary.encodeContinuation(Buffer.from(bytes).toString())
    if (agreeingTokens(vocabulary, ids, bytes) === ids.length && spelledLength(vocabulary, ids) === bytes.length)
      return ids
  }
  return fewestTokens(trie, bytes)
}

/** How many of the tokens, from the first on, spell the bytes; less than all when the tokenizer rewrites its input. */
export function agreeingTokens(vocabulary: Vocabulary, ids: readonly number[], bytes: Uint8Array): number {
  let at = 0
  for (let index = 0; index < ids.length; index++) {
    const piece = vocabulary.bytes(ids[index]!)
    if (piece === null || piece.length === 0 || at + piece.length > bytes.length) return index
    for (const byte of piece) if (byte !== bytes[at++]) return index
  }
  return ids.length
}

function spelledLength(vocabulary: Vocabulary, ids: readonly number[]): number {
  return ids.reduce((total, id) => total + (vocabulary.bytes(id)?.length ?? 0), 0)
}

function fewestTokens(trie: TokenTrie, bytes: Uint8Array): number[] | null {
  const count = new Array<number>(bytes.length + 1).fill(Number.POSITIVE_INFINITY)
  const first = new Int32Array(bytes.length + 1)
  const next = new Int32Array(bytes.length + 1)
  count[bytes.length] = 0
  for (let at = bytes.length - 1; at >= 0; at--) {
    for (const part of [trie.plain, trie.rest]) {
      followBytes(part, bytes, at, (node, end) => {
        const index = part.words[node + START]!
        if (part.words[node + RECORD + START] === index || count[end]! + 1 >= count[at]!) return
        count[at] = count[end]! + 1
        first[at] = part.order[index]!
        next[at] = end
      })
    }
  }
  if (count[0] === Number.POSITIVE_INFINITY) return null
  const ids: number[] = []
  for (let at = 0; at < bytes.length; at = next[at]!) ids.push(first[at]!)
  return ids
}

/** Calls `visit` with each node on the way of bytes[at..] and the offset behind its byte. Returns the node of the last byte, -1 if the way breaks off. */
export function followBytes(
  trie: FlatTrie,
  bytes: Uint8Array,
  at: number,
  visit?: (node: number, end: number) => void,
): number {
  const { words } = trie
  let node = 0
  let end = words.length - RECORD
  let found = -1
  for (let offset = at; offset < bytes.length; offset++) {
    while (node < end && (words[node]! & 0xff) !== bytes[offset]) node = words[node + END]!
    if (node >= end) return -1
    visit?.(node, offset + 1)
    found = node
    end = words[node + END]!
    node += RECORD
  }
  return found
}
