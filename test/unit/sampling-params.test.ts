import t from 'tap'
import { resolveLogprobs, resolveSampling } from '../../runtime/engine/sampling-params.js'
import type { SamplingParams } from '../../runtime/protocol/backend.js'

const SIZE = 100
const resolve = (params: Readonly<Record<string, unknown>>) => resolveSampling(params as SamplingParams, SIZE)

t.test('nothing given is greedy, with a fresh seed each time', async t => {
  const { sampler, ...rest } = resolve({})
  const { seed, ...options } = sampler
  t.same(rest, { maxTokens: 256, minTokens: 0, stop: [], stopTokenIds: [], ignoreEos: false })
  t.same(options, {
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    frequencyPenalty: 0,
    presencePenalty: 0,
    repetitionPenalty: 1,
    logitBias: new Map(),
  })
  const seeds = new Set(Array.from({ length: 20 }, () => resolve({}).sampler.seed))
  t.equal(seeds.size, 20)
  t.ok(Number.isSafeInteger(seed))
})

/** By field: values at the ends of the range, values beyond them, and the words for the range. */
const RANGES: Readonly<Record<string, { readonly good: unknown[]; readonly bad: unknown[]; readonly range: string }>> =
  {
    maxTokens: { good: [1, 1e9], bad: [0, -1, 1.5, '8', Number.NaN], range: 'a whole number, 1 or more' },
    minTokens: { good: [0, 7], bad: [-1, 0.5], range: 'a whole number, 0 or more' },
    temperature: { good: [0, 0.7, 100], bad: [-0.1, 101, Number.NaN, 'hot'], range: 'a number, from 0 to 100' },
    topP: { good: [1e-9, 1], bad: [0, 1.01, -1], range: 'a number, from above 0 to 1' },
    topK: { good: [0, 1e6], bad: [-1, 2.5], range: 'a whole number, 0 or more' },
    minP: { good: [0, 1], bad: [-0.1, 1.1], range: 'a number, from 0 to 1' },
    frequencyPenalty: { good: [-2, 2], bad: [-2.1, 2.1], range: 'a number, from -2 to 2' },
    presencePenalty: { good: [-2, 2], bad: [-3, Number.POSITIVE_INFINITY], range: 'a number, from -2 to 2' },
    repetitionPenalty: { good: [0.1, 100], bad: [0, -1, 101], range: 'a number, from above 0 to 100' },
    seed: { good: [0, -5, Number.MAX_SAFE_INTEGER], bad: [1.5, 2 ** 60, Number.NaN], range: 'a whole number, ' },
  }

t.test('every number has its range; a refusal names field, range and value', async t => {
  for (const [field, { good, bad, range }] of Object.entries(RANGES)) {
    for (const value of good) {
      const { sampler, ...rest } = resolve({ [field]: value })
      t.equal({ ...sampler, ...rest }[field as 'seed'], value)
    }
    for (const value of bad) {
      const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
      const refused = new RegExp(`^${field} must be ${range}.*; ${shown.replace(/[.+]/g, '\\$&')} came\\.$`)
      t.throws(() => resolve({ [field]: value }), { code: 'REQUEST_INVALID', message: refused }, `${field} ${shown}`)
    }
  }
})

t.test('stop strings are texts that are not empty', async t => {
  t.same(resolve({ stop: ['END', '\n'] }).stop, ['END', '\n'])
  for (const stop of [[''], ['a', ''], [3]]) {
    t.throws(() => resolve({ stop }), { code: 'REQUEST_INVALID', message: /stop string/ })
  }
})

t.test('token ids of stops and biases are those of the vocabulary', async t => {
  t.same(resolve({ stopTokenIds: [0, SIZE - 1] }).stopTokenIds, [0, SIZE - 1])
  t.same(resolve({ logitBias: { 3: -2.5, 7: Number.NEGATIVE_INFINITY } }).sampler.logitBias.get(3), -2.5)
  for (const params of [
    { stopTokenIds: [SIZE] },
    { stopTokenIds: [-1] },
    { logitBias: { 100: 1 } },
    { logitBias: { x: 1 } },
  ]) {
    t.throws(() => resolve(params), { code: 'REQUEST_INVALID', message: /from 0 to 99/ })
  }
  for (const bias of [Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
    t.throws(() => resolve({ logitBias: { 3: bias } }), {
      code: 'REQUEST_INVALID',
      message: /logitBias .* for token 3/,
    })
  }
})

t.test('log-probabilities: how many alternatives, and from which position of the prompt on', async t => {
  t.same(resolveLogprobs(undefined, SIZE), { top: null, promptFrom: null })
  t.same(resolveLogprobs({}, SIZE), { top: 0, promptFrom: null })
  t.same(resolveLogprobs({ top: SIZE, promptFrom: 7 }, SIZE), { top: SIZE, promptFrom: 7 })
  for (const top of [-1, 0.5, SIZE + 1, Number.NaN]) {
    const refused = { code: 'REQUEST_INVALID', message: new RegExp(`logprobs.top .* from 0 to ${SIZE}; ${top} came`) }
    t.throws(() => resolveLogprobs({ top }, SIZE), refused)
  }
  for (const promptFrom of [-1, 1.5, Number.NaN]) {
    const refused = { code: 'REQUEST_INVALID', message: new RegExp(`promptFrom .* 0 or more; ${promptFrom} came`) }
    t.throws(() => resolveLogprobs({ promptFrom }, SIZE), refused)
  }
})
