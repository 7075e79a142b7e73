import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { GenerateResult } from '../../runtime/protocol/backend.js'
import { letter, makeHarness, type Request, STOP_ID } from '../support/core-harness.js'
import { logprobOf, naiveGenerate } from '../support/naive-generate.js'
import { logitsAfter } from '../support/scripted-runner.js'
import { TrieMatcher } from '../support/trie-matcher.js'

const limits = { numSlots: 3, pageSize: 4, numPages: 32, maxChunk: 8 }

/** What can be compared with the naive path. */
function essence({ tokenIds, text, finish, matchedStop }: GenerateResult | ReturnType<typeof naiveGenerate>) {
  return { tokenIds, text, finish, matchedStop }
}

function isClose(actual: number | null | undefined, expected: number): boolean {
  return typeof actual === 'number' && Math.abs(actual - expected) < 1e-5
}

/** A finite language over few tokens: single sentences, long common runs, sentences that begin others. */
const language = fc
  .array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 4 })
  .chain(tails =>
    fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }).map(head => tails.map(t => [...head, ...t])),
  )

const request = fc.record({
  prompt: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 14 }),
  maxTokens: fc.integer({ min: 1, max: 14 }),
  minTokens: fc.integer({ min: 0, max: 6 }),
  sentences: fc.option(language),
  stop: fc.array(fc.string({ unit: fc.constantFrom('b', 'c', 'd', '.'), minLength: 1, maxLength: 3 }), {
    maxLength: 3,
  }),
  stopIds: fc.array(fc.integer({ min: 5, max: 10 }), { maxLength: 2 }),
  closeOnLength: fc.boolean(),
  jumpForward: fc.boolean(),
  wantsLogprobs: fc.boolean(),
  promptFrom: fc.option(fc.integer({ min: 0, max: 16 })),
  temperature: fc.constantFrom(0, 0, 0.7, 1.5),
  seed: fc.nat(),
  repetitionPenalty: fc.constantFrom(1, 1.3),
  isWordy: fc.boolean(),
})

type Drawn = typeof request extends fc.Arbitrary<infer Value> ? Value : never

function toRequest(drawn: Drawn): Request {
  const { prompt, maxTokens, minTokens, stop, stopIds, closeOnLength, jumpForward, sentences } = drawn
  const { temperature, seed, repetitionPenalty } = drawn
  return {
    prompt,
    maxTokens,
    minTokens,
    stop,
    stopIds: sentences ? [] : stopIds,
    closeOnLength,
    jumpForward,
    sampling: { temperature, seed, repetitionPenalty },
    ...(drawn.isWordy && { spell: (id: number) => `${letter(id)}${letter(id + 1)}.`.slice(0, 1 + (id % 3)) }),
    ...(sentences && { matcher: () => new TrieMatcher(sentences, STOP_ID) }),
    ...(drawn.wantsLogprobs && { topLogprobs: 2 }),
    ...(drawn.wantsLogprobs && drawn.promptFrom !== null && { promptFrom: drawn.promptFrom }),
  }
}

const harnessOptions = fc.record({
  numSlots: fc.integer({ min: 1, max: 4 }),
  pageSize: fc.integer({ min: 1, max: 5 }),
  numPages: fc.integer({ min: 1, max: 24 }),
  maxChunk: fc.integer({ min: 1, max: 20 }),
  spareRows: fc.integer({ min: 1, max: 12 }),
})

t.test('grammar, stops, penalties, seeds and log-probabilities: equal to the naive path, in any company', async t => {
  await fc.assert(
    fc.asyncProperty(harnessOptions, fc.array(request, { minLength: 1, maxLength: 6 }), async (options, drawn) => {
      const { submit, idle } = makeHarness({
        ...options,
        maxLogitRows: options.numSlots + options.spareRows,
        capacity: 60,
      })
      const requests = drawn.map(toRequest)
      const streams = requests.map(submit)
      for (const [index, stream] of streams.entries()) {
        const result = await stream.result
        const wanted = requests[index]!
        const expected = naiveGenerate(wanted)
        t.same(essence(result), essence(expected))
        checkLogprobs(t, wanted, result, expected.logprobs)
      }
      await idle()
    }),
    { numRuns: 300 },
  )
})

