import t from 'tap'
import type { TokenLogprob } from '../../runtime/protocol/backend.js'
import { makeHarness, STOP_ID } from '../support/core-harness.js'
import { TrieMatcher } from '../support/trie-matcher.js'

const limits = { numSlots: 2, pageSize: 4, numPages: 16, maxChunk: 16 }

t.test(
  'deltas carry one log-probability for each of their tokens, forced ones too, and add up to the result',
  async t => {
    const { submit, idle } = makeHarness(limits)
    const sentences = [
      [3, 4, 5, 6, 7],
      [3, 4, 8, 6, 7, 9, 9],
      [3, 4, 8, 6, 2, 1],
    ]
    const stream = submit({
      prompt: [1, 2, 3],
      maxTokens: 12,
      topLogprobs: 2,
      matcher: () => new TrieMatcher(sentences, STOP_ID),
    })
    const tokenIds: number[] = []
    const logprobs: TokenLogprob[] = []
    let text = ''
    for await (const event of stream) {
      if (event.type !== 'text-delta') continue
      t.equal(event.logprobs?.length, event.tokenIds.length)
      text += event.delta
      tokenIds.push(...event.tokenIds)
      logprobs.push(...(event.logprobs ?? []))
    }
    const result = await stream.result
    t.ok(result.usage.forcedTokens > 0)
    t.equal(text, result.text)
    t.same(tokenIds, result.tokenIds)
    t.same(logprobs, result.logprobs)
    for (const entry of logprobs) t.type(entry.logprob, 'number')
    await idle()
  },
)

t.test('a request that asks for none streams without them', async t => {
  const { submit, idle } = makeHarness(limits)
  for await (const event of submit({ prompt: [3, 3], maxTokens: 5 })) {
    if (event.type === 'text-delta') t.notOk('logprobs' in event)
  }
  await idle()
})
