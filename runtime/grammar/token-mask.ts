import { LRUCache } from 'lru-cache'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { maskKey, plainRun } from './plain-run.js'
import type { FlatTrie, TokenTrie } from './token-trie.js'

/** Which tokens may come next: a sorted list where they are few, a bitmap (bit id & 31 of word id >>> 5) where they are many. */
export type TokenMask =
  | { readonly kind: 'sparse'; readonly ids: Int32Array }
  | { readonly kind: 'dense'; readonly bits: Int32Array; readonly count: number }

/** Masks of all grammars over one vocabulary share one byte-bounded cache, so that many grammars cannot outgrow it. */
export class MaskCache {
  readonly #masks: LRUCache<number, TokenMask>

  constructor(maxBytes = 64 * 2 ** 20) {
    this.#masks = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf })
  }

  get byteLength(): number {
    return this.#masks.calculatedSize
  }

  get(key: number): TokenMask | undefined {
    return this.#masks.get(key)
  }

  set(key: number, mask: TokenMask): void {
    this.#masks.set(key, mask)
  }
}

/** Longest a single mask may take before the grammar is given up as too complex, in milliseconds. */
const MASK_BUDGET = 500

let serial = 0

/** Makes and caches the masks of one grammar. */
export class MaskMaker {
  readonly #store: ExpressionStore
  readonly #trie: TokenTrie
  readonly #stopIds: readonly number[]
  readonly #cache: MaskCache
  /** Keys of this grammar's masks begin here: ids stay below 2 ** 24. */
  readonly #base = serial++ * 2 ** 24
  readonly #rows: Int32Array
  #found: Int32Array
  #count = 0

  constructor(store: ExpressionStore, trie: TokenTrie, stopIds: readonly number[], cache: MaskCache) {
    this.#store = store
    this.#trie = trie
    this.#stopIds = stopIds
    this.#cache = cache
    this.#rows = new Int32Array(trie.maxBytes + 1)
    this.#found = new Int32Array(1024)
  }

  /** Throws GRAMMAR_TOO_COMPLEX when the states behind the mask pass a budget. */
  mask(state: ExpressionId): TokenMask {
    const direct = this.#cache.get(this.#base + state)
    if (direct !== undefined) return direct
    const key = maskKey(this.#store, state, this.#trie.maxBytes)
    if (key !== state) {
      const shared = this.#cache.get(this.#base + key)
      if (shared !== undefined) return shared
    }
    const outer = this.#store.nodes.deadline
    this.#store.setDeadline(Math.min(outer, performance.now() + MASK_BUDGET))
    try {
      const made = this.#make(key)
      this.#cache.set(this.#base + key, made)
      return made
    } finally {
      this.#store.setDeadline(outer)
    }
  }

  #make(state: ExpressionId): TokenMask {
    const { plain, rest, words, maxPlain } = this.#trie
    this.#store.derivatives.trim()
    this.#count = 0
    const run = plainRun(this.#store, state)
    this.#walk(rest, state, -1)
    if (run.length < maxPlain && !run.isExact) this.#walk(plain, state, run.length)
    if (this.#store.isNullable(state)) for (const id of this.#stopIds) this.#add(id)
    const ids = this.#found.subarray(0, this.#count)
    if (run.length === 0 && this.#count <= words) return { kind: 'sparse', ids: ids.slice().sort() }
    const bits = run.length === 0 ? new Int32Array(words) : this.#trie.plainUpTo(run.length).slice()
    for (const id of ids) bits[id >>> 5]! |= 1 << (id & 31)
    return { kind: 'dense', bits, count: countBits(bits) }
  }

  /** Adds every token of the trie that the state can take; subtrees of at most `known` plain characters are left out. */
  #walk(trie: FlatTrie, state: ExpressionId, known: number): void {
    const { bytes, depths, ends, tokens, longest } = trie
    const { derivatives } = this.#store
    const rows = this.#rows
    rows[0] = derivatives.rowStart(state)
    let { table } = derivatives
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node]!
      const target = table[rows[depth]! + bytes[node]!]!
      const end = ends[node]!
      if (target === 0 || longest[node]! <= known) {
        node = end
        continue
      }
      if (tokens[node]! >= 0) this.#add(tokens[node]!)
      if (end > ++node) {
        rows[depth + 1] = derivatives.rowStart(target)
        table = derivatives.table
      }
    }
  }

  #add(id: number): void {
    if (this.#count === this.#found.length) {
      const grown = new Int32Array(this.#found.length * 2)
      grown.set(this.#found)
      this.#found = grown
    }
    this.#found[this.#count++] = id
    const twins = this.#trie.twins.get(id)
    if (twins !== undefined) for (const twin of twins) this.#add(twin)
  }
}

/** Writes the mask over the whole row; bits past the mask's vocabulary are cleared. */
export function writeMask(mask: TokenMask, row: Int32Array): void {
  if (mask.kind === 'dense') {
    row.set(mask.bits)
    row.fill(0, mask.bits.length)
    return
  }
  row.fill(0)
  for (const id of mask.ids) row[id >>> 5]! |= 1 << (id & 31)
}

function sizeOf(mask: TokenMask): number {
  return 128 + (mask.kind === 'sparse' ? mask.ids.byteLength : mask.bits.byteLength)
}

function countBits(words: Int32Array): number {
  let count = 0
  for (let word of words) {
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
  }
  return count
}
