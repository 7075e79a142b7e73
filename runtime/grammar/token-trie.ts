import type { Vocabulary } from '../protocol/vocabulary.js'
import { plainLength } from './plain-text.js'

/**
 * A trie of tokens as records of four words in pre-order; "node" is the offset of its first word. One array, so that
 * a visit costs one line of cache. There is no root; a last record holds only the end of `order`.
 *
 *   0: byte | depth << 8                     depth 0 is a token's first byte
 *   1: end                                   node behind the last below this one; children begin at node + 4
 *   2: start                                 tokens ending here are order[start] .. order[start of the next record - 1]
 *   3: longest | below << 16                 most characters of a plain token at or below the node, from the token's
 *                                            beginning and from behind the node (INSIDE where it ends in a character)
 */
export interface FlatTrie {
  readonly words: Int32Array
  /** All tokens in the order of their nodes. */
  readonly order: Int32Array
}

export const RECORD = 4
export const END = 1
export const START = 2
export const LENGTHS = 3

/** More characters than any run of them: a node inside a character never has "all that follows is plain". */
const INSIDE = 0x7fff

interface Entry {
  readonly id: number
  readonly text: string
  readonly length: number
}

/**
 * The tokens of a vocabulary, laid out for masks. Plain tokens (whole characters that stand for themselves in a
 * JSON string) are kept apart and counted by length, so that a string of n more characters takes one ready bitmap.
 */
export class TokenTrie {
  readonly size: number
  /** 32-bit words of a mask. */
  readonly words: number
  readonly plain: FlatTrie
  readonly rest: FlatTrie
  /** Most characters of a plain token. */
  readonly maxPlain: number
  /** Most bytes of any token. */
  readonly maxBytes: number
  /** Item n: the plain tokens of at most n characters. */
  readonly #upTo: Int32Array[] = []

  constructor(vocabulary: Vocabulary) {
    this.size = vocabulary.size
    this.words = (vocabulary.size + 31) >>> 5
    const entries = readEntries(vocabulary)
    entries.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.id - b.id))
    this.plain = flatten(entries.filter(entry => entry.length > 0))
    this.rest = flatten(entries.filter(entry => entry.length === 0))
    this.maxPlain = entries.reduce((most, entry) => Math.max(most, entry.length), 0)
    this.maxBytes = entries.reduce((most, entry) => Math.max(most, entry.text.length), 0)
    this.#makeBitmaps(entries)
  }

  /** Bitmap of the plain tokens of at most `length` characters; the caller must not write to it. */
  plainUpTo(length: number): Int32Array {
    return this.#upTo[Math.min(length, this.maxPlain)]!
  }

  get byteLength(): number {
    const { plain, rest } = this
    const words = plain.words.length + plain.order.length + rest.words.length + rest.order.length
    return words * 4 + this.#upTo.length * this.words * 4
  }

  #makeBitmaps(entries: readonly Entry[]): void {
    const byLength: number[][] = []
    for (const { id, length } of entries) {
      if (length === 0) continue
      const ids = byLength[length]
      if (ids === undefined) byLength[length] = [id]
      else ids.push(id)
    }
    let bitmap: Int32Array = new Int32Array(this.words)
    for (let length = 0; length <= this.maxPlain; length++) {
      const ids = byLength[length]
      if (ids !== undefined) {
        bitmap = bitmap.slice()
        for (const id of ids) bitmap[id >>> 5]! |= 1 << (id & 31)
      }
      this.#upTo.push(bitmap)
    }
  }
}

const tries = new Map<string, WeakRef<TokenTrie>>()
const cleanup = new FinalizationRegistry<string>(id => {
  if (tries.get(id)?.deref() === undefined) tries.delete(id)
})

/** The trie of this vocabulary: made once for each `Vocabulary.id` while anybody holds it. Takes some 0.2 s for 128k tokens. */
export function tokenTrieOf(vocabulary: Vocabulary): TokenTrie {
  const known = tries.get(vocabulary.id)?.deref()
  if (known !== undefined) return known
  const trie = new TokenTrie(vocabulary)
  tries.set(vocabulary.id, new WeakRef(trie))
  cleanup.register(trie, vocabulary.id)
  return trie
}

function readEntries(vocabulary: Vocabulary): Entry[] {
  const stops = new Set(vocabulary.stopIds)
  const entries: Entry[] = []
  for (let id = 0; id < vocabulary.size; id++) {
    if (stops.has(id)) continue
    const bytes = vocabulary.bytes(id)
    if (bytes === null || bytes.length === 0) continue
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    entries.push({ id, text, length: plainLength(bytes) })
  }
  return entries
}

function flatten(sorted: readonly Entry[]): FlatTrie {
  const words = new Int32Array((countNodes(sorted) + 1) * RECORD)
  /** Nodes of the bytes of the token before, with what is known of each so far. */
  const open: { node: number; begun: number; longest: number }[] = []
  let previous = ''
  let node = 0
  const close = (depth: number): void => {
    while (open.length > depth) {
      const below = isInside(previous, open.length - 1)
      const { node: closed, begun, longest } = open.pop()!
      words[closed + END] = node
      words[closed + LENGTHS] = longest | ((below ? INSIDE : Math.max(0, longest - begun)) << 16)
      const parent = open.at(-1)
      if (parent !== undefined) parent.longest = Math.max(parent.longest, longest)
    }
  }
  for (const [index, { text, length }] of sorted.entries()) {
    const shared = commonPrefix(previous, text)
    close(shared)
    for (let depth = shared; depth < text.length; depth++) {
      const byte = text.charCodeAt(depth)
      const begun = (open.at(-1)?.begun ?? 0) + ((byte & 0xc0) === 0x80 ? 0 : 1)
      words[node] = byte | (depth << 8)
      words[node + START] = index
      open.push({ node, begun, longest: 0 })
      node += RECORD
    }
    open.at(-1)!.longest = length
    previous = text
  }
  close(0)
  words[node + START] = sorted.length
  return { words, order: Int32Array.from(sorted, entry => entry.id) }
}

/** Whether text[at], a byte of UTF-8, leaves a character unfinished. */
function isInside(text: string, at: number): boolean {
  let lead = at
  while (lead > 0 && at - lead < 3 && (text.charCodeAt(lead) & 0xc0) === 0x80) lead--
  const byte = text.charCodeAt(lead)
  const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
  return at - lead + 1 < length
}

function countNodes(sorted: readonly Entry[]): number {
  let total = 0
  let previous = ''
  for (const { text } of sorted) {
    total += text.length - commonPrefix(previous, text)
    previous = text
  }
  return total
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}
