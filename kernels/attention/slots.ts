import { FLOAT_BYTES, type KvShape, type StepPlan } from '../layout.js'
import type { BoundTensor, GiveBack } from '../ort/index.js'
import type { DecoderGeometry } from '../protocol.js'
import type { KeyValueBackend, KeyValueTensors } from './backend.js'

export interface LayerMemory {
  /** [2 (key, value), slots, kvHeads, slotCapacity, headDim] f32 */
  readonly slots: SharedArrayBuffer
  /** [pages, 2 (key, value), kvHeads, pageSize, headDim] f32 */
  readonly pages: SharedArrayBuffer
}

/** Ranges whose tensors are remembered; past that many all are forgotten and made anew. */
const MAX_RANGES = 512

/**
 * One slot of contiguous keys and values for each running sequence, as GroupQueryAttention wants them; pages are copied
 * in and out. Throws RangeError when the memory is smaller than shape and geometry say.
 */
export class SlotAttention implements KeyValueBackend {
  readonly #shape: KvShape
  readonly #giveBack: GiveBack | null
  readonly #geometry: DecoderGeometry
  readonly #layers: readonly { readonly slots: Float32Array; readonly pages: Float32Array }[]
  readonly #memory: readonly LayerMemory[]
  readonly #ranges = new Map<number, KeyValueTensors>()
  /** Elements of the keys (or the values) of one head and of one slot. */
  readonly #headStride: number
  readonly #slotStride: number

  /** @param giveBack for plans that trim slots; without it they are an error. */
  constructor(
    shape: KvShape,
    geometry: DecoderGeometry,
    memory: readonly LayerMemory[],
    giveBack: GiveBack | null = null,
  ) {
    this.#shape = shape
    this.#giveBack = giveBack
    this.#geometry = geometry
    this.#memory = memory
    this.#headStride = geometry.slotCapacity * shape.headDim
    this.#slotStride = shape.numKvHeads * this.#headStride
    const slotElements = 2 * geometry.numSlots * this.#slotStride
    const pageElements = 2 * geometry.numPages * shape.numKvHeads * geometry.pageSize * shape.headDim
    if (memory.length !== shape.numLayers)
      throw new RangeError(`key/value memory for ${memory.length} layers; the model has ${shape.numLayers}`)
    // A view of fixed length throws RangeError when its buffer is shorter.
    this.#layers = memory.map(({ slots, pages }) => ({
      slots: new Float32Array(slots, 0, slotElements),
      pages: new Float32Array(pages, 0, pageElements),
    }))
  }

  copy(plan: Pick<StepPlan, 'stores' | 'moves' | 'trims' | 'loads'>): void {
    for (const { slot, position, page } of plan.stores) this.#copyPage(slot, position, page, 'store')
    for (const { from, to, length } of plan.moves) this.#move(from, to, length)
    for (const slot of plan.trims) this.#trim(slot)
    for (const { page, slot, position } of plan.loads) this.#copyPage(slot, position, page, 'load')
  }

  tensors(first: number, count: number): KeyValueTensors {
    const key = first * (this.#geometry.numSlots + 1) + count
    let tensors = this.#ranges.get(key)
    if (tensors === undefined) {
      this.#checkSlot(first)
      this.#checkSlot(first + count - 1)
      if (this.#ranges.size >= MAX_RANGES) this.#ranges.clear()
      tensors = this.#makeTensors(first, count)
      this.#ranges.set(key, tensors)
    }
    return tensors
  }

  #makeTensors(first: number, count: number): KeyValueTensors {
    const { numKvHeads, headDim } = this.#shape
    const { numSlots, slotCapacity } = this.#geometry
    const shape = [count, numKvHeads, slotCapacity, headDim]
    const past: Record<string, BoundTensor> = {}
    const present: Record<string, BoundTensor> = {}
    this.#memory.forEach(({ slots: buffer }, layer) => {
      const keyOffset = first * this.#slotStride * FLOAT_BYTES
      const valueOffset = (numSlots + first) * this.#slotStride * FLOAT_BYTES
      const key: BoundTensor = { type: 'float32', shape, buffer, byteOffset: keyOffset, kept: true }
      const value: BoundTensor = { type: 'float32', shape, buffer, byteOffset: valueOffset, kept: true }
      past[`past_key_${layer}`] = present[`present_key_${layer}`] = key
      past[`past_value_${layer}`] = present[`present_value_${layer}`] = value
    })
    return { past, present }
  }

  #copyPage(slot: number, position: number, page: number, direction: 'store' | 'load'): void {
    const { numKvHeads, headDim } = this.#shape
    const { numSlots, numPages, pageSize, slotCapacity } = this.#geometry
    this.#checkSlot(slot)
    if (position < 0 || position + pageSize > slotCapacity)
      throw new RangeError(`page at position ${position} of a slot of ${slotCapacity} positions`)
    if (page < 0 || page >= numPages) throw new RangeError(`page ${page} of ${numPages}`)
    const run = pageSize * headDim
    for (const { slots, pages } of this.#layers) {
      for (let part = 0; part < 2; part++) {
        let inSlot = (part * numSlots + slot) * this.#slotStride + position * headDim
        let inPage = (page * 2 + part) * numKvHeads * run
        for (let head = 0; head < numKvHeads; head++) {
          if (direction === 'store') pages.set(slots.subarray(inSlot, inSlot + run), inPage)
          else slots.set(pages.subarray(inPage, inPage + run), inSlot)
          inSlot += this.#headStride
          inPage += run
        }
      }
    }
  }

  #move(from: number, to: number, length: number): void {
    this.#checkSlot(from)
    this.#checkSlot(to)
    if (length < 0 || length > this.#geometry.slotCapacity)
      throw new RangeError(`move of ${length} positions; a slot has ${this.#geometry.slotCapacity}`)
    const run = length * this.#shape.headDim
    for (const { slots } of this.#layers) {
      for (let part = 0; part < 2; part++) {
        let source = (part * this.#geometry.numSlots + from) * this.#slotStride
        let target = (part * this.#geometry.numSlots + to) * this.#slotStride
        for (let head = 0; head < this.#shape.numKvHeads; head++) {
          slots.copyWithin(target, source, source + run)
          source += this.#headStride
          target += this.#headStride
        }
      }
    }
  }

  #trim(slot: number): void {
    this.#checkSlot(slot)
    if (this.#giveBack === null) throw new Error('a slot is to be trimmed on a system that takes no memory back')
    const slotBytes = this.#slotStride * FLOAT_BYTES
    for (const { slots } of this.#memory) {
      for (const place of [slot, this.#geometry.numSlots + slot]) {
        this.#giveBack(slots, place * slotBytes, (place + 1) * slotBytes)
      }
    }
  }

  #checkSlot(slot: number): void {
    if (slot < 0 || slot >= this.#geometry.numSlots) throw new RangeError(`slot ${slot} of ${this.#geometry.numSlots}`)
  }
}
