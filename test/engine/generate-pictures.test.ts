import fc from 'fast-check'
import t from 'tap'
import { FeatureService } from '../../runtime/engine/feature-service.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { FeatureCache } from '../../runtime/vision/feature-cache.js'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { greedyReference } from '../support/scripted-runner.js'

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

interface Shown {
  readonly key: string
  readonly rows: number
  /** Turns of the event loop that encoding takes. */
  readonly turns: number
  readonly isTorn: boolean
}

const PICTURES: readonly Shown[] = [
  { key: 'a', rows: 3, turns: 1, isTorn: false },
  { key: 'b', rows: 4, turns: 7, isTorn: false },
  { key: 'c', rows: 5, turns: 3, isTorn: false },
  { key: 'd', rows: 2, turns: 20, isTorn: false },
  { key: 'e', rows: 3, turns: 5, isTorn: true },
]

/** The engine's core with its real feature service; pictures are encoded by the clock of the event loop. */
function makePictureHarness(options: { readonly numSlots: number; readonly capacity: number }) {
  let service: FeatureService | null = null
  const harness = makeHarness({
    numSlots: options.numSlots,
    pageSize: 3,
    numPages: 12,
    maxChunk: 6,
    features: wake => {
      service = new FeatureService(new FeatureCache(options.capacity), wake)
      return service
    },
  })
  const features = service!

  function show(shown: readonly Shown[], question: readonly number[], maxTokens: number) {
    const prompt = [1]
    const spans = shown.map(({ key, rows }) => {
      const span = { key, start: prompt.length, count: rows }
      for (let row = 0; row < rows; row++) prompt.push(-1 - PICTURES.findIndex(picture => picture.key === key))
      return span
    })
    prompt.push(...question)
    const { stream, fail } = harness.submitTask({ prompt, spans, maxTokens })
    const owner = { imageEncodes: 0, featureHits: 0, onFailure: fail }
    const outcome = stream.result
      .then(result => (result.finish === 'abort' ? 'aborted' : result.tokenIds))
      .catch((error: { readonly code: string }) => error.code)
      .finally(() => {
        for (const { key } of shown) features.unregister(key, owner)
      })
    for (const { key, rows, turns: duration, isTorn } of shown) {
      const encode = async (): Promise<void> => {
        await turns(duration)
        if (isTorn) throw new EngineError('IMAGE_UNREADABLE', { label: key, what: 'it is torn.' })
      }
      features.register({ key, rows, encode }, owner)
    }
    for (const { key } of shown) features.prefetch(key, owner)
    return { outcome, abort: () => stream.abort(), expected: greedyReference(prompt, maxTokens, STOP_ID) }
  }

  async function idle(): Promise<void> {
    await harness.idle()
    await turns(25)
    features.checkIntegrity(true)
  }

  return { ...harness, features, show, idle }
}

t.test('a request waits for its second picture without keeping the event loop busy', async t => {
  const { show, idle, features } = makePictureHarness({ numSlots: 2, capacity: 20 })
  const { outcome, expected } = show([PICTURES[0]!, PICTURES[3]!], [5, 6], 6)
  t.same(await outcome, expected)
  t.equal(features.encodes, 2)
  await idle()
})

t.test('two pictures that fit only side by side find their places, wherever the first one lies', async t => {
  const { show, idle } = makePictureHarness({ numSlots: 1, capacity: 10 })
  for (const key of ['a', 'b', 'd']) {
    const picture = PICTURES.find(candidate => candidate.key === key)!
    await show([picture], [5], 2).outcome
  }
  // The second of three neighbours, and one that fits on neither side of it.
  const { outcome, expected } = show([PICTURES[1]!, PICTURES[2]!], [6], 4)
  t.same(await outcome, expected)
  await idle()
})

t.test('every request with pictures ends as it should, whatever fails, aborts or finds no room', async t => {
  const request = fc.record({
    shown: fc.array(fc.constantFrom(...PICTURES), { maxLength: 3 }),
    question: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    maxTokens: fc.integer({ min: 1, max: 8 }),
    turns: fc.nat(6),
    abort: fc.boolean(),
  })
  const options = fc.record({ numSlots: fc.integer({ min: 1, max: 3 }), capacity: fc.integer({ min: 15, max: 24 }) })
  await fc.assert(
    fc.asyncProperty(options, fc.array(request, { minLength: 1, maxLength: 8 }), async (options, requests) => {
      const harness = makePictureHarness(options)
      const running = []
      for (const { shown, question, maxTokens, turns: pause, abort } of requests) {
        const request = harness.show(shown, question, maxTokens)
        await turns(pause)
        if (abort) request.abort()
        running.push({ ...request, abort, isTorn: shown.some(picture => picture.isTorn) })
      }
      for (const { outcome, expected, abort, isTorn } of running) {
        const ended = await outcome
        if (ended === 'aborted') t.ok(abort)
        else t.same(ended, isTorn ? 'IMAGE_UNREADABLE' : expected)
      }
      await harness.idle()
    }),
    { numRuns: 100 },
  )
})

t.test('a picture that fails while a step fails ends its request once', async t => {
  const { submitTask, submit, idle, runner } = makeHarness({ numSlots: 1, pageSize: 4, numPages: 8, maxChunk: 8 })
  runner.failAt = 1
  const { stream, fail } = submitTask({ prompt: [1, 2, 3] })
  await Promise.resolve()
  await Promise.resolve()
  fail(new EngineError('IMAGE_UNREADABLE', { label: 'a', what: 'it is torn.' }))
  await t.rejects(stream.result)
  t.same((await submit({ prompt: [4, 5], maxTokens: 4 }).result).tokenIds, greedyReference([4, 5], 4, STOP_ID))
  t.equal(stream.failures, 1)
  await idle()
})
