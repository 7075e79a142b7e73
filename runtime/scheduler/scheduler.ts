import type { PrefixCache, PrefixMatch } from '../cache/prefix-cache.js'
import type { Batch, BatchChunk, BatchLimits } from './batch.js'
import { addChunks, type Room } from './chunks.js'
import { composeDecode } from './decode-rows.js'
import { type FeatureSource, pinFeatures, unpinFeatures } from './feature-pins.js'
import { admissionOrder, chooseMove, MAX_PASSED_OVER, shouldHoldBack } from './policy.js'
import type { Sequence } from './sequence.js'
import { positionsNeeded, positionsWanted, SlotMemory } from './slot-memory.js'

interface Store {
  readonly slot: number
  readonly position: number
  readonly page: number
}

const NO_MOVES: Batch['moves'] = []

/** Decides what each step computes. Touches no thread, clock or memory: state in, batch out. */
export class Scheduler {
  readonly limits: BatchLimits
  readonly #cache: PrefixCache
  readonly #features: FeatureSource
  readonly #waiting: Sequence[] = []
  readonly #running: Sequence[] = []
  readonly #slots: (Sequence | null)[]
  readonly #memory: SlotMemory
  /** Some sequence was refused memory in the latest step. */
  #isTight = false
  /** Nobody who waits can be admitted before memory comes free. */
  #isFull = false
  #stores: Store[] = []

  constructor(limits: BatchLimits, cache: PrefixCache, features: FeatureSource) {
    this.limits = limits
    this.#cache = cache
    this.#features = features
    this.#slots = Array.from({ length: limits.numSlots }, () => null)
    this.#memory = new SlotMemory(limits, cache.pageSize)
  }

  get waiting(): readonly Sequence[] {
    return this.#waiting
  }

  get running(): readonly Sequence[] {
    return this.#running
  }

  /** Positions of slots that hold memory. */
  get heldTokens(): number {
    return this.#memory.held
  }

