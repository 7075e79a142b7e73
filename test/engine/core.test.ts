import fc from 'fast-check'
import t from 'tap'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { greedyReference } from '../support/scripted-runner.js'

/** An id that no token has. */
const NO_STOP = -1

const limits = { numSlots: 4, pageSize: 4, numPages: 32, maxChunk: 8 }

t.test('one request gives the naive greedy text', async t => {
  const { submit, idle } = makeHarness(limits)
  const prompt = [1, 2, 3, 4, 5, 6, 7]
  const result = await submit({ prompt, maxTokens: 10 }).result
  t.same(result.tokenIds, greedyReference(prompt, 10, STOP_ID))
  await idle()
})

t.test('whatever the limits, the cache and the neighbours: the text is that of the request alone', async t => {
  const request = fc.record({
    // Few symbols and shared beginnings: prefixes of every length are found, inside pages too.
    head: fc.constantFrom([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 9, 9], [5]),
    tail: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }),
    maxTokens: fc.integer({ min: 1, max: 12 }),
    turns: fc.integer({ min: 0, max: 3 }),
    abort: fc.boolean(),
  })
  const options = fc.record({
    numSlots: fc.integer({ min: 1, max: 4 }),
    pageSize: fc.integer({ min: 1, max: 5 }),
    numPages: fc.integer({ min: 1, max: 24 }),
    maxChunk: fc.integer({ min: 1, max: 9 }),
    slotTokens: fc.option(fc.integer({ min: 60, max: 240 }), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(options, fc.array(request, { minLength: 1, maxLength: 10 }), async (given, requests) => {
      const { slotTokens, ...options } = given
      const short = slotTokens !== undefined && { slotTokens }
      const { submit, idle, cache } = makeHarness({ ...options, ...short, capacity: 60 })
      const running = []
      for (const { head, tail, maxTokens, turns, abort } of requests) {
        const prompt = [...head, ...tail]
        const stream = submit({ prompt, maxTokens })
        running.push({ stream, prompt, maxTokens, abort })
        for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve))
        if (abort) stream.abort()
      }
      for (const { stream, prompt, maxTokens, abort } of running) {
        const result = await stream.result
        const expected = greedyReference(prompt, maxTokens, STOP_ID)
        const got = result.tokenIds
        if (!abort || result.finish !== 'abort') t.same(got, expected)
        else t.same(got, expected.slice(0, got.length))
      }
      await idle()
      t.equal(cache.counts().inUse, 0)
    }),
    { numRuns: 150 },
  )
})

t.test('a picture is computed once for many questions that arrive together', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, numPages: 64, maxChunk: 64 })
  const picture = Array.from({ length: 10 }, () => -5)
  const span = { key: 'picture', start: 2, count: 10 }
  const questions = [3, 4, 5, 6].map(question => [1, 2, ...picture, 7, question, 8])
  const streams = questions.map(prompt => submit({ prompt, maxTokens: 4, spans: [{ ...span }] }))
  for (const [index, stream] of streams.entries()) {
    const result = await stream.result
    t.same(result.tokenIds, greedyReference(questions[index]!, 4, STOP_ID))
    t.equal(result.usage.cachedTokens, index === 0 ? 0 : 13, 'all but the question comes from the cache')
  }
  await idle()
  t.equal(runner.counts.imageTokens, 10)
})

t.test('the second request with the same prefix computes only what differs', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, maxChunk: 64 })
  await submit({ prompt: [1, 2, 3, 4, 5, 6, 7], maxTokens: 1 }).result
  t.equal(runner.counts.tokens, 7)
  const second = await submit({ prompt: [1, 2, 3, 4, 5, 9, 9], maxTokens: 1 }).result
  t.equal(second.usage.cachedTokens, 5)
  t.equal(runner.counts.tokens, 9)
  const again = await submit({ prompt: [1, 2, 3, 4, 5, 6, 7], maxTokens: 1 }).result
  t.equal(again.usage.cachedTokens, 6, 'one token is computed for its logits')
  await submit({ prompt: [1, 2, 3, 4, 5, 6, 7], maxTokens: 1, namespace: 'other' }).result
  await idle()
})

