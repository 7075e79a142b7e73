import type { GenerateResult, TokenLogprob } from '../../protocol/backend.js'
import type { OpenAiJob } from './request.js'

/** The answer in one piece: `chat.completion` or `text_completion`. `created` in whole seconds. `finish_reason` may be "abort", which OpenAI does not have. */
export function completionBody(
  job: OpenAiJob,
  model: string,
  created: number,
  results: readonly GenerateResult[],
): unknown {
  return {
    id: job.id,
    object: job.kind === 'chat' ? 'chat.completion' : 'text_completion',
    created,
    model,
    choices: results.map((result, index) => ({
      index,
      ...(job.kind === 'chat'
        ? { message: { role: 'assistant', content: result.text, refusal: null } }
        : { text: result.text }),
      logprobs: job.wantsLogprobs ? logprobsBody(job.kind, result.logprobs ?? [], 0) : null,
      finish_reason: result.finish,
      matched_stop: result.matchedStop,
      ...(result.violations && { violations: result.violations }),
    })),
    usage: usageBody(results, job.samples),
  }
}

/** The prompt counts once for its `samples`; image and forced tokens are ours, beyond the standard. */
export function usageBody(results: readonly GenerateResult[], samples: number): unknown {
  const prompts = results.filter((_, index) => index % samples === 0)
  const promptTokens = sum(prompts, result => result.usage.promptTokens)
  const completionTokens = sum(results, result => result.usage.completionTokens)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: {
      cached_tokens: sum(prompts, result => result.usage.cachedTokens),
      image_tokens: sum(prompts, result => result.usage.imageTokens),
      cached_image_tokens: sum(prompts, result => result.usage.cachedImageTokens),
      image_encodes: sum(results, result => result.usage.imageEncodes),
    },
    completion_tokens_details: { forced_tokens: sum(results, result => result.usage.forcedTokens) },
  }
}

/** Chat has one object a token; completions have parallel lists, with `textOffset` the length of the text before. */
export function logprobsBody(kind: 'chat' | 'text', entries: readonly TokenLogprob[], textOffset: number): unknown {
  if (kind === 'chat') {
    return {
      content: entries.map(entry => ({
        ...named(entry.text, entry.logprob),
        top_logprobs: entry.top.map(({ text, logprob }) => named(text, logprob)),
      })),
      refusal: null,
    }
  }
  let offset = textOffset
  return {
    tokens: entries.map(entry => entry.text),
    token_logprobs: entries.map(entry => entry.logprob),
    top_logprobs: entries.map(entry => topByText(entry)),
    text_offset: entries.map(entry => {
      const at = offset
      offset += entry.text.length
      return at
    }),
  }
}

/** Tokens that differ only in bytes share a text (U+FFFD); the likeliest keeps it. */
function topByText(entry: TokenLogprob): Readonly<Record<string, number>> | null {
  if (entry.top.length === 0) return null
  return Object.fromEntries(entry.top.toReversed().map(({ text, logprob }) => [text, logprob]))
}

/** `bytes` is null for a part of a character, whose bytes the text does not tell. */
function named(text: string, logprob: number | null): object {
  return { token: text, logprob, bytes: text.includes('\uFFFD') ? null : [...Buffer.from(text)] }
}

function sum<Item>(items: readonly Item[], read: (item: Item) => number): number {
  return items.reduce((total, item) => total + read(item), 0)
}