  /** Whether requests wait that could go on, or be given a slot, now or soon. */
  get someWait(): boolean {
    // Steps in one go could leave what a tight sequence holds.
    if (this.#isTight) return true
    return this.#waiting.length > 0 && this.#running.length < this.#slots.length && !this.#isFull
  }

  add(sequence: Sequence): void {
    this.#isFull = false
    this.#waiting.push(sequence)
  }

  /** The next batch; null when nothing can be computed now. The caller must run it and then call `computed`. */
  compose(): Batch | null {
    const stores = this.#stores
    this.#stores = []
    const loads: Batch['loads'][number][] = []
    const moves = this.#moves()
    const stalled = this.#grow()
    // Holes between decoding slots take a row of logits too.
    const rows = this.limits.maxLogitRows - this.limits.numSlots
    const room: Room = { tokens: this.limits.maxChunk, rows, nextLogit: 0 }
    const chunks: BatchChunk[] = []
    // Short forced runs first: they are decode steps in all but name and must not wait behind a long prompt.
    const pending = this.#running.filter(sequence => !sequence.isDecoding && !stalled.has(sequence))
    pending.sort((a, b) => Number(a.isPrefilling) - Number(b.isPrefilling))
    for (const sequence of pending) addChunks(sequence, room, chunks, this.limits.maxChunks)
    for (const sequence of this.#admit(room.tokens, loads)) {
      if (!sequence.isDecoding) addChunks(sequence, room, chunks, this.limits.maxChunks)
    }
    const decode = composeDecode(this.#slots, chunks, room.nextLogit, this.limits.slotCapacity, stalled)
    if (chunks.length === 0 && !decode) {
      this.#stores = stores
      return null
    }
    return { stores, moves, trims: this.#memory.takeTrims(), loads, chunks, decode }
  }

  /** Takes the pending copies into the cache alone, for an engine that wants the books closed while idle. */
  composeStores(): Batch | null {
    if (this.#stores.length === 0) return null
    const stores = this.#stores
    this.#stores = []
    return { stores, moves: [], trims: this.#memory.takeTrims(), loads: [], chunks: [], decode: null }
  }

  /** Books what a batch computed. To be called once after each batch ran, before tokens are appended. */
  computed(batch: Batch): void {
    for (const chunk of batch.chunks) {
      const { sequence } = chunk
      if (chunk.branch) continue
      const wasPrefilling = sequence.isPrefilling
      sequence.computed = chunk.start + chunk.count
      unpinFeatures(this.#features, sequence, sequence.computed)
      if (wasPrefilling) this.#keep(sequence)
    }
    this.decoded(batch)
  }

  /** Books one more step of the decode rows that still run. */
  decoded(batch: Batch): void {
    for (const sequence of batch.decode?.rows ?? []) {
      // Rows that ended or failed in an earlier step of the same batch have nothing pending.
      if (sequence && sequence.slot !== null && sequence.pending > 0) sequence.computed++
    }
  }

  /** Ends a sequence in any state: caches what it computed (unless `keep` is false), frees its slot and pins. */
  finish(sequence: Sequence, keep = true): void {
    this.#isFull = false
    const at = this.#waiting.indexOf(sequence)
    if (at >= 0) this.#waiting.splice(at, 1)
    const index = this.#running.indexOf(sequence)
    if (index < 0) return
    this.#running.splice(index, 1)
    if (keep && sequence.computed > sequence.stored) this.#insert(sequence, sequence.computed)
    unpinFeatures(this.#features, sequence, Number.POSITIVE_INFINITY)
    if (sequence.node) this.#cache.unlock(sequence.node)
    sequence.node = null
    this.#slots[sequence.slot!] = null
    this.#memory.release(sequence.slot!)
    sequence.slot = null
  }

  /** After a step failed nothing that it touched can be trusted: forgets pending copies. Sequences must be finished first. */
  dropStores(): void {
    this.#stores = []
    this.#memory.reset()
  }

  /** Throws unless slots, running sequences, locks and pins agree. */
  checkIntegrity(): void {
    const seated = this.#slots.filter(sequence => sequence !== null).length
    if (seated !== this.#running.length)
      throw new Error(`scheduler: ${seated} slots taken, ${this.#running.length} running`)
    for (const sequence of this.#running) {
      if (sequence.slot === null || this.#slots[sequence.slot] !== sequence) {
        throw new Error(`scheduler: ${sequence.id} does not sit in its slot`)
      }
      if (sequence.computed > sequence.length) throw new Error(`scheduler: ${sequence.id} computed more than it has`)
    }
    for (const sequence of this.#waiting) {
      if (sequence.slot !== null || sequence.node !== null) throw new Error(`scheduler: ${sequence.id} waits but holds`)
    }
    this.#cache.checkIntegrity()
    this.#memory.checkIntegrity()
    if (this.#running.length === 0 && this.#cache.counts().inUse > 0) {
      throw new Error('scheduler: nothing runs, yet pages are in use')
    }
  }

  #moves(): Batch['moves'] {
    if (this.#running.length === this.#slots.length) return NO_MOVES
    const decoding: number[] = []
    const free: number[] = []
    this.#slots.forEach((sequence, slot) => {
      if (!sequence) free.push(slot)
      else if (sequence.isDecoding) decoding.push(slot)
    })
    const move = chooseMove(decoding, free)
    if (!move) return NO_MOVES
    const sequence = this.#slots[move.from]!
    if (!this.#memory.move(move.from, move.to, positionsWanted(sequence))) return NO_MOVES
    this.#slots[move.from] = null
    this.#slots[move.to] = sequence
    sequence.slot = move.to
    return [{ ...move, length: sequence.computed }]
  }

  /** Gives running sequences the memory that they grow into; those for which there is none now, the latest come first. */
  #grow(): ReadonlySet<Sequence> {
    const stalled = new Set<Sequence>()
    this.#isTight = false
    for (const sequence of this.#running) {
      const slot = sequence.slot!
      const isRefused = !this.#memory.grow(slot, positionsWanted(sequence))
      const isStalled = isRefused && !this.#memory.grow(slot, positionsNeeded(sequence))
      if (isRefused) this.#isTight = true
      if (isStalled) stalled.add(sequence)
      sequence.stalledSteps = isStalled ? sequence.stalledSteps + 1 : 0
    }
    return stalled
  }

  #admit(tokens: number, loads: Batch['loads'][number][]): Sequence[] {
    const admitted: Sequence[] = []
    if (this.#waiting.length === 0 || !this.#slots.includes(null) || tokens <= 0 || this.#isFull) return admitted
    // One that needs much at once would otherwise wait as long as small requests come.
    if (this.#running.some(sequence => sequence.stalledSteps > MAX_PASSED_OVER)) return admitted
    const lengths = new Map<Sequence, number>()
    const cachedLength = (sequence: Sequence): number => {
      const length = this.#cache.peek(sequence.namespace, sequence.elements(0, sequence.reusable))
      lengths.set(sequence, length)
      return length
    }
    let budget = tokens
    let numTried = 0
    let numRefused = 0
    for (const sequence of admissionOrder(this.#waiting, cachedLength)) {
      if (budget <= 0) break
      const slot = this.#slots.indexOf(null)
      if (slot < 0) break
      numTried++
      const cached = lengths.get(sequence) ?? cachedLength(sequence)
      // Nothing is gained by waiting for a prefix that cannot be kept.
      const mayFind = this.#cache.numPages > 0
      if (mayFind && shouldHoldBack(sequence, cached, this.#running, this.#cache.pageSize)) continue
      if (!this.#memory.seat(slot, positionsWanted(sequence), sequence.capacity)) {
        numRefused++
        // Smaller ones may go first, but not for ever.
        if (sequence.passedOver >= MAX_PASSED_OVER) break
        continue
      }
      const match = this.#cache.match(sequence.namespace, sequence.elements(0, sequence.reusable))
      if (!pinFeatures(this.#features, sequence, match.length)) {
        this.#memory.release(slot)
        continue
      }
      this.#seat(sequence, slot, match, loads)
      admitted.push(sequence)
      budget -= sequence.pending
    }
    this.#isFull = numTried > 0 && numRefused === numTried
    return admitted
  }

  #seat(sequence: Sequence, slot: number, match: PrefixMatch, loads: Batch['loads'][number][]): void {
    this.#cache.lock(match.node)
    sequence.node = match.node
    sequence.slot = slot
    sequence.computed = sequence.cached = sequence.stored = match.length
    this.#slots[slot] = sequence
    this.#running.push(sequence)
    const arrival = this.#waiting.indexOf(sequence)
    for (const earlier of this.#waiting.slice(0, arrival)) earlier.passedOver++
    this.#waiting.splice(arrival, 1)
    match.pages.forEach((page, index) => {
      loads.push({ page, slot, position: index * this.#cache.pageSize })
    })
  }

  /** Caches a prompt as far as it is computed, so that requests held back find it. */
  #keep(sequence: Sequence): void {
    const end = sequence.isPrefilling
      ? sequence.computed - (sequence.computed % this.#cache.pageSize)
      : sequence.computed
    if (end > sequence.stored) this.#insert(sequence, end)
  }

  #insert(sequence: Sequence, end: number): void {
    // Unlocked first, so that the sequence's own earlier tail can give way; the insert guards the path that it extends.
    if (sequence.node) this.#cache.unlock(sequence.node)
    const { node, added } = this.#cache.insert(sequence.namespace, sequence.elements(0, end))
    this.#cache.lock(node)
    sequence.node = node
    sequence.stored = end
    for (const { index, page } of added) {
      this.#stores.push({ slot: sequence.slot!, position: index * this.#cache.pageSize, page })
    }
  }
}
