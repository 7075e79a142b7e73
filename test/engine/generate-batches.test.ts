import t from 'tap'
import { chooseSteps, type RunAheadState } from '../../runtime/engine/run-ahead.js'
import type { Batch, BatchDecode } from '../../runtime/scheduler/batch.js'
import { Sequence } from '../../runtime/scheduler/sequence.js'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { naiveGenerate } from '../support/naive-generate.js'
import { greedyReference } from '../support/scripted-runner.js'

const limits = { numSlots: 3, pageSize: 4, numPages: 32, maxChunk: 64 }

t.test('equal prompts are computed side by side when nothing of them can be kept', async t => {
  const prompt = [1, 2, 3, 4, 5, 6, 7, 8]
  const steps = []
  for (const numPages of [0, 32]) {
    const { submit, idle, runner } = makeHarness({ ...limits, numPages })
    const streams = [1, 2, 3].map(() => submit({ prompt, maxTokens: 1 }))
    for (const stream of streams) t.same((await stream.result).tokenIds, greedyReference(prompt, 1, STOP_ID))
    steps.push(runner.counts.tokens)
    t.equal(runner.counts.steps, numPages === 0 ? 1 : 2)
    await idle()
  }
  t.same(steps, [24, 8], 'otherwise the first computes them for all; the last token of the others is a decode row')
})

t.test('where every row takes its likeliest token, a step yields several', async t => {
  // However busy the machine is, a step takes no time here.
  t.intercept(performance, 'now', { value: () => 0 })
  const { submit, idle, runner } = makeHarness({ ...limits, maxLogitRows: 64 })
  const prompts = [
    [3, 5],
    [8, 3],
  ]
  const streams = prompts.map(prompt => submit({ prompt, maxTokens: 20 }))
  let numTokens = 0
  for (const [index, stream] of streams.entries()) {
    const { tokenIds } = await stream.result
    t.same(tokenIds, greedyReference(prompts[index]!, 20, STOP_ID))
    numTokens += tokenIds.length
  }
  t.ok(runner.counts.steps < numTokens / 2)
  await idle()
})

t.test('one row that must be asked for each token holds the others to single steps, and all are right', async t => {
  const { submit, idle } = makeHarness({ ...limits, maxLogitRows: 64 })
  const requests = [
    { prompt: [3, 5], maxTokens: 20 },
    { prompt: [8, 3], maxTokens: 12, sampling: { temperature: 1, seed: 4 } },
    { prompt: [2, 2], maxTokens: 15, minTokens: 9 },
    { prompt: [2, 7], maxTokens: 15, sampling: { presencePenalty: 0.8 } },
  ]
  const streams = requests.map(request => submit(request))
  for (const [index, stream] of streams.entries()) {
    t.same((await stream.result).tokenIds, naiveGenerate(requests[index]!).tokenIds)
  }
  await idle()
})

t.test('how many steps run ahead: bounded by time, logit rows, free tokens, prompts and those who wait', async t => {
  const prompt = Int32Array.of(1)
  const fields = { id: 'r', namespace: '', priority: 0, prompt, spans: [], capacity: 9, logitsFrom: null }
  const rows = [new Sequence(fields), null, new Sequence(fields)]
  const decode: BatchDecode = { firstSlot: 0, rows, tokenIds: [1, 0, 1], lengths: [0, 0, 0], steps: 1, firstLogit: 0 }
  const batch: Batch = { stores: [], moves: [], trims: [], loads: [], chunks: [], decode }
  const state: RunAheadState = { othersWait: false, stepMs: 0.1, maxLogitRows: 64, freeTokens: () => 100 }
  const choose = (changed: Partial<RunAheadState>) => chooseSteps(batch, decode, { ...state, ...changed })
  t.equal(choose({}), 21, 'as many as logit rows hold')
  t.equal(choose({ maxLogitRows: 1000 }), 64)
  t.equal(choose({ maxLogitRows: 17 }), 5, 'holes take rows too')
  t.equal(choose({ stepMs: 10 }), 2)
  t.equal(choose({ stepMs: 50 }), 1)
  t.equal(choose({ stepMs: Number.POSITIVE_INFINITY }), 1, 'before anything was measured')
  t.equal(choose({ freeTokens: row => (row === 2 ? 3 : 100) }), 3)
  t.equal(choose({ freeTokens: row => (row === 1 ? 1 : 100) }), 21, 'a hole asks for nothing')
  t.equal(choose({ othersWait: true }), 1)
  const chunk = { sequence: rows[0]!, slot: 0, start: 0, count: 1, branch: null, logitRows: [], firstLogit: 0 }
  t.equal(chooseSteps({ ...batch, chunks: [chunk] }, decode, state), 1)
})