t.test('a failed step fails its requests alone; those that waited run, on an empty cache', async t => {
  const { submit, idle, runner, cache } = makeHarness({ ...limits, numSlots: 1 })
  await submit({ prompt: [1, 2, 3, 4, 5], maxTokens: 3 }).result
  runner.failAt = runner.counts.steps + 1
  const doomed = submit({ prompt: [1, 2, 3, 4, 5, 6], maxTokens: 8 })
  const waiting = submit({ prompt: [4, 5, 6, 7], maxTokens: 5 })
  await t.rejects(doomed.result, { code: 'ENGINE_FAILED' })
  t.same((await waiting.result).tokenIds, greedyReference([4, 5, 6, 7], 5, STOP_ID))
  t.equal((await waiting.result).usage.cachedTokens, 0)
  t.equal(runner.loads, 1)
  await idle()
  t.ok(cache.counts().cached > 0)
})

t.test('priority goes first, equal priority in order of arrival', async t => {
  const { submit, idle } = makeHarness({ ...limits, numSlots: 1 })
  const order: string[] = []
  const track = (name: string, priority: number) =>
    submit({ prompt: [1, priority + 2], maxTokens: 2, priority }).result.then(() => order.push(name))
  await Promise.all([track('first', 0), track('second', 0), track('urgent', 5)])
  t.equal(order.indexOf('urgent') < order.indexOf('second'), true)
  t.equal(order.indexOf('first') < order.indexOf('second'), true)
  await idle()
})

t.test('decoding slots are moved together when requests between them end', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, maxChunk: 64 })
  const prompts = [
    [3, 5],
    [2, 3],
    [3, 4],
    [3, 3],
  ]
  const maxTokens = [25, 2, 2, 20]
  const streams = prompts.map((prompt, index) => submit({ prompt, maxTokens: maxTokens[index]! }))
  for (const [index, stream] of streams.entries()) {
    t.same((await stream.result).tokenIds, greedyReference(prompts[index]!, maxTokens[index]!, STOP_ID))
  }
  t.ok(runner.counts.moves > 0)
  await idle()
})

t.test('a prompt that is computed in chunks between two decoding slots is not disturbed by them', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, numSlots: 5, maxChunk: 10 })
  const long = Array.from({ length: 50 }, (_, index) => 1 + (index % 9))
  // The second and third end together; one move closes one of the two holes and the long prompt takes the other.
  const requests = [
    { prompt: [3, 5], maxTokens: 25 },
    { prompt: [1, 5], maxTokens: 2 },
    { prompt: [6, 7], maxTokens: 2 },
    { prompt: [8, 3], maxTokens: 25 },
    { prompt: [9, 8], maxTokens: 25 },
    { prompt: long, maxTokens: 6 },
  ]
  const streams = requests.map(request => submit(request))
  for (const [index, stream] of streams.entries()) {
    const { prompt, maxTokens } = requests[index]!
    t.same((await stream.result).tokenIds, greedyReference(prompt, maxTokens, STOP_ID))
  }
  t.ok(runner.counts.holes >= 4, 'the long prompt was a hole between decoding slots for several steps')
  await idle()
})

t.test('closing ends everything that runs or waits', async t => {
  const { submit, core } = makeHarness({ ...limits, numSlots: 1 })
  const streams = [
    [1, 2, 3],
    [4, 5, 6],
  ].map(prompt => submit({ prompt, maxTokens: 40 }))
  await core.close()
  for (const stream of streams) t.equal((await stream.result).finish, 'abort')
  t.throws(() => submit({ prompt: [1] }), { code: 'ENGINE_CLOSED' })
})

