import fc from 'fast-check'
import t from 'tap'
import { type EngineOptions, resolveConfig } from '../../runtime/config.js'
import { planMemory } from '../../runtime/engine/memory.js'

const plan = (
  options: EngineOptions,
  modelContext = 2048,
  bytesPerToken = 1024,
  machineBytes = 2 ** 34,
  isLazy = false,
) => planMemory(resolveConfig(options, {}), modelContext, bytesPerToken, machineBytes, isLazy)

t.test('slots and pages stay within the budget, and a slot holds the context in whole pages', async t => {
  const options = fc.record({
    kvCacheBytes: fc.integer({ min: 2 ** 20, max: 2 ** 32 }),
    maxRunning: fc.integer({ min: 1, max: 64 }),
    pageSize: fc.integer({ min: 1, max: 64 }),
    contextLength: fc.option(fc.integer({ min: 2, max: 9000 }), { nil: undefined }),
    prefixCache: fc.boolean(),
  })
  const bytesPerToken = fc.integer({ min: 64, max: 2 ** 20 })
  fc.assert(
    fc.property(options, bytesPerToken, fc.boolean(), ({ contextLength, ...rest }, bytesPerToken, isLazy) => {
      const given = { ...rest, ...(contextLength !== undefined && { contextLength }) }
      const { pageSize, kvCacheBytes, maxRunning, prefixCache } = given
      const context = Math.min(contextLength ?? 4096, 4096)
      const slotBytes = Math.ceil(context / pageSize) * pageSize * bytesPerToken
      if (slotBytes > kvCacheBytes) {
        t.throws(() => plan(given, 4096, bytesPerToken), { code: 'CONFIG_INVALID', data: { option: 'kvCacheBytes' } })
        return
      }
      const memory = plan(given, 4096, bytesPerToken, 2 ** 34, isLazy)
      t.equal(memory.contextLength, context)
      t.equal(memory.slotCapacity * bytesPerToken, slotBytes)
      t.ok(memory.numSlots >= 1 && memory.numSlots <= maxRunning)
      t.ok(memory.slotTokens >= memory.slotCapacity && memory.slotTokens <= memory.numSlots * memory.slotCapacity)
      if (!isLazy) t.equal(memory.slotTokens, memory.numSlots * memory.slotCapacity)
      const used = (memory.slotTokens + memory.numPages * pageSize) * bytesPerToken
      t.ok(used <= kvCacheBytes)
      if (!prefixCache) t.equal(memory.numPages, 0)
      else t.ok(kvCacheBytes - used < pageSize * bytesPerToken, 'what is left would not make a page')
    }),
    { numRuns: 300 },
  )
})

t.test('the refusal names a budget that works, and the shorter context that needs less', async t => {
  const refuse = () => plan({ kvCacheBytes: 2 ** 20 }, 2000, 1024)
  t.throws(refuse, {
    code: 'CONFIG_INVALID',
    message:
      /kvCacheBytes: must be 2048000 at least \(--kv-cache-mib 2\) to hold one request of 2000 tokens; 1048576 came\..*contextLength/,
  })
  t.equal(plan({ kvCacheBytes: 2_048_000 }, 2000, 1024).numSlots, 1)
  t.equal(plan({ kvCacheBytes: 2 ** 20, contextLength: 1000 }, 2000, 1024).contextLength, 1000)
})

t.test('a request may be as long as the model was made for, and no longer', async t => {
  t.equal(plan({ contextLength: 100_000 }).contextLength, 2048)
  t.equal(plan({ contextLength: 100 }).contextLength, 100)
})

t.test('slots leave a share of the memory to the cache', async t => {
  const { numSlots, numPages, slotCapacity } = plan({ kvCacheBytes: 2 ** 24, maxRunning: 1024 })
  t.ok(numSlots * slotCapacity < numPages * 16 * 2)
  t.ok(numPages > 0)
})

t.test('without a budget one is chosen by model and machine', async t => {
  const GIB = 2 ** 30
  const budget = (modelContext: number, bytesPerToken: number, machineGiB: number) => {
    const { numSlots, slotCapacity, numPages } = plan({}, modelContext, bytesPerToken, machineGiB * GIB)
    return ((numSlots * slotCapacity + numPages * 16) * bytesPerToken) / GIB
  }
  t.equal(budget(2048, 8192, 16), 1, 'a small model: 1 GiB')
  // LLaVA-1.5-7B: 32 layers of 4096 in float32 are 1 MiB a token, 4 GiB a whole context.
  t.equal(budget(4096, 2 ** 20, 64), 16, 'a 7B on a large machine: four whole contexts')
  t.equal(budget(4096, 2 ** 20, 20), 8, 'on a smaller one: 40 % of it')
  t.throws(() => plan({}, 4096, 2 ** 20, 8 * GIB), {
    code: 'CONFIG_INVALID',
    message: /--kv-cache-mib 4096\).*default on this machine is 3435973836.*--context-length/,
  })
  t.equal(plan({ contextLength: 2048 }, 4096, 2 ** 20, 8 * GIB).numSlots, 1, 'which a shorter context mends')
})

t.test('where memory comes as it is written, as many requests run as what they really take lets', async t => {
  // LLaVA-1.5-7B on a large machine: 16 GiB, of which 60 % for running requests.
  const given = [{}, 4096, 2 ** 20, 64 * 2 ** 30] as const
  t.equal(plan(...given).numSlots, 2)
  const lazy = plan(...given, true)
  t.equal(lazy.numSlots, 16)
  t.equal(lazy.slotTokens, 9824, 'ten requests of a picture and a page of text')
  t.equal(plan({ contextLength: 512 }, 4096, 1024, 2 ** 34, true).slotTokens, 16 * 512, 'no more than all slots have')
})
