import type { BatchRunner } from '../../runtime/engine/core.js'
import type { Batch, BatchDecode } from '../../runtime/scheduler/batch.js'
import type { Sequence } from '../../runtime/scheduler/sequence.js'

export const VOCABULARY = 11

const NO_LOGITS = new Float32Array(VOCABULARY).fill(Number.NaN)

/**
 * A model without weights: the logits after a position are a hash of everything that the slot holds up to it. Slots and
 * pages are plain arrays that stores, moves, loads, chunks and dummy rows change as the kernel would, so any mistake in
 * the bookkeeping of memory changes the text.
 */
export class ScriptedRunner implements BatchRunner {
  readonly #slots: number[][]
  readonly #pages = new Map<number, number[]>()
  readonly #rows: Float32Array[] = []
  readonly #pageSize: number
  /** Steps so far; tokens fed in chunks, by kind. */
  readonly counts = { steps: 0, tokens: 0, imageTokens: 0, decodeRows: 0, holes: 0, moves: 0, trims: 0, loads: 0 }
  /** Throws in the forward of this step (1-based), once. */
  failAt: number | null = null
  /** Whether it can be made usable again after that. */
  isLost = false
  loads = 0
  readonly #check: (batch: Batch) => void

  /** Positions of each slot that were written since it was trimmed last, dummy rows left out. */
  readonly #written: number[]
  readonly #slotTokens: number

  /**
   * @param check throws when a batch is not what a kernel may be given.
   * @param slotTokens positions that all slots together may have written.
   */
  constructor(
    numSlots: number,
    pageSize: number,
    check: (batch: Batch) => void = () => {},
    slotTokens = Number.POSITIVE_INFINITY,
  ) {
    this.#check = check
    this.#slots = Array.from({ length: numSlots }, () => [])
    this.#written = this.#slots.map(() => 0)
    this.#pageSize = pageSize
    this.#slotTokens = slotTokens
  }

  #write(slot: number, end: number): void {
    this.#written[slot] = Math.max(this.#written[slot]!, end)
    const all = this.#written.reduce((sum, written) => sum + written, 0)
    if (all > this.#slotTokens) throw new Error(`${all} positions written; there is memory for ${this.#slotTokens}`)
  }

  async forward(batch: Batch): Promise<{ readonly forwardMs: number }> {
    const begun = performance.now()
    // As with a worker thread, requests come and go while a step runs.
    await new Promise(resolve => setImmediate(resolve))
    this.counts.steps++
    this.#check(batch)
    if (this.failAt === this.counts.steps) throw new Error('the scripted runner fails as asked')
    this.#copy(batch)
    this.#rows.length = 0
    for (const chunk of batch.chunks) this.#feedChunk(chunk)
    const { decode } = batch
    if (decode) for (let step = 0; step < decode.steps; step++) this.#decode(decode, step)
    return { forwardMs: performance.now() - begun }
  }

  #decode({ rows, firstSlot, firstLogit, lengths, tokenIds }: BatchDecode, step: number): void {
    rows.forEach((sequence, index) => {
      const slot = this.#slots[firstSlot + index]!
      const row = firstLogit + step * rows.length + index
      slot[lengths[index]! + step] = step === 0 ? tokenIds[index]! : likeliest(this.logits(row - rows.length))
      // A hole's token may lie beyond what the slot holds, and nobody reads its logits.
      this.#rows[row] = sequence ? logitsAfter(slot, lengths[index]! + step) : NO_LOGITS
      if (sequence) {
        this.#write(firstSlot + index, lengths[index]! + step + 1)
        this.counts.decodeRows++
      } else this.counts.holes++
    })
  }

  logits(row: number): Float32Array {
    const logits = this.#rows[row]
    if (!logits) throw new Error(`no logits in row ${row}`)
    return logits
  }

  async load(): Promise<void> {
    this.loads++
    if (this.isLost) throw new Error('the scripted runner is lost for good')
  }

  #copy(batch: Batch): void {
    for (const { slot, position, page } of batch.stores) {
      this.#pages.set(page, this.#slots[slot]!.slice(position, position + this.#pageSize))
    }
    for (const { from, to, length } of batch.moves) {
      this.#slots[to] = this.#slots[from]!.slice(0, length)
      this.#slots[from] = []
      this.counts.moves++
    }
    for (const slot of batch.trims) {
      this.#slots[slot] = []
      this.#written[slot] = 0
      this.counts.trims++
    }
    // Between a move and the trim that follows it both slots hold the sequence.
    for (const { to, length } of batch.moves) this.#write(to, length)
    for (const { page, slot, position } of batch.loads) {
      const held = this.#pages.get(page)
      if (!held) throw new Error(`page ${page} is loaded but was never stored`)
      held.forEach((element, index) => {
        this.#slots[slot]![position + index] = element
      })
      this.#write(slot, position + held.length)
      this.counts.loads++
    }
  }

  #feedChunk({ sequence, slot, start, count, branch, logitRows, firstLogit }: Batch['chunks'][number]): void {
    const memory = this.#slots[slot]!
    this.#write(slot, start + count)
    for (let index = 0; index < count; index++) {
      memory[start + index] = branch ? branch.ids[index]! : fedElement(sequence, start + index)
      this.counts.tokens++
      if (memory[start + index]! < 0) this.counts.imageTokens++
    }
    logitRows.forEach((row, index) => {
      this.#rows[firstLogit + index] = logitsAfter(memory, start + row)
    })
  }
}

function fedElement(sequence: Sequence, position: number): number {
  const element = sequence.elements()[position]!
  if (element >= 0) return element
  const index = sequence.spans.findIndex(span => position >= span.start && position < span.start + span.count)
  if (sequence.featureRows[index] === null) throw new Error(`position ${position} is fed without features`)
  return element
}

/** The logits that the scripted model gives after `elements[0 .. position]`; the naive path of every test. */
export function logitsAfter(elements: readonly number[], position: number): Float32Array {
  let hash = 0x811c9dc5
  for (let at = 0; at <= position; at++) {
    if (elements[at] === undefined) throw new Error(`position ${at} is read but was never computed`)
    hash = Math.imul(hash ^ (elements[at]! + 7), 0x01000193)
    hash ^= hash >>> 15
  }
  return Float32Array.from({ length: VOCABULARY }, (_, id) => {
    const mixed = Math.imul(hash ^ (id * 0x9e3779b9), 0x85ebca6b)
    return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 30
  })
}

/** Greedy text of the scripted model, computed without any machinery. */
export function greedyReference(prompt: readonly number[], maxTokens: number, stopId: number): number[] {
  const elements = [...prompt]
  const output: number[] = []
  while (output.length < maxTokens) {
    const logits = logitsAfter(elements, elements.length - 1)
    const best = likeliest(logits)
    if (best === stopId) break
    output.push(best)
    elements.push(best)
  }
  return output
}

function likeliest(logits: Float32Array): number {
  return logits.indexOf(Math.max(...logits))
}