/** One entry for each token: equal to the naive one, null where a token only closes the value. */
function checkLogprobs(t: Test, request: Request, result: GenerateResult, expected: readonly number[]): void {
  const { prompt, promptFrom } = request
  if (request.topLogprobs === undefined) {
    t.notOk(result.logprobs)
    return
  }
  t.same(
    result.logprobs!.map(entry => entry.tokenId),
    result.tokenIds,
  )
  result.logprobs!.forEach(({ logprob, top, text }, index) => {
    t.equal(text, letter(result.tokenIds[index]!))
    if (index >= expected.length) t.equal(logprob, null)
    else if (!isClose(logprob, expected[index]!)) t.fail(`log-probability ${index}: ${logprob}, not ${expected[index]}`)
    else t.equal(top.length, 2)
  })
  t.equal(result.stopLogprob?.tokenId, typeof result.matchedStop === 'number' ? result.matchedStop : undefined)
  if (promptFrom === undefined) return
  const positions = prompt.map((_, position) => position).slice(promptFrom)
  t.equal(result.promptLogprobs!.length, positions.length)
  for (const [index, position] of positions.entries()) {
    const { tokenId, logprob } = result.promptLogprobs![index]!
    t.equal(tokenId, prompt[position])
    if (position === 0) t.equal(logprob, null)
    else t.ok(isClose(logprob, logprobOf(logitsAfter(prompt, position - 1), tokenId)))
  }
}

t.test('what a grammar dictates to the end costs no decode step, unless its log-probabilities are wanted', async t => {
  const { submit, idle, runner } = makeHarness({ ...limits, maxChunk: 64 })
  const matcher = () => new TrieMatcher([[3, 4, 5, 6]], STOP_ID)
  const plain = await submit({ prompt: [1, 2], matcher }).result
  t.same(plain.tokenIds, [3, 4, 5, 6])
  t.equal(plain.usage.forcedTokens, 4)
  t.equal(plain.finish, 'stop')
  t.equal(runner.counts.steps, 0)
  const measured = await submit({ prompt: [1, 2], matcher, topLogprobs: 0 }).result
  t.same(measured.tokenIds, [3, 4, 5, 6])
  t.equal(measured.logprobs?.length, 4)
  t.equal(runner.counts.steps, 1, 'all of them are computed together with the prompt')
  await idle()
})

t.test('jump-forward changes the number of steps and nothing else', async t => {
  const sentences = [
    [3, 4, 5, 1, 2, 3],
    [3, 4, 5, 2, 2, 2, 7],
  ]
  const results = []
  const steps = []
  for (const jumpForward of [true, false]) {
    const { submit, idle, runner } = makeHarness({ ...limits, maxChunk: 64 })
    const matcher = () => new TrieMatcher(sentences, STOP_ID)
    const sampling = { temperature: 1, seed: 5 }
    results.push(await submit({ prompt: [1, 2], matcher, jumpForward, sampling, topLogprobs: 1 }).result)
    steps.push(runner.counts.steps)
    await idle()
  }
  t.same(results[0]!.tokenIds, results[1]!.tokenIds)
  t.same(results[0]!.logprobs, results[1]!.logprobs)
  t.ok(steps[0]! < steps[1]!)
  t.equal(results[1]!.usage.forcedTokens, 0)
})

t.test('forced tokens count towards maxTokens, and closing ones do not', async t => {
  const { submit, idle } = makeHarness(limits)
  const matcher = () => new TrieMatcher([[3, 4, 5, 6, 7]], STOP_ID)
  const cut = await submit({ prompt: [1], matcher, maxTokens: 3 }).result
  t.match(cut, { tokenIds: [3, 4, 5], finish: 'length', text: 'def' })
  const closed = await submit({ prompt: [1], matcher, maxTokens: 3, closeOnLength: true }).result
  t.match(closed, { tokenIds: [3, 4, 5, 6, 7], finish: 'length', text: 'defgh', usage: { completionTokens: 5 } })
  const exact = await submit({ prompt: [1], matcher, maxTokens: 5 }).result
  t.equal(exact.finish, 'stop', 'a value that is complete with the last token is not cut')
  await idle()
})

