import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type LayerMemory, SlotAttention } from '../../kernels/attention/slots.js'
import { EMPTY_PLAN, pageBytesPerLayer, type StepPlan, slotBytesPerLayer } from '../../kernels/layout.js'
import type { DecoderGeometry } from '../../kernels/protocol.js'

const shape = { numLayers: 2, numKvHeads: 3, headDim: 2 }
const geometry: DecoderGeometry = {
  numSlots: 4,
  slotCapacity: 11,
  numPages: 5,
  pageSize: 4,
  maxChunk: 8,
  maxLogitRows: 8,
}
const { numSlots, slotCapacity, numPages, pageSize } = geometry

type Copies = Pick<StepPlan, 'stores' | 'moves' | 'trims' | 'loads'>

/** What memory that was given back reads as. */
const zero = (buffer: SharedArrayBuffer, start: number, end: number): void => {
  new Uint8Array(buffer, start, end - start).fill(0)
}

const slot = fc.nat({ max: numSlots - 1 })
const page = fc.nat({ max: numPages - 1 })
const position = fc.nat({ max: slotCapacity - pageSize })
const copies: fc.Arbitrary<Copies> = fc.record({
  stores: fc.array(fc.record({ slot, position, page }), { maxLength: 5 }),
  moves: fc.array(fc.record({ from: slot, to: slot, length: fc.nat({ max: slotCapacity }) }), { maxLength: 5 }),
  trims: fc.array(slot, { maxLength: 2 }),
  loads: fc.array(fc.record({ page, slot, position }), { maxLength: 5 }),
})

t.test('copies do what a walk over single elements by their coordinates does', async t => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(copies, copies => {
        const memory = numberedMemory()
        const expected = memory.map(({ slots, pages }) =>
          naive(copies, new Float32Array(slots), new Float32Array(pages)),
        )
        new SlotAttention(shape, geometry, memory, zero).copy(copies)
        const after = memory.map(({ slots, pages }) => ({
          slots: new Float32Array(slots),
          pages: new Float32Array(pages),
        }))
        assert.deepStrictEqual(after, expected)
      }),
      { numRuns: 100, seed: 1 },
    ),
  )
})

t.test('a trim without a way to give memory back is refused', async t => {
  const attention = new SlotAttention(shape, geometry, numberedMemory())
  t.throws(() => attention.copy({ ...EMPTY_PLAN, trims: [1] }), /takes no memory back/)
  t.throws(
    () => new SlotAttention(shape, geometry, numberedMemory(), zero).copy({ ...EMPTY_PLAN, trims: [4] }),
    RangeError,
  )
})

t.test('tensors of a range lie where the layout says and are the same objects again', async t => {
  const memory = numberedMemory()
  const attention = new SlotAttention(shape, geometry, memory)
  const { past, present } = attention.tensors(1, 2)
  const slotBytes = shape.numKvHeads * slotCapacity * shape.headDim * 4
  t.same(Object.keys(past), ['past_key_0', 'past_value_0', 'past_key_1', 'past_value_1'])
  t.equal(past.past_key_1?.buffer, memory[1]?.slots)
  t.equal(past.past_key_1?.byteOffset, slotBytes)
  t.equal(past.past_value_1?.byteOffset, (numSlots + 1) * slotBytes)
  t.same(past.past_value_1?.shape, [2, shape.numKvHeads, slotCapacity, shape.headDim])
  t.equal(past.past_key_0, present.present_key_0, 'a step appends in place')
  t.equal(attention.tensors(1, 2).past, past)
  t.not(attention.tensors(1, 3).past, past)
})

t.test('a plan that leaves its memory is refused before it is run', async t => {
  const attention = new SlotAttention(shape, geometry, numberedMemory())
  const refuse = (plan: Partial<Copies>, message: string): void => {
    t.throws(() => attention.copy({ ...EMPTY_PLAN, ...plan }), new RangeError(message))
  }
  refuse({ stores: [{ slot: 4, position: 0, page: 0 }] }, 'slot 4 of 4')
  refuse({ stores: [{ slot: 0, position: 8, page: 0 }] }, 'page at position 8 of a slot of 11 positions')
  refuse({ loads: [{ slot: 0, position: 0, page: 5 }] }, 'page 5 of 5')
  refuse({ moves: [{ from: 0, to: -1, length: 1 }] }, 'slot -1 of 4')
  refuse({ moves: [{ from: 0, to: 1, length: 12 }] }, 'move of 12 positions; a slot has 11')
  t.throws(() => attention.tensors(3, 2), new RangeError('slot 4 of 4'))
})

t.test('memory that is too small or for another model is refused', async t => {
  const memory = numberedMemory()
  t.throws(() => new SlotAttention(shape, geometry, memory.slice(1)), RangeError)
  t.throws(() => new SlotAttention(shape, { ...geometry, numSlots: 5 }, memory), RangeError)
  t.throws(() => new SlotAttention(shape, { ...geometry, numPages: 6 }, memory), RangeError)
})

/** Every element of all layers is different. */
function numberedMemory(): LayerMemory[] {
  let next = 1
  const numbered = (bytes: number): SharedArrayBuffer => {
    const buffer = new SharedArrayBuffer(bytes)
    const elements = new Float32Array(buffer)
    for (let i = 0; i < elements.length; i++) elements[i] = next++
    return buffer
  }
  return Array.from({ length: shape.numLayers }, () => ({
    slots: numbered(slotBytesPerLayer(shape, numSlots, slotCapacity)),
    pages: numbered(pageBytesPerLayer(shape, numPages, pageSize)),
  }))
}

interface Layer {
  readonly slots: Float32Array
  readonly pages: Float32Array
}

/** The oracle: one layer's copies element by element, on copies of its memory. */
function naive(copies: Copies, slotMemory: Float32Array, pageMemory: Float32Array): Layer {
  const slots = slotMemory.slice()
  const pages = pageMemory.slice()
  const inSlot = (part: number, slot: number, head: number, position: number, i: number): number =>
    (((part * numSlots + slot) * shape.numKvHeads + head) * slotCapacity + position) * shape.headDim + i
  const inPage = (part: number, page: number, head: number, position: number, i: number): number =>
    (((page * 2 + part) * shape.numKvHeads + head) * pageSize + position) * shape.headDim + i
  const each = (length: number, visit: (part: number, head: number, position: number, i: number) => void): void => {
    for (let part = 0; part < 2; part++)
      for (let head = 0; head < shape.numKvHeads; head++)
        for (let position = 0; position < length; position++)
          for (let i = 0; i < shape.headDim; i++) visit(part, head, position, i)
  }
  for (const { slot, position, page } of copies.stores)
    each(pageSize, (part, head, at, i) => {
      pages[inPage(part, page, head, at, i)] = slots[inSlot(part, slot, head, position + at, i)]!
    })
  for (const { from, to, length } of copies.moves)
    each(length, (part, head, at, i) => {
      slots[inSlot(part, to, head, at, i)] = slots[inSlot(part, from, head, at, i)]!
    })
  for (const slot of copies.trims)
    each(slotCapacity, (part, head, at, i) => {
      slots[inSlot(part, slot, head, at, i)] = 0
    })
  for (const { page, slot, position } of copies.loads)
    each(pageSize, (part, head, at, i) => {
      slots[inSlot(part, slot, head, position + at, i)] = pages[inPage(part, page, head, at, i)]!
    })
  return { slots, pages }
}
