import t from 'tap'
import { resolveConfig } from '../../runtime/config.js'
import { allocateDecoderMemory } from '../../runtime/engine/decoder-memory.js'
import type { ModelInfo } from '../../runtime/runner/model-runner.js'

const text = { contextLength: 1024, numLayers: 2, numKvHeads: 2, headDim: 16 }
const info = { text } as unknown as ModelInfo
const slotBytes = 1024 * 2 * 2 * 16 * 4
/** Memory for two whole contexts in slots. */
const config = resolveConfig({ kvCacheBytes: Math.ceil((2.1 * 2 * slotBytes) / 0.6) }, {})

/** As on a system that gives no more addresses than this at once. */
function withAddresses<Value>(most: number, run: () => Value): Value {
  const whole = globalThis.SharedArrayBuffer
  globalThis.SharedArrayBuffer = class extends whole {
    constructor(length: number) {
      if (length > most) throw new RangeError('Array buffer allocation failed')
      super(length)
    }
  } as SharedArrayBufferConstructor
  try {
    return run()
  } finally {
    globalThis.SharedArrayBuffer = whole
  }
}

t.test('slots have addresses for all that may run, and memory for fewer', async t => {
  const { limits, geometry, keyValues } = allocateDecoderMemory(config, info, 2 ** 34, true)
  t.match(limits, { numSlots: 16, slotCapacity: 1024 })
  t.ok(limits.slotTokens >= 2 * 1024 && limits.slotTokens < 3 * 1024, `${limits.slotTokens}`)
  t.equal(geometry.isLazy, true)
  t.same(
    keyValues.map(({ slots }) => slots.byteLength),
    [16 * slotBytes, 16 * slotBytes],
  )
})

t.test('where the system gives fewer addresses there are fewer slots, and where it gives too few an error', async t => {
  const allocate = (slots: number) =>
    withAddresses(slots * slotBytes, () => allocateDecoderMemory(config, info, 2 ** 34, true))
  t.equal(allocate(9).limits.numSlots, 8)
  t.match(allocate(3), { limits: { numSlots: 2 }, geometry: { isLazy: false } })
  t.throws(() => allocate(1), RangeError)
})

t.test('without memory that comes as it is written each slot has all of its own', async t => {
  t.match(allocateDecoderMemory(config, info, 2 ** 34, false), {
    limits: { numSlots: 2, slotTokens: 2048 },
    geometry: { isLazy: false },
  })
})
