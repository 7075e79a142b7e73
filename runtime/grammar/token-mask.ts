import { EngineError } from '../protocol/error.js'
import { type DoubtfulToken, findDoubtful } from './doubtful-tokens.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { countBits, listBits, type MaskCache, removeTokens, type TokenMask } from './mask-cache.js'
import { MaskKeys } from './mask-keys.js'
import { PlainRuns } from './plain-run.js'
import { TokenRanges } from './token-ranges.js'
import { END, type FlatTrie, LENGTHS, RECORD, START, type TokenTrie } from './token-trie.js'

/** Longest a single mask may take before the grammar is given up as too complex, in milliseconds. */
const MASK_BUDGET = 500

let serial = 0

/** Makes and caches the masks of one grammar. */
export class MaskMaker {
  readonly #store: ExpressionStore
  readonly #trie: TokenTrie
  readonly #stopIds: readonly number[]
  readonly #cache: MaskCache
  readonly #runs: PlainRuns
  readonly #keys: MaskKeys
  /** Keys of this grammar's masks begin here, those of masks with doubtful tokens at the other: ids stay below 2 ** 24. */
  readonly #base = serial++ * 2 ** 24
  readonly #draftBase = serial++ * 2 ** 24
  readonly #doubtful = new Map<ExpressionId, readonly DoubtfulToken[]>()
  /** States for which none of the doubtful tokens is wrong. */
  readonly #sound = new Set<ExpressionId>()
  readonly #rows: Int32Array
  readonly #ranges = new TokenRanges()

  constructor(store: ExpressionStore, trie: TokenTrie, stopIds: readonly number[], cache: MaskCache) {
    this.#store = store
    this.#trie = trie
    this.#stopIds = stopIds
    this.#cache = cache
    this.#runs = new PlainRuns(store)
    this.#keys = new MaskKeys(store, trie.maxBytes)
    this.#rows = new Int32Array(trie.maxBytes + 1)
  }

  /** Throws GRAMMAR_TOO_COMPLEX when the states behind the mask pass a budget, GRAMMAR_UNSUPPORTED when no token spells a way on. */
  mask(state: ExpressionId): TokenMask {
    const direct = this.#cache.get(this.#base + state)
    if (direct !== undefined) return direct
    const key = this.#keys.keyOf(this.#store.items.forget(state))
    return this.#store.within(MASK_BUDGET, () => {
      const doubtful = this.#doubtfulOf(key)
      const base = doubtful.length > 0 ? this.#draftBase : this.#base
      let made = this.#cache.get(base + key)
      if (made === undefined) {
        made = this.#make(key)
        this.#cache.set(base + key, made)
      }
      return doubtful.length > 0 ? this.#without(made, doubtful, state) : made
    })
  }

  #doubtfulOf(key: ExpressionId): readonly DoubtfulToken[] {
    let tokens = this.#doubtful.get(key)
    if (tokens === undefined) {
      tokens = findDoubtful(this.#store, this.#trie, this.#runs, key)
      if (this.#store.items.isUsed) this.#doubtful.set(key, tokens)
    }
    return tokens
  }

  /** The draft without the doubtful tokens that lead to nothing from `state`; kept only where it differs. */
  #without(draft: TokenMask, doubtful: readonly DoubtfulToken[], state: ExpressionId): TokenMask {
    if (this.#sound.has(state)) return draft
    const dead = doubtful.filter(token => !this.#leadsOn(state, token.bytes)).flatMap(token => token.ids)
    if (dead.length === 0) {
      this.#sound.add(state)
      return draft
    }
    const mask = removeTokens(draft, dead)
    if (mask.kind === 'sparse' && mask.ids.length === 0) throw noWayOn()
    this.#cache.set(this.#base + state, mask)
    return mask
  }

  #leadsOn(from: ExpressionId, bytes: Uint8Array): boolean {
    let state = from
    for (const byte of bytes) state = this.#store.derivative(state, byte)
    return state !== this.#store.fail
  }

  #make(state: ExpressionId): TokenMask {
    const { plain, rest, words, maxPlain } = this.#trie
    this.#store.derivatives.trim()
    const run = Math.min(this.#runs.lengthOf(state), maxPlain)
    const ranges = this.#ranges
    ranges.clear()
    if (run < maxPlain && !(run > 0 && this.#runs.isExact(state))) this.#walkPlain(plain, state, run)
    const split = ranges.length
    const plainCount = ranges.count
    this.#walkRest(rest, state)
    const stops = this.#store.isNullable(state) ? this.#stopIds : []

    // Most plain tokens legal: it is quicker to take the others out of the bitmap of all.
    const isMost = run === 0 && plainCount * 2 > plain.order.length
    const bits = run > 0 || isMost ? this.#trie.plainUpTo(isMost ? maxPlain : run).slice() : new Int32Array(words)
    if (isMost) ranges.clearGaps(plain.order, 0, split, bits)
    else ranges.set(plain.order, 0, split, bits)
    ranges.set(rest.order, split, ranges.length, bits)
    for (const id of stops) bits[id >>> 5]! |= 1 << (id & 31)

    const count = countBits(bits)
    if (count === 0) throw noWayOn()
    return count <= words ? { kind: 'sparse', ids: listBits(bits, count) } : { kind: 'dense', bits, count }
  }

  /**
   * Ranges of the legal plain tokens of more than `known` characters. Where a state takes any plain text as long as
   * the tokens below, all of them are legal at one stroke.
   */
  #walkPlain({ words }: FlatTrie, state: ExpressionId, known: number): void {
    const { derivatives } = this.#store
    const ranges = this.#ranges
    const runs = this.#runs
    const rows = this.#rows
    const last = words.length - RECORD
    rows[0] = derivatives.rowStart(state)
    let { table } = derivatives
    for (let node = 0; node < last; ) {
      const head = words[node]!
      const target = table[rows[head >>> 8]! + (head & 0xff)]!
      const end = words[node + END]!
      const lengths = words[node + LENGTHS]!
      if (target === 0 || (lengths & 0xffff) <= known) {
        node = end
        continue
      }
      const start = words[node + START]!
      const run = runs.lengthOf(target)
      if (run > 0 && run >= lengths >>> 16) {
        ranges.add(start, words[end + START]!)
        node = end
        continue
      }
      node += RECORD
      const next = words[node + START]!
      if (next > start) ranges.add(start, next)
      if (end > node) {
        rows[(head >>> 8) + 1] = derivatives.rowStart(target)
        table = derivatives.table
      }
    }
  }

  #walkRest({ words }: FlatTrie, state: ExpressionId): void {
    const { derivatives } = this.#store
    const ranges = this.#ranges
    const rows = this.#rows
    const last = words.length - RECORD
    rows[0] = derivatives.rowStart(state)
    let { table } = derivatives
    for (let node = 0; node < last; ) {
      const head = words[node]!
      const target = table[rows[head >>> 8]! + (head & 0xff)]!
      const end = words[node + END]!
      if (target === 0) {
        node = end
        continue
      }
      const start = words[node + START]!
      node += RECORD
      const next = words[node + START]!
      if (next > start) ranges.add(start, next)
      if (end > node) {
        rows[(head >>> 8) + 1] = derivatives.rowStart(target)
        table = derivatives.table
      }
    }
  }
}

function noWayOn(): EngineError {
  return new EngineError('GRAMMAR_UNSUPPORTED', {
    kind: 'grammar',
    what: 'the tokenizer has no token for what must come next; it needs one for every single byte.',
  })
}
