import type { Vocabulary } from '../protocol/vocabulary.js'
import { plainLength } from './plain-text.js'

/** A trie of tokens in pre-order: the children of node k lie in k + 1 .. ends[k] - 1. There is no root node. */
export interface FlatTrie {
  readonly bytes: Uint8Array
  /** 0 for the first byte of a token. */
  readonly depths: Uint16Array
  readonly ends: Int32Array
  /** All tokens in the order of their nodes. */
  readonly order: Int32Array
  /** One more than nodes: the tokens that end at node k are order[starts[k]] .. order[starts[k + 1] - 1]; those at or below it go up to starts[ends[k]] - 1. */
  readonly starts: Int32Array
  /** Most characters of a token at or below the node, counted from the token's beginning; all 0 where tokens are not plain. */
  readonly longest: Uint16Array
  /** The same counted from behind the node; INSIDE where the node ends inside a character. */
  readonly below: Uint16Array
}

/** More characters than any run of them: a node inside a character never has "all that follows is plain". */
const INSIDE = 0xffff

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
    const nodes = this.plain.bytes.length + this.rest.bytes.length
    return nodes * 19 + this.#upTo.length * this.words * 4
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
  const total = countNodes(sorted)
  const trie: FlatTrie = {
    bytes: new Uint8Array(total),
    depths: new Uint16Array(total),
    ends: new Int32Array(total),
    order: Int32Array.from(sorted, entry => entry.id),
    starts: new Int32Array(total + 1).fill(sorted.length),
    longest: new Uint16Array(total),
    below: new Uint16Array(total),
  }
  /** Nodes from the first byte to the last of the token before, and the characters begun at each. */
  const open: number[] = []
  const begun: number[] = []
  let previous = ''
  let node = 0
  const close = (depth: number): void => {
    while (open.length > depth) {
      const closed = open.pop()!
      trie.ends[closed] = node
      trie.below[closed] = isInside(previous, open.length) ? INSIDE : Math.max(0, trie.longest[closed]! - begun.at(-1)!)
      begun.pop()
      const parent = open.at(-1)
      if (parent !== undefined) trie.longest[parent] = Math.max(trie.longest[parent]!, trie.longest[closed]!)
    }
  }
  for (const [index, { text, length }] of sorted.entries()) {
    const shared = commonPrefix(previous, text)
    close(shared)
    for (let depth = shared; depth < text.length; depth++) {
      const byte = text.charCodeAt(depth)
      trie.bytes[node] = byte
      trie.depths[node] = depth
      trie.starts[node] = index
      begun.push((begun.at(-1) ?? 0) + ((byte & 0xc0) === 0x80 ? 0 : 1))
      open.push(node++)
    }
    trie.longest[open.at(-1)!] = length
    previous = text
  }
  close(0)
  return trie
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
