import t from 'tap'
import type { BatchChunk } from '../../runtime/scheduler/batch.js'
import { composeDecode } from '../../runtime/scheduler/decode-rows.js'
import type { Sequence } from '../../runtime/scheduler/sequence.js'

const CAPACITY = 64

function sequence(computed: number, isDecoding: boolean): Sequence {
  return { computed, isDecoding, branches: [], elementAt: () => 7 } as unknown as Sequence
}

t.test(
  'a prompt that fills its slot lies between decoding ones, and its dummy token stays inside the slot',
  async t => {
    const full = sequence(48, false)
    const slots = [sequence(6, true), null, full, sequence(9, true), null]
    const chunks = [{ sequence: full, start: 48, count: 16 } as unknown as BatchChunk]
    const decode = composeDecode(slots, chunks, 0, CAPACITY, new Set())!
    t.equal(decode.firstSlot, 0)
    t.same(decode.lengths, [6, 0, CAPACITY - 1, 9])
    t.same(
      decode.rows.map(row => row !== null),
      [true, false, false, true],
    )
  },
)

t.test('a prompt that goes on is fed its dummy token where the next chunk begins', async t => {
  const long = sequence(16, false)
  const chunks = [{ sequence: long, start: 16, count: 16 } as unknown as BatchChunk]
  const { lengths } = composeDecode([sequence(1, true), long, sequence(2, true)], chunks, 0, CAPACITY, new Set())!
  t.same(lengths, [1, 32, 2])
})

t.test('a sequence that waits for memory is a hole where it will go on, or no row at all', async t => {
  const [first, waiting, last] = [sequence(3, true), sequence(20, true), sequence(5, true)]
  const compose = (slots: readonly (Sequence | null)[]) => composeDecode(slots, [], 0, CAPACITY, new Set([waiting]))
  const between = compose([first, waiting, last])!
  t.same(between.rows, [first, null, last])
  t.same(between.lengths, [3, 20, 5])
  t.same(compose([waiting, first, null])!.rows, [first])
  t.equal(compose([waiting, null]), null)
})

t.test('beside the options of a select the dummy token goes behind the longest of them', async t => {
  const scored = { ...sequence(4, false), branches: [{}], capacity: 12 } as unknown as Sequence
  t.same(composeDecode([sequence(1, true), scored, sequence(2, true)], [], 0, CAPACITY, new Set())!.lengths, [1, 11, 2])
})
