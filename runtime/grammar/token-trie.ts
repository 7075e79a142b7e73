import type { Vocabulary } from '../protocol/vocabulary.js'
import { plainLength } from './plain-text.js'

/** A trie of byte strings in pre-order: the children of node k lie in k + 1 .. ends[k] - 1. There is no root node. */
export interface FlatTrie {
  readonly bytes: Uint8Array
  /** 0 for the first byte of a token. */
  readonly depths: Uint16Array
  readonly ends: Int32Array
  /** Token that ends at the node, -1 for none. */
  readonly tokens: Int32Array
  /** Most characters of any token at or below the node; all zero in the trie of tokens that are not plain. */
  readonly longest: Uint16Array
}

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
  /** Tokens with the same bytes as an earlier one, by the earlier one's id. */
  readonly twins: ReadonlyMap<number, readonly number[]>
  /** Item n: the plain tokens of at most n characters. */
  readonly #upTo: Int32Array[] = []

  constructor(vocabulary: Vocabulary) {
    this.size = vocabulary.size
    this.words = (vocabulary.size + 31) >>> 5
    const entries = readEntries(vocabulary)
    entries.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.id - b.id))
    const { unique, twins } = splitTwins(entries)
    this.twins = twins
    this.plain = flatten(unique.filter(entry => entry.length > 0))
    this.rest = flatten(unique.filter(entry => entry.length === 0))
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
    return nodes * 13 + this.#upTo.length * this.words * 4
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

function splitTwins(sorted: readonly Entry[]): { unique: Entry[]; twins: Map<number, number[]> } {
  const unique: Entry[] = []
  const twins = new Map<number, number[]>()
  for (const entry of sorted) {
    const last = unique.at(-1)
    if (last === undefined || last.text !== entry.text) unique.push(entry)
    else if (twins.has(last.id)) twins.get(last.id)!.push(entry.id)
    else twins.set(last.id, [entry.id])
  }
  return { unique, twins }
}

function flatten(sorted: readonly Entry[]): FlatTrie {
  const total = countNodes(sorted)
  const trie: FlatTrie = {
    bytes: new Uint8Array(total),
    depths: new Uint16Array(total),
    ends: new Int32Array(total),
    tokens: new Int32Array(total).fill(-1),
    longest: new Uint16Array(total),
  }
  const open: number[] = []
  let previous = ''
  let node = 0
  const close = (depth: number): void => {
    while (open.length > depth) {
      const closed = open.pop()!
      trie.ends[closed] = node
      const parent = open.at(-1)
      if (parent !== undefined) trie.longest[parent] = Math.max(trie.longest[parent]!, trie.longest[closed]!)
    }
  }
  for (const { id, text, length } of sorted) {
    const shared = commonPrefix(previous, text)
    close(shared)
    for (let depth = shared; depth < text.length; depth++) {
      trie.bytes[node] = text.charCodeAt(depth)
      trie.depths[node] = depth
      open.push(node++)
    }
    trie.tokens[node - 1] = id
    trie.longest[node - 1] = length
    previous = text
  }
  close(0)
  return trie
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
