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
    const decode = composeDecode(slots, chunks, 0, CAPACITY)!
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
  const { lengths } = composeDecode([sequence(1, true), long, sequence(2, true)], chunks, 0, CAPACITY)!
  t.same(lengths, [1, 32, 2])
})
