import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Constraint, ReasoningGate } from '../protocol/backend.js'
import { EngineError, toEngineError } from '../protocol/error.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import { type CompiledExpression, type CompileOptions, compileExpression, validationOf } from './compile.js'
import type { CompiledReply } from './compile-protocol.js'
import { CompileThread, type CompileThreadOptions } from './compile-thread.js'
import { ExpressionStore } from './expression.js'
import { restoreStore } from './expression-transfer.js'
import { Grammar } from './grammar.js'
import { MaskCache } from './mask-cache.js'
import { type GrammarSpecification, normaliseSpecification, withGate } from './specification.js'
import { tokenTrieOf } from './token-trie.js'

export interface GrammarCacheOptions extends CompileThreadOptions {
  /** Compiled grammars and refusals together. Default 64 MB. */
  readonly maxBytes?: number
  /** Masks of all grammars together. Default 64 MB. */
  readonly maxMaskBytes?: number
  /** What is compiled longer than this goes on in a thread. Default 20. */
  readonly inlineMs?: number
  /** How long a refusal for taking too long is remembered. Default 600,000. */
  readonly refusalMs?: number
  readonly limits?: CompileOptions['limits']
}

type Entry =
  | { readonly kind: 'grammar'; readonly grammar: Grammar }
  | { readonly kind: 'refusal'; readonly error: EngineError }

/** Longer sources go to the thread at once: reading alone could take longer than they may on this one. */
const MAX_INLINE_LENGTH = 100_000
const REFUSAL_BYTES = 2_048

/**
 * Compiled grammars of one vocabulary, least recently used out first. Equal constraints are compiled once, however
 * many ask at the same time; refusals are kept too. No constraint holds the calling thread for much longer than
 * `inlineMs`.
 */
export class GrammarCache {
  readonly #vocabulary: Vocabulary
  readonly #options: GrammarCacheOptions
  readonly #entries: LRUCache<string, Entry>
  readonly #flights = new Map<string, Promise<Entry>>()
  readonly #thread: CompileThread
  readonly #masks: MaskCache
  #hits = 0
  #misses = 0

  constructor(vocabulary: Vocabulary, options: GrammarCacheOptions = {}) {
    this.#vocabulary = vocabulary
    this.#options = options
    this.#entries = new LRUCache({ maxSize: options.maxBytes ?? 64 * 2 ** 20, sizeCalculation: sizeOf })
    this.#thread = new CompileThread(options)
    this.#masks = new MaskCache(options.maxMaskBytes)
    tokenTrieOf(vocabulary)
  }

  get status(): { entries: number; bytes: number; maskBytes: number; hits: number; misses: number; compiling: number } {
    return {
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      maskBytes: this.#masks.byteLength,
      hits: this.#hits,
      misses: this.#misses,
      compiling: this.#flights.size,
    }
  }

  /** Rejects with GRAMMAR_INVALID, GRAMMAR_UNSUPPORTED, GRAMMAR_TOO_COMPLEX, ENGINE_OVERLOADED or ENGINE_CLOSED. */
  async compile(specification: GrammarSpecification, gate: ReasoningGate = {}): Promise<Grammar> {
    const constraint = normaliseSpecification(withGate(normaliseSpecification(specification), gate))
    const source = sourceOf(constraint)
    const key = createHash('sha256').update(source).digest('base64')
    const entry = this.#find(key) ?? (await this.#fly(key, constraint, source.length))
    if (entry.kind === 'refusal') throw entry.error
    return entry.grammar
  }

  /** Ends the compile thread; compiling then rejects with ENGINE_CLOSED, what is cached stays usable. */
  close(): Promise<void> {
    return this.#thread.close()
  }

  checkIntegrity(): void {
    let bytes = 0
    for (const entry of this.#entries.values()) bytes += entry.kind === 'refusal' ? REFUSAL_BYTES : 1
    if (bytes > this.#entries.calculatedSize) throw new Error('the grammar cache holds more than it counts')
    if (this.#flights.size < this.#thread.pending) throw new Error('a grammar is being compiled that nobody waits for')
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || (entry.kind === 'grammar' && entry.grammar.isWorn)) return undefined
    this.#hits++
    // Grammars grow as they are used: setting anew counts them again.
    if (entry.kind === 'grammar') this.#entries.set(key, entry)
    return entry
  }

  #fly(key: string, constraint: Constraint, length: number): Promise<Entry> {
    const known = this.#flights.get(key)
    if (known !== undefined) return known
    this.#misses++
    const flight = this.#make(constraint, length)
      .then(entry => {
        this.#remember(key, entry)
        return entry
      })
      .finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  #remember(key: string, entry: Entry): void {
    // What is wrong with the engine is not wrong with the grammar.
    if (entry.kind === 'refusal' && !entry.error.code.startsWith('GRAMMAR_')) return
    const isSlow = entry.kind === 'refusal' && entry.error.data.limit === 'time'
    this.#entries.set(key, entry, isSlow ? { ttl: this.#options.refusalMs ?? 600_000 } : {})
  }

  async #make(constraint: Constraint, length: number): Promise<Entry> {
    const { limits, inlineMs = 20 } = this.#options
    const options = limits === undefined ? {} : { limits }
    try {
      const made = length <= MAX_INLINE_LENGTH ? compileWithin(inlineMs, constraint, options) : null
      const compiled = made ?? (await this.#restore(await this.#thread.compile({ constraint, ...options })))
      const grammar = new Grammar({ ...compiled, ...validationOf(constraint) }, this.#vocabulary, this.#masks)
      grammar.warm()
      return { kind: 'grammar', grammar }
    } catch (error) {
      // Made anew: the trace of the original, kept for as long as the refusal, would hold the whole store in memory.
      const { code, data } = toEngineError(error)
      return { kind: 'refusal', error: new EngineError(code, data) }
    }
  }

  async #restore({ packed, issues }: CompiledReply): Promise<CompiledExpression> {
    const store = new ExpressionStore(this.#options.limits)
    for (const _ of restoreStore(packed, store)) await new Promise(resolve => setImmediate(resolve))
    return { store, root: packed.root, issues }
  }
}

/** Equal for equal constraints, however their fields are ordered; the order of a schema's own keys has a meaning and stays. */
function sourceOf(constraint: Constraint): string {
  try {
    const fields = Object.entries(constraint).sort(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify(fields)
  } catch (cause) {
    const what = `The ${constraint.kind} constraint cannot be written as JSON: ${(cause as Error).message}`
    throw new EngineError('GRAMMAR_INVALID', { what }, { cause })
  }
}

/** Null when the time is up. */
function compileWithin(
  milliseconds: number,
  constraint: Constraint,
  options: Pick<CompileOptions, 'limits'>,
): CompiledExpression | null {
  try {
    return compileExpression(constraint, { ...options, deadline: performance.now() + milliseconds })
  } catch (error) {
    if (EngineError.isInstance(error) && error.data.limit === 'time') return null
    throw error
  }
}

function sizeOf(entry: Entry): number {
  return entry.kind === 'refusal' ? REFUSAL_BYTES : entry.grammar.byteLength
}
