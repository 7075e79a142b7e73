import fc from 'fast-check'
import t from 'tap'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { greedyReference } from '../support/scripted-runner.js'

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test(
  'whichever steps fail: every request ends once, rightly or with the failure, and the next ones are right',
  async t => {
    const request = fc.record({
      kind: fc.constantFrom('generate', 'select'),
      prompt: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
      pause: fc.nat(3),
      abort: fc.boolean(),
    })
    const requests = fc.array(request, { minLength: 1, maxLength: 8 })
    const failures = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 })
    const maxChunk = fc.integer({ min: 1, max: 12 })
    await fc.assert(
      fc.asyncProperty(requests, failures, maxChunk, async (requests, failures, maxChunk) => {
        const harness = makeHarness({ numSlots: 2, pageSize: 3, numPages: 10, maxChunk })
        const { runner } = harness
        const pending = [...failures]
        const outcomes = []
        let numEnds = 0
        for (const { kind, prompt, pause, abort } of requests) {
          if (runner.failAt === null || runner.failAt < runner.counts.steps) {
            const next = pending.shift()
            runner.failAt = next === undefined ? null : runner.counts.steps + next
          }
          const isSelect = kind === 'select'
          const started = isSelect ? harness.select({ prompt, options: [[1, 2, 1], [2]] }) : harness.submit({ prompt })
          const ended = started.result.then(
            result => ('tokenIds' in result ? { finish: result.finish, tokenIds: result.tokenIds } : null),
            (error: { readonly code: string }) => error.code,
          )
          outcomes.push({ prompt, abort, ended: ended.finally(() => numEnds++) })
          await turns(pause)
          if (abort) started.abort()
        }
        for (const { prompt, abort, ended } of outcomes) {
          const outcome = await ended
          if (outcome === null || outcome === 'ENGINE_FAILED') continue
          if (typeof outcome === 'string') t.ok(abort && outcome === 'REQUEST_ABORTED')
          else if (outcome.finish === 'abort') t.ok(abort)
          else t.same(outcome.tokenIds, greedyReference(prompt, 8, STOP_ID))
        }
        t.equal(numEnds, requests.length)
        runner.failAt = null
        await harness.idle()
        const { tokenIds } = await harness.submit({ prompt: [1, 2, 3, 1, 2, 3] }).result
        t.same(tokenIds, greedyReference([1, 2, 3, 1, 2, 3], 8, STOP_ID))
        await harness.idle()
      }),
      { numRuns: 150 },
    )
  },
)

t.test(
  'a runner that is lost for good ends all requests, those that wait too, and the engine takes no more',
  async t => {
    const { submit, runner, scheduler, core } = makeHarness({ numSlots: 1, pageSize: 4, numPages: 8, maxChunk: 8 })
    runner.failAt = 2
    runner.isLost = true
    const all = [
      [1, 2],
      [3, 4],
      [5, 6],
    ].map(prompt => submit({ prompt, maxTokens: 20 }))
    for (const stream of all) await t.rejects(stream.result, { code: 'ENGINE_FAILED' })
    for (const stream of all) t.equal(stream.failures, 1)
    t.throws(() => submit({ prompt: [1] }), { code: 'ENGINE_CLOSED' })
    scheduler.checkIntegrity()
    await core.close()
  },
)

t.test('a runner that does not give the rows it owes fails one request, and not the engine', async t => {
  const { submit, idle, runner } = makeHarness({ numSlots: 2, pageSize: 4, numPages: 8, maxChunk: 8 })
  const logits = runner.logits.bind(runner)
  runner.logits = row => {
    runner.logits = logits
    throw new Error(`row ${row} is gone`)
  }
  const [hit, spared] = [submit({ prompt: [1, 2] }), submit({ prompt: [3, 4] })]
  await t.rejects(hit.result, { code: 'ENGINE_FAILED', message: /row 0 is gone/ })
  t.same((await spared.result).tokenIds, greedyReference([3, 4], 8, STOP_ID))
  await idle()
})
