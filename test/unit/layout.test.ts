import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  controlBytes,
  EMPTY_PLAN,
  kvBytesPerToken,
  pageBytesPerLayer,
  readPlan,
  type Segment,
  type StepPlan,
  slotBytesPerLayer,
  writePlan,
} from '../../kernels/layout.js'

const limits = { numSlots: 4, slotCapacity: 64, pageSize: 16, maxChunk: 24, maxLogitRows: 32, maxPrefills: 6 }

const slot = fc.nat({ max: limits.numSlots - 1 })
const position = fc.nat({ max: limits.slotCapacity - 1 })
const tokenId = fc.nat({ max: 2 ** 31 - 1 })
const segment: fc.Arbitrary<Segment> = fc.oneof(
  fc.record({ kind: fc.constant('tokens' as const), ids: fc.array(tokenId, { minLength: 1, maxLength: 4 }) }),
  fc.record({ kind: fc.constant('features' as const), row: fc.nat(1000), count: fc.integer({ min: 1, max: 4 }) }),
)
const plan: fc.Arbitrary<StepPlan> = fc.record({
  stores: fc.array(fc.record({ slot, position, page: fc.nat(99) }), { maxLength: 8 }),
  moves: fc.array(fc.record({ from: slot, to: slot, length: position }), { maxLength: limits.numSlots }),
  trims: fc.array(slot, { maxLength: limits.numSlots }),
  loads: fc.array(fc.record({ page: fc.nat(99), slot, position }), { maxLength: 8 }),
  prefills: fc.array(
    fc.record({
      slot,
      start: position,
      segments: fc.array(segment, { minLength: 1, maxLength: 1 }),
      logitRows: fc.uniqueArray(fc.nat(23), { maxLength: 4 }).map(rows => rows.sort((a, b) => a - b)),
    }),
    { maxLength: limits.maxPrefills },
  ),
  decode: fc.option(
    fc
      .tuple(
        fc.array(fc.record({ id: tokenId, length: position }), { minLength: 1, maxLength: limits.numSlots }),
        fc.integer({ min: 1, max: 9 }),
      )
      .map(([rows, steps]) => ({
        steps,
        firstSlot: 0,
        tokenIds: rows.map(row => row.id),
        lengths: rows.map(row => row.length),
      })),
  ),
})

t.test('a plan reads back as it was written, whatever the control block held before', async t => {
  const control = new Int32Array(new SharedArrayBuffer(controlBytes(limits)))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(plan, fc.integer(), (plan, rubbish) => {
        control.fill(rubbish)
        writePlan(control, plan)
        assert.deepStrictEqual(plain(readPlan(control)), plain(plan))
      }),
      { numRuns: 300, seed: 1 },
    ),
  )
})

t.test('the empty plan clears the control block of the plan before it', async t => {
  const control = new Int32Array(64)
  writePlan(control, { ...EMPTY_PLAN, decode: { firstSlot: 0, tokenIds: [7], lengths: [3], steps: 1 } })
  writePlan(control, EMPTY_PLAN)
  t.same(readPlan(control), EMPTY_PLAN)
})

t.test('a plan that does not fit is refused', async t => {
  const decode = { firstSlot: 0, tokenIds: [1, 2, 3], lengths: [1, 2, 3], steps: 1 }
  t.throws(() => writePlan(new Int32Array(8), { ...EMPTY_PLAN, decode }), RangeError)
})

t.test('the control block holds the largest plan within its limits', async t => {
  const pages = limits.numSlots * (limits.slotCapacity / limits.pageSize)
  const single = (id: number): Segment => ({ kind: 'tokens', ids: [id] })
  const largest: StepPlan = {
    stores: Array.from({ length: pages }, (_, page) => ({ slot: 0, position: 0, page })),
    moves: Array.from({ length: limits.numSlots }, (_, from) => ({ from, to: 0, length: 1 })),
    trims: Array.from({ length: limits.numSlots }, (_, slot) => slot),
    loads: Array.from({ length: pages }, (_, page) => ({ slot: 0, position: 0, page })),
    prefills: Array.from({ length: limits.maxPrefills }, (_, slot) => ({
      slot,
      start: 0,
      segments: Array.from({ length: limits.maxChunk / limits.maxPrefills }, (_, id) => single(id)),
      logitRows: [0, 1, 2, 3],
    })),
    decode: {
      firstSlot: 0,
      steps: 4,
      tokenIds: Array.from({ length: limits.numSlots }, () => 1),
      lengths: Array.from({ length: limits.numSlots }, () => 1),
    },
  }
  const control = new Int32Array(new SharedArrayBuffer(controlBytes(limits)))
  writePlan(control, largest)
  t.same(plain(readPlan(control)), plain(largest))
})

t.test('sizes of the key/value memory follow from its shape', async t => {
  const shape = { numLayers: 3, numKvHeads: 2, headDim: 8 }
  t.equal(kvBytesPerToken(shape), 3 * 2 * 2 * 8 * 4)
  t.equal(slotBytesPerLayer(shape, 5, 32) * shape.numLayers, 5 * 32 * kvBytesPerToken(shape))
  t.equal(pageBytesPerLayer(shape, 7, 16) * shape.numLayers, 7 * 16 * kvBytesPerToken(shape))
})

/** Token ids read back are views of the control block, generated records have no prototype; here all becomes arrays and plain objects. */
function plain(plan: StepPlan): StepPlan {
  const prefills = plan.prefills.map(chunk => ({
    ...chunk,
    segments: chunk.segments.map(part => (part.kind === 'tokens' ? { ...part, ids: Array.from(part.ids) } : part)),
  }))
  return structuredClone({ ...plan, prefills })
}