t.test('a stop string is found across token borders, inside forced text and inside closing text', async t => {
  const { submit, idle } = makeHarness(limits)
  const matcher = () => new TrieMatcher([[3, 4, 5, 6, 7]], STOP_ID)
  const forced = await submit({ prompt: [1], matcher, stop: ['ef'] }).result
  t.match(forced, { text: 'd', tokenIds: [3, 4, 5], finish: 'stop', matchedStop: 'ef' })
  const closing = await submit({ prompt: [1], matcher, maxTokens: 3, closeOnLength: true, stop: ['fg'] }).result
  t.match(closing, { text: 'de', finish: 'stop', matchedStop: 'fg' })
  const open = await submit({ prompt: [1], matcher, stop: ['ghi'] }).result
  t.match(open, { text: 'defgh', finish: 'stop', matchedStop: null }, 'what could have become a stop string comes out')
  await idle()
})

t.test('what the stream carries is the result, and no part of a stop string', async t => {
  const { submit, idle } = makeHarness(limits)
  const sampling = { temperature: 1.2, seed: 3 }
  const stream = submit({ prompt: [1, 2, 3], maxTokens: 30, stop: ['bb', 'cd', 'zz'], sampling })
  let text = ''
  const tokenIds: number[] = []
  let result: GenerateResult | null = null
  for await (const event of stream) {
    if (event.type === 'finish') {
      result = event.result
      continue
    }
    text += event.delta
    tokenIds.push(...event.tokenIds)
    t.notMatch(text, /bb|cd|zz/)
  }
  t.same([result?.text, result?.tokenIds], [text, tokenIds])
  await idle()
})

t.test('the same seed gives the same tokens alone and among others; another seed gives others', async t => {
  const draw = async (seed: number, neighbours: number): Promise<readonly number[]> => {
    const { submit, idle } = makeHarness(limits)
    const sampling = { temperature: 1.5, seed }
    for (let other = 0; other < neighbours; other++) {
      submit({ prompt: [1, 2, other + 1], sampling: { temperature: 1, seed: other }, maxTokens: 3 * other })
    }
    const { tokenIds } = await submit({ prompt: [1, 2, 3], maxTokens: 20, sampling, stopIds: [] }).result
    await idle()
    return tokenIds
  }
  const alone = await draw(11, 0)
  for (const neighbours of [1, 2, 7]) t.same(await draw(11, neighbours), alone)
  const others = await Promise.all([12, 13, 14, 15].map(seed => draw(seed, 0)))
  t.ok(others.every(tokenIds => String(tokenIds) !== String(alone)))
})

t.test('a grammar that fails ends its request and leaves the neighbours alone', async t => {
  class Broken extends TrieMatcher {
    override shortestCompletion(): number[] {
      throw new Error('it cannot be closed')
    }
    override allowedIds(): Int32Array | null {
      return this.isEmpty ? new Int32Array(0) : super.allowedIds()
    }
    isEmpty = false
  }
  const sentences = [
    [3, 4],
    [5, 6],
  ]
  const { submit, idle } = makeHarness(limits)
  const neighbour = submit({ prompt: [1, 2, 3], maxTokens: 12 })
  const unclosed = submit({
    prompt: [1],
    maxTokens: 1,
    closeOnLength: true,
    matcher: () => new Broken(sentences, STOP_ID),
  })
  const empty = submit({
    prompt: [1, 2],
    matcher: () => Object.assign(new Broken(sentences, STOP_ID), { isEmpty: true }),
  })
  await t.rejects(unclosed.result, { code: 'ENGINE_FAILED', message: /it cannot be closed/ })
  await t.rejects(empty.result, { code: 'ENGINE_FAILED', message: /no token is allowed/ })
  t.same((await neighbour.result).tokenIds, naiveGenerate({ prompt: [1, 2, 3], maxTokens: 12 }).tokenIds)
  await idle()
})
