import { type DecodeRows, EMPTY_PLAN, type Segment, type StepPlan } from '../../kernels/layout.js'
import type { DecoderGeometry } from '../../kernels/protocol.js'
import { TINY, type TinyDecoder } from './tiny-graphs.js'

/** A token id, or a row of the features region. */
export type Input = { readonly token: number } | { readonly feature: number }

/** What a running sequence should hold in its slot, and where. */
export interface Sequence {
  slot: number
  readonly inputs: Input[]
}

export interface WantedRow {
  readonly sequence: Sequence
  /** Inputs up to and including the position whose logits are wanted. */
  readonly length: number
}

/** A plan and, in the order of the logits region, what each of its rows belongs to. */
export interface PlannedStep {
  readonly plan: StepPlan
  readonly wanted: WantedRow[]
  /** The sequences that decode, by row. After several steps at once, it is for the caller to add what was fed between them. */
  readonly decoding: readonly Sequence[]
}

/** Most steps of one decode. */
export const MAX_STEPS = 3

/**
 * A scheduler that draws lots: running sequences sit in slots 0 .. n - 1; every step takes up new ones, decodes some,
 * ends some, and keeps and reuses pages, in all the orders that the plan's format allows. `random` gives a whole number
 * below its argument.
 */
export class RandomPlanner {
  readonly #geometry: DecoderGeometry
  readonly #featureRows: number
  readonly #random: (below: number) => number
  readonly #running: Sequence[] = []
  /** By page: the inputs whose keys and values it holds, from the first of their sequence on. */
  readonly #pages = new Map<number, readonly Input[]>()

  constructor(geometry: DecoderGeometry, featureRows: number, random: (below: number) => number) {
    this.#geometry = geometry
    this.#featureRows = featureRows
    this.#random = random
  }

  next(): PlannedStep {
    const stores = this.#store()
    const moves = this.#end()
    const wanted: WantedRow[] = []
    const decode = this.#decode()
    const decoding = this.#running.slice(0, decode?.tokenIds.length ?? 0)
    const { loads, prefills } = this.#admit(wanted)
    for (const sequence of decoding) wanted.push({ sequence, length: sequence.inputs.length })
    return { plan: { ...EMPTY_PLAN, stores, moves, loads, prefills, decode }, wanted, decoding }
  }

  /** Keeps the first page of some sequence. Only what earlier steps computed: stores come first in a step. */
  #store(): StepPlan['stores'] {
    const { pageSize, numPages } = this.#geometry
    const full = this.#running.filter(sequence => sequence.inputs.length >= pageSize)
    if (full.length === 0 || this.#random(2) === 0) return []
    const { slot, inputs } = full[this.#random(full.length)]!
    const page = this.#random(numPages)
    this.#pages.set(page, inputs.slice(0, pageSize))
    return [{ slot, position: 0, page }]
  }

  /** Ends a sequence now and then, or when it is full, and closes the hole with the last one. */
  #end(): StepPlan['moves'] {
    const full = this.#running.findIndex(({ inputs }) => inputs.length + 1 > this.#geometry.slotCapacity)
    const ended = full >= 0 ? full : this.#random(4 * this.#running.length + 1)
    if (ended >= this.#running.length) return []
    const last = this.#running.pop()!
    if (ended === this.#running.length) return []
    const move = { from: last.slot, to: ended, length: last.inputs.length }
    last.slot = ended
    this.#running[ended] = last
    return [move]
  }

  /** One token for each of the first rows that have room, and perhaps more steps where all have. */
  #decode(): DecodeRows | null {
    const isFull = ({ inputs }: Sequence): boolean => inputs.length + 1 > this.#geometry.slotCapacity
    const firstFull = this.#running.findIndex(isFull)
    const rows = this.#running.slice(0, firstFull < 0 ? undefined : firstFull)
    if (rows.length === 0) return null
    const lengths = rows.map(({ inputs }) => inputs.length)
    const tokenIds = rows.map(() => this.#random(TINY.vocabRows))
    rows.forEach(({ inputs }, row) => {
      inputs.push({ token: tokenIds[row]! })
    })
    const room = this.#geometry.slotCapacity - Math.max(...lengths)
    return { firstSlot: 0, tokenIds, lengths, steps: 1 + this.#random(Math.min(room, MAX_STEPS)) }
  }

  /** A new sequence, perhaps after a cached page, in one or two chunks. */
  #admit(wanted: WantedRow[]): Pick<StepPlan, 'loads' | 'prefills'> {
    const { numSlots, slotCapacity, maxChunk } = this.#geometry
    const slot = this.#running.length
    if (slot === numSlots || this.#random(3) === 0) return { loads: [], prefills: [] }
    const pages = [...this.#pages]
    const cached = pages.length > 0 && this.#random(2) === 0 ? pages[this.#random(pages.length)]! : null
    const sequence: Sequence = { slot, inputs: [...(cached?.[1] ?? [])] }
    this.#running.push(sequence)
    const prefills: StepPlan['prefills'][number][] = []
    for (let chunk = 0; chunk <= this.#random(2); chunk++) {
      const start = sequence.inputs.length
      const length = Math.min(1 + this.#random(maxChunk), slotCapacity - start)
      if (length < 1) break
      const segments: Segment[] = []
      for (let rest = length; rest > 0; ) {
        const segment = this.#segment(1 + this.#random(rest))
        const inputs: Input[] =
          segment.kind === 'tokens'
            ? Array.from(segment.ids, token => ({ token }))
            : Array.from({ length: segment.count }, (_, i) => ({ feature: segment.row + i }))
        sequence.inputs.push(...inputs)
        segments.push(segment)
        rest -= inputs.length
      }
      const logitRows = Array.from({ length }, (_, row) => row).filter(() => this.#random(4) === 0)
      for (const row of logitRows) wanted.push({ sequence, length: start + row + 1 })
      prefills.push({ slot, start, segments, logitRows })
    }
    return { loads: cached ? [{ page: cached[0], slot, position: 0 }] : [], prefills }
  }

  #segment(length: number): Segment {
    if (this.#random(2) === 0)
      return { kind: 'tokens', ids: Array.from({ length }, () => this.#random(TINY.vocabRows)) }
    const count = Math.min(length, this.#featureRows)
    return { kind: 'features', row: this.#random(this.#featureRows - count + 1), count }
  }
}

/** Input rows of a sequence, [length, hiddenSize]. */
export function embed(inputs: readonly Input[], decoder: TinyDecoder, features: Float32Array): Float32Array[] {
  return inputs.map(input => {
    const [table, row] = 'token' in input ? [decoder.embeddings, input.token] : [features, input.feature]
    return table.subarray(row * TINY.hiddenSize, (row + 1) * TINY.hiddenSize)
  })
}