t.test(
  'long answers share memory for less than all of them: they wait for each other, and say what they would alone',
  async t => {
    const request = fc.record({
      prompt: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 }),
      maxTokens: fc.constantFrom(1, 20, 200, 390),
      turns: fc.integer({ min: 0, max: 40 }),
      abort: fc.boolean(),
    })
    const options = fc.record({
      slotTokens: fc.integer({ min: 432, max: 900 }),
      pageSize: fc.constantFrom(1, 4, 16),
      numPages: fc.integer({ min: 1, max: 64 }),
      maxChunk: fc.integer({ min: 8, max: 64 }),
    })
    let trims = 0
    await fc.assert(
      fc.asyncProperty(options, fc.array(request, { minLength: 3, maxLength: 8 }), async (options, requests) => {
        // Rows enough to run ahead by as much as a look at the memory allows.
        const harness = makeHarness({ ...options, numSlots: 4, capacity: 432, maxLogitRows: 300 })
        const { submit, idle, cache, runner, scheduler } = harness
        const running = []
        for (const { prompt, maxTokens, turns, abort } of requests) {
          running.push({ stream: submit({ prompt, maxTokens, ignoreStop: true }), prompt, maxTokens, abort })
          for (let turn = 0; turn < turns; turn++) {
            await new Promise(resolve => setImmediate(resolve))
            scheduler.checkIntegrity()
          }
          if (abort) running.at(-1)!.stream.abort()
        }
        for (const { stream, prompt, maxTokens, abort } of running) {
          const { tokenIds, finish } = await stream.result
          const expected = greedyReference(prompt, maxTokens, NO_STOP)
          t.same(tokenIds, abort && finish === 'abort' ? expected.slice(0, tokenIds.length) : expected)
        }
        await idle()
        t.equal(cache.counts().inUse, 0)
        trims += runner.counts.trims
      }),
      { numRuns: 60 },
    )
    t.ok(trims > 0, 'memory was taken back now and then')
  },
)

t.test('after a long request many short ones run together again', async t => {
  const { submit, idle, scheduler } = makeHarness({ ...limits, numSlots: 8, capacity: 432, slotTokens: 432 })
  await submit({ prompt: [1, 2], maxTokens: 400, ignoreStop: true }).result
  const short = Array.from({ length: 24 }, (_, index) =>
    submit({ prompt: [3, index % 5], maxTokens: 10, ignoreStop: true }),
  )
  let most = 0
  const all = Promise.all(short.map(stream => stream.result))
  for (let turn = 0; turn < 5; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    most = Math.max(most, scheduler.running.length)
  }
  await all
  t.equal(most, 8)
  await idle()
})

t.test('a failed step takes no memory back where every slot has its own', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, numSlots: 2 })
  runner.failAt = 2
  await t.rejects(submit({ prompt: [1, 2, 3], maxTokens: 9, ignoreStop: true }).result)
  t.same((await submit({ prompt: [1, 2], maxTokens: 5 }).result).tokenIds, greedyReference([1, 2], 5, STOP_ID))
  t.equal(runner.counts.trims, 0)
  await idle()
})

t.test('one that needs much memory at once gets it, though small requests keep coming', async t => {
  const { submit, select, idle } = makeHarness({
    ...limits,
    numSlots: 8,
    numPages: 4,
    capacity: 300,
    slotTokens: 300,
    maxChunk: 64,
  })
  const options = [Array.from({ length: 200 }, (_, index) => 1 + (index % 3)), [2, 2]]
  let isDone = false
  let ended = 0
  const feed = async (_: unknown, feeder: number): Promise<void> => {
    while (!isDone && ended < 3000) {
      const prompt = Array.from({ length: 30 }, (_, index) => 1 + ((index * ended) % 3))
      // Of different lengths: they never end all at once.
      await submit({ prompt, maxTokens: 5 + 4 * feeder, ignoreStop: true }).result
      ended++
    }
  }
  const feeding = Array.from({ length: 12 }, feed)
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  await select({ prompt: [1, 2, 3], options }).result
  isDone = true
  await Promise.all(feeding)
  t.ok(ended < 60, `${ended} others ended before it`)
  await idle()
})
