import type { Sequence } from './sequence.js'

/** Positions that a sequence may grow by between two looks at its memory: steps of a stretch that the worker runs by itself. */
export const LOOKAHEAD = 64

/** Positions asked for at a time beyond that, so that a growing sequence asks seldom. */
const GROWTH = 256

/** Positions that a sequence may write in a stretch of steps. */
export function positionsWanted(sequence: Sequence): number {
  return Math.min(sequence.capacity, positionsNeeded(sequence) + LOOKAHEAD)
}

/** Positions that it may write in one step; options of a select lie anywhere up to its end. */
export function positionsNeeded(sequence: Sequence): number {
  return sequence.branches.length > 0 ? sequence.capacity : sequence.length
}

export interface SlotMemoryLimits {
  readonly numSlots: number
  readonly slotCapacity: number
  /** Positions for which there is memory, over all slots: at least one whole slot. */
  readonly slotTokens: number
}

interface Holding {
  /** Positions that hold memory or are promised it, whole pages. */
  held: number
  /** The most that the running sequence may ever ask for; null: the slot is free and its memory can be taken back. */
  claim: number | null
}

/**
 * Shares memory for fewer positions than the slots have out among them: an address range is as long as the longest
 * request, memory comes when it is written and is taken back from free slots. A sequence states the most that it will
 * need and grows as it goes; it is let grow only while all that run could still end one after the other, each with all
 * that it stated (Dijkstra's banker), so that running sequences never wait for each other for ever.
 */
export class SlotMemory {
  readonly #limits: SlotMemoryLimits
  readonly #pageSize: number
  readonly #slots: readonly Holding[]
  #trims: number[] = []

  constructor(limits: SlotMemoryLimits, pageSize: number) {
    if (limits.slotTokens < limits.slotCapacity)
      throw new RangeError(`memory for ${limits.slotTokens} positions; one slot has ${limits.slotCapacity}`)
    this.#limits = limits
    this.#pageSize = pageSize
    this.#slots = Array.from({ length: limits.numSlots }, () => ({ held: 0, claim: null }))
  }

  /** Positions that hold memory, those of free slots included. */
  get held(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.held, 0)
  }

  /** Seats a sequence that needs `needed` positions now and `claim` at most. False: not while the others run. */
  seat(slot: number, needed: number, claim: number): boolean {
    const wanted = this.#wholePages(needed)
    const { held } = this.#slots[slot]!
    const isTooMuch = this.#leavesTooMuch(slot, needed)
    if (!this.#take(slot, isTooMuch ? wanted : Math.max(held, wanted), claim)) return false
    if (isTooMuch) this.#trim(slot)
    return true
  }

  /** Sees to it that the slot's sequence can grow to `needed` positions. False: there is no memory for that now. */
  grow(slot: number, needed: number): boolean {
    const holding = this.#slots[slot]!
    const wanted = this.#wholePages(needed)
    if (wanted <= holding.held) return true
    const had = holding.held
    for (const more of [Math.min(holding.claim!, this.#wholePages(needed + GROWTH)), wanted]) {
      holding.held = more
      if (!this.#isSafe()) continue
      this.#takeBack()
      return true
    }
    holding.held = had
    return false
  }

  /** Moves a sequence that needs `needed` positions now to a free slot, or says that there is no memory for that. */
  move(from: number, to: number, needed: number): boolean {
    // Moves are made before trims, so a place that is to be trimmed first has to wait for the next step.
    if (this.#leavesTooMuch(to, needed)) {
      this.#slots[to]!.held = 0
      this.#trim(to)
    }
    if (this.#trims.includes(to)) return false
    const source = this.#slots[from]!
    const { claim } = source
    source.claim = null
    if (this.#take(to, Math.max(this.#slots[to]!.held, this.#wholePages(needed)), claim!)) return true
    source.claim = claim
    return false
  }

  /** The slot's sequence has ended; its memory stays for the next one unless others need it. */
  release(slot: number): void {
    this.#slots[slot]!.claim = null
  }

  /** After a step failed it is not known what was written or taken back: takes all back. No sequence may be seated. */
  reset(): void {
    for (const [slot, holding] of this.#slots.entries()) {
      holding.held = 0
      holding.claim = null
      if (!this.#isAmple) this.#trim(slot)
    }
  }

  /** Slots whose memory goes back before anything is written to them, since the last call. */
  takeTrims(): readonly number[] {
    const trims = this.#trims
    if (trims.length > 0) this.#trims = []
    return trims
  }

  checkIntegrity(): void {
    const { slotTokens, slotCapacity } = this.#limits
    if (this.held > slotTokens) throw new Error(`slot memory: ${this.held} positions held of ${slotTokens}`)
    for (const [slot, { held, claim }] of this.#slots.entries()) {
      if (held > slotCapacity || (claim ?? 0) > slotCapacity) throw new Error(`slot memory: slot ${slot} holds ${held}`)
    }
    if (!this.#isSafe()) throw new Error('slot memory: running sequences could wait for each other for ever')
  }

  /** All slots have all their memory: nothing is ever taken back. */
  get #isAmple(): boolean {
    const { numSlots, slotCapacity, slotTokens } = this.#limits
    return slotTokens >= numSlots * slotCapacity
  }

  /** What a longer sequence left in a free slot would be the next one's, and nobody else's, until that one ends. */
  #leavesTooMuch(slot: number, needed: number): boolean {
    return !this.#isAmple && this.#slots[slot]!.held > this.#wholePages(needed + GROWTH)
  }

  #trim(slot: number): void {
    if (!this.#trims.includes(slot)) this.#trims.push(slot)
  }

  /** Gives a free slot to a sequence, with this much memory, if all that run can still end. */
  #take(slot: number, held: number, claim: number): boolean {
    const free = this.#slots[slot]!
    const had = free.held
    free.claim = this.#wholePages(claim)
    free.held = held
    if (this.#isSafe()) {
      this.#takeBack()
      return true
    }
    free.held = had
    free.claim = null
    return false
  }

  #wholePages(positions: number): number {
    return Math.min(this.#limits.slotCapacity, Math.ceil(positions / this.#pageSize) * this.#pageSize)
  }

  /** Whether all running sequences can have all that they claim, one after the other, given what free slots hold. */
  #isSafe(): boolean {
    if (this.#isAmple) return true
    const running = this.#slots.filter(slot => slot.claim !== null)
    let left = this.#limits.slotTokens - running.reduce((sum, slot) => sum + slot.held, 0)
    if (left < 0) return false
    const missing = (slot: Holding): number => Math.max(0, slot.claim! - slot.held)
    for (const slot of running.sort((a, b) => missing(a) - missing(b))) {
      if (missing(slot) > left) return false
      left += slot.held
    }
    return true
  }

  /** Takes memory back from free slots, the one with the most first, until all that is held exists. */
  #takeBack(): void {
    let over = this.held - this.#limits.slotTokens
    while (over > 0) {
      const free = this.#slots.map((holding, slot) => ({ ...holding, slot })).filter(({ claim }) => claim === null)
      const { slot, held } = free.reduce((most, each) => (each.held > most.held ? each : most))
      over -= held
      this.#slots[slot]!.held = 0
      this.#trim(slot)
    }
  }
}
