import type { FinishReason } from '../../runtime/protocol/backend.js'
import { Sampler, type SamplerOptions, TokenCounts } from '../../runtime/sampling/sampler.js'
import { greedySampling, letter, type Request, STOP_ID } from './core-harness.js'
import { logitsAfter, VOCABULARY } from './scripted-runner.js'

export interface NaiveResult {
  readonly tokenIds: readonly number[]
  readonly text: string
  readonly finish: FinishReason
  readonly matchedStop: string | number | null
  /** Of the tokens that were chosen or dictated; closing tokens have none. */
  readonly logprobs: readonly number[]
}

/**
 * What a request generates on the scripted model, in the plainest way: every token on its own, from the whole text so
 * far, with every token of a grammar sampled and the stop strings looked for in all of the text.
 */
export function naiveGenerate(request: Request): NaiveResult {
  const { prompt, maxTokens = 8, minTokens = 0, stop = [], matcher, spell = letter } = request
  const stopIds = [STOP_ID, ...(request.stopIds ?? [])]
  const sampling = { ...greedySampling, ...request.sampling }
  const sampler = new Sampler(VOCABULARY, [])
  const grammar = matcher?.() ?? null
  const counts = new TokenCounts(prompt.filter(id => id >= 0))
  const tokenIds: number[] = []
  const logprobs: number[] = []
  let text = ''
  const result = (finish: FinishReason, matchedStop: string | number | null = null): NaiveResult => {
    return { tokenIds, text, finish, matchedStop, logprobs }
  }
  /** Text that tokens before `minTokens` wrote is not looked at. */
  let lookFrom = 0
  const say = (id: number): string | null => {
    tokenIds.push(id)
    counts.add(id)
    if (tokenIds.length < minTokens) lookFrom = text.length + spell(id).length
    for (const character of spell(id)) {
      text += character
      const seen = text.slice(lookFrom)
      const found = stop.filter(string => seen.endsWith(string)).sort((a, b) => b.length - a.length)[0]
      if (found === undefined) continue
      text = text.slice(0, text.length - found.length)
      return found
    }
    return null
  }
  while (!grammar?.mustStop()) {
    if (tokenIds.length >= maxTokens) {
      if (!request.closeOnLength || !grammar) return result('length')
      for (const id of grammar.shortestCompletion()) {
        const found = say(id)
        if (found !== null) return result('stop', found)
      }
      return result('length')
    }
    const elements = [...prompt, ...tokenIds]
    const logits = logitsAfter(elements, elements.length - 1)
    const isOpen = tokenIds.length < minTokens
    const bias = new Map(isOpen ? stopIds.map(id => [id, Number.NEGATIVE_INFINITY]) : [])
    const options: SamplerOptions = { ...sampling, logitBias: new Map([...sampling.logitBias, ...bias]) }
    const row = new Int32Array(1)
    grammar?.fillMask(row)
    const id = sampler.sample(logits, options, counts, grammar && { mask: row }, tokenIds.length)
    if (stopIds.includes(id)) return result('stop', id)
    logprobs.push(logprobOf(logits, id))
    grammar?.accept(id)
    const found = say(id)
    if (found !== null) return result('stop', found)
  }
  return result('stop')
}

/** Natural logarithm of the softmax, in double precision. */
export function logprobOf(logits: Float32Array, id: number): number {
  const top = Math.max(...logits)
  return logits[id]! - top - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
}
