import fc from 'fast-check'
import t from 'tap'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { logprobOf } from '../support/naive-generate.js'
import { greedyReference, logitsAfter } from '../support/scripted-runner.js'

/** Every option on its own, token by token, from the whole text. */
function naiveScores(prompt: readonly number[], options: readonly (readonly number[])[]): number[][] {
  return options.map(ids =>
    ids.map((id, at) => {
      const elements = [...prompt, ...ids.slice(0, at)]
      return logprobOf(logitsAfter(elements, elements.length - 1), id)
    }),
  )
}

function isClose(actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]): boolean {
  const shapes = (scores: readonly (readonly number[])[]) => String(scores.map(values => values.length))
  const worst = actual.flatMap((values, option) => values.map((value, at) => Math.abs(value - expected[option]![at]!)))
  return shapes(actual) === shapes(expected) && Math.max(...worst) < 1e-5
}

const tokens = (most: number) => fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: most })
const select = fc.record({
  prompt: tokens(10),
  // Few symbols: options share beginnings, begin each other, and are equal.
  options: fc.array(tokens(20), { minLength: 1, maxLength: 6 }),
  turns: fc.nat(3),
  abort: fc.boolean(),
})
const harnessOptions = fc.record({
  numSlots: fc.integer({ min: 1, max: 4 }),
  pageSize: fc.integer({ min: 1, max: 5 }),
  numPages: fc.integer({ min: 1, max: 24 }),
  maxChunk: fc.integer({ min: 1, max: 40 }),
  spareRows: fc.integer({ min: 1, max: 12 }),
})

t.test('scores equal the naive ones, whatever the budget of a step, the neighbours and the aborts', async t => {
  const selects = fc.array(select, { minLength: 1, maxLength: 4 })
  const prompts = fc.array(tokens(12), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(harnessOptions, selects, prompts, async (options, selects, prompts) => {
      const harness = makeHarness({ ...options, maxLogitRows: options.numSlots + options.spareRows, capacity: 64 })
      // Before and after the selects, so that a select's slot lies between decoding ones.
      const submit = (prompt: readonly number[]) => harness.submit({ prompt, maxTokens: 25 })
      const generations = prompts.filter((_, index) => index % 2 === 0).map(submit)
      const running = []
      for (const drawn of selects) {
        const { result, abort } = harness.select(drawn)
        const outcome = result.catch((error: { code?: string }) => error.code)
        for (let turn = 0; turn < drawn.turns; turn++) await new Promise(resolve => setImmediate(resolve))
        if (drawn.abort) abort()
        running.push({ drawn, outcome })
      }
      generations.push(...prompts.filter((_, index) => index % 2 === 1).map(submit))
      prompts = [0, 1].flatMap(half => prompts.filter((_, index) => index % 2 === half))
      for (const { drawn, outcome } of running) {
        const scores = await outcome
        if (scores === 'REQUEST_ABORTED') t.ok(drawn.abort)
        else t.ok(Array.isArray(scores) && isClose(scores, naiveScores(drawn.prompt, drawn.options)))
      }
      for (const [index, stream] of generations.entries()) {
        t.same((await stream.result).tokenIds, greedyReference(prompts[index]!, 25, STOP_ID))
      }
      await harness.idle()
      t.equal(harness.cache.counts().inUse, 0)
    }),
    { numRuns: 200 },
  )
})

t.test('what options share is fed once', async t => {
  const { select, idle, runner } = makeHarness({ numSlots: 1, pageSize: 4, numPages: 8, maxChunk: 64 })
  const shared = [1, 2, 3, 1, 2, 3]
  const options = [[...shared, 4, 5], [...shared, 4, 6], [...shared, 7], shared]
  t.ok(isClose(await select({ prompt: [9, 8], options }).result, naiveScores([9, 8], options)))
  t.equal(runner.counts.tokens + runner.counts.decodeRows, 2 + shared.length + 1, 'last tokens are never fed')
  await idle()
})

t.test('an aborted select ends once, and leaves nothing', async t => {
  const { select, idle, scheduler } = makeHarness({ numSlots: 1, pageSize: 4, numPages: 8, maxChunk: 2 })
  const { result, abort } = select({ prompt: [1, 2, 3, 4, 5], options: [[1, 2, 3, 4], [2]] })
  const failure = t.rejects(result, { code: 'REQUEST_ABORTED' })
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  abort()
  abort()
  await failure
  t.equal(scheduler.running.length, 0)
  await idle()
})

t.test('a prompt is cached by a select and found by the next one', async t => {
  const { select, idle, runner } = makeHarness({ numSlots: 1, pageSize: 4, numPages: 8, maxChunk: 64 })
  const prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const options = [[1, 2], [3]]
  await select({ prompt, options }).result
  const before = runner.counts.tokens + runner.counts.decodeRows
  t.ok(isClose(await select({ prompt, options }).result, naiveScores(prompt, options)))
  t.equal(runner.counts.tokens + runner.counts.decodeRows - before, 2, 'one token of the prompt, one of the options')
  await idle()
})
