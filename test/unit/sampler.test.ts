import t from 'tap'
import { logSumExp, topLogprobs } from '../../runtime/sampling/logprobs.js'
import { uniformAt } from '../../runtime/sampling/random.js'
import { Sampler, type SamplerOptions, TokenCounts } from '../../runtime/sampling/sampler.js'
import { StopMatcher } from '../../runtime/sampling/stop.js'

const greedy: SamplerOptions = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repetitionPenalty: 1,
  seed: 1,
  logitBias: new Map(),
}
const logits = Float32Array.from([1, 3, 2, 3, -1, 99])
const none = new TokenCounts([])

/** Relative frequency of each token over many positions. */
function frequencies(sampler: Sampler, options: SamplerOptions, row = logits): number[] {
  const counts = new Array<number>(5).fill(0)
  const draws = 20_000
  for (let position = 0; position < draws; position++) counts[sampler.sample(row, options, none, null, position)]!++
  return counts.map(count => count / draws)
}

t.test('greedy takes the highest logit, the lowest id of equals, and never a padding or forbidden id', async t => {
  t.equal(new Sampler(5, []).sample(logits, greedy, none, null, 0), 1)
  t.equal(new Sampler(5, [1]).sample(logits, greedy, none, null, 0), 3)
  t.equal(new Sampler(5, []).sample(logits, greedy, none, { ids: Int32Array.of(0, 4) }, 0), 0)
  t.equal(new Sampler(5, []).sample(logits, greedy, none, { mask: Int32Array.of(0b110100) }, 0), 2)
  t.throws(() => new Sampler(5, []).sample(logits, greedy, none, { ids: Int32Array.of(5) }, 0), RangeError)
})

t.test('mask and id list choose alike', async t => {
  const sampler = new Sampler(5, [])
  const options = { ...greedy, temperature: 1 }
  for (let position = 0; position < 200; position++) {
    const byIds = sampler.sample(logits, options, none, { ids: Int32Array.of(0, 2, 3) }, position)
    t.equal(sampler.sample(logits, options, none, { mask: Int32Array.of(0b1101) }, position), byIds)
  }
})

t.test('sampling follows the softmax, and temperature divides the logits', async t => {
  const row = Float32Array.from([0, Math.log(2), Math.log(4), -50, -50])
  const sampler = new Sampler(5, [])
  const flat = frequencies(sampler, { ...greedy, temperature: 1 }, row)
  for (const [id, expected] of [1 / 7, 2 / 7, 4 / 7].entries()) t.ok(Math.abs(flat[id]! - expected) < 0.015)
  const sharp = frequencies(sampler, { ...greedy, temperature: 0.5 }, row)
  for (const [id, expected] of [1 / 21, 4 / 21, 16 / 21].entries()) t.ok(Math.abs(sharp[id]! - expected) < 0.015)
})

t.test('topK, topP and minP leave the tokens they should', async t => {
  const row = Float32Array.from([0, Math.log(2), Math.log(4), Math.log(3), -50])
  const sampler = new Sampler(5, [])
  const support = (options: Partial<SamplerOptions>): number[] =>
    frequencies(sampler, { ...greedy, temperature: 1, ...options }, row).flatMap((share, id) => (share > 0 ? [id] : []))
  t.same(support({ topK: 2 }), [2, 3])
  t.same(support({ topK: 1 }), [2])
  t.same(support({ topP: 0.39 }), [2], 'the token that reaches the mass is the last one kept')
  t.same(support({ topP: 0.41 }), [2, 3])
  t.same(support({ topP: 0.95 }), [0, 1, 2, 3])
  t.same(support({ minP: 0.45 }), [1, 2, 3])
  t.same(support({ topK: 3, topP: 0.5 }), [2, 3])
})

t.test('topP over a large flat vocabulary keeps the right number of tokens', async t => {
  const size = 5000
  const row = new Float32Array(size)
  const sampler = new Sampler(size, [])
  const seen = new Set<number>()
  for (let i = 0; i < 3000; i++) seen.add(sampler.sample(row, { ...greedy, temperature: 1, topP: 0.1 }, none, null, i))
  t.ok(Math.max(...seen) < size * 0.1 + 1)
  t.ok(seen.size > 400)
})

t.test('penalties and bias change the logits as documented', async t => {
  const sampler = new Sampler(5, [])
  const counts = new TokenCounts([1])
  counts.add(3)
  counts.add(3)
  t.equal(sampler.sample(logits, { ...greedy, presencePenalty: 0.5 }, counts, null, 0), 1)
  t.equal(sampler.sample(logits, { ...greedy, repetitionPenalty: 2 }, counts, null, 0), 2)
  t.equal(sampler.sample(logits, { ...greedy, frequencyPenalty: 0.4 }, counts, { ids: Int32Array.of(2, 3) }, 0), 3)
  t.equal(sampler.sample(logits, { ...greedy, frequencyPenalty: 0.6 }, counts, { ids: Int32Array.of(2, 3) }, 0), 2)
  t.equal(sampler.sample(logits, { ...greedy, logitBias: new Map([[4, 10]]) }, counts, null, 0), 4)
})

t.test('random numbers are uniform, and differ by seed and position only', async t => {
  t.equal(uniformAt(7, 3), uniformAt(7, 3))
  t.not(uniformAt(7, 3), uniformAt(8, 3))
  t.not(uniformAt(7, 3), uniformAt(7, 4))
  t.not(uniformAt(7, 3), uniformAt(7 + 2 ** 32, 3))
  const bins = new Array<number>(10).fill(0)
  for (let i = 0; i < 50_000; i++) bins[Math.floor(uniformAt(i % 7, i) * 10)]!++
  for (const bin of bins) t.ok(Math.abs(bin - 5000) < 300, `a tenth holds ${bin} of 50,000`)
})

t.test('log-probabilities sum to one and come best first', async t => {
  const normaliser = logSumExp(logits, 5)
  const top = topLogprobs(logits, 5, 5, normaliser)
  t.same(
    top.map(entry => entry.tokenId),
    [1, 3, 2, 0, 4],
  )
  t.ok(Math.abs(top.reduce((sum, entry) => sum + Math.exp(entry.logprob), 0) - 1) < 1e-6)
  t.same(
    topLogprobs(logits, 5, 2, normaliser).map(entry => entry.tokenId),
    [1, 3],
  )
})

t.test('stop strings are found across pieces, and nothing of them gets out', async t => {
  const stop = new StopMatcher(['END', 'E!'])
  t.same(stop.push('abE'), { text: 'ab', matched: null })
  t.same(stop.push('N'), { text: '', matched: null })
  t.same(stop.push('xE'), { text: 'ENx', matched: null })
  t.same(stop.push('NDmore'), { text: '', matched: 'END' })
  const open = new StopMatcher(['END'])
  t.same(open.push('aEN'), { text: 'a', matched: null })
  t.equal(open.flush(), 'EN')
  t.same(new StopMatcher([]).push('END'), { text: 'END', matched: null })
})

t.test('a tokenizer that knows more tokens than there are logits changes no probability', t => {
  const logits = Float32Array.of(1, 3, 2)
  t.equal(logSumExp(logits, 5), logSumExp(logits, 3))
  t.same(
    topLogprobs(logits, 5, 5, 0).map(({ tokenId }) => tokenId),
    [1, 2, 0],
  )
  t.end()
})
