import type { GenerateEvent, GenerateResult, TokenLogprob } from '../../protocol/backend.js'
import { invalid } from '../fields.js'
import type { NativeItem } from './request.js'

/** SGLang's order: natural logarithm, token id, text (null unless asked for). */
type Triple = readonly [logprob: number | null, tokenId: number, text: string | null]

/** One finished request in SGLang's shape. `latencySeconds` is `e2e_latency`. Throws REQUEST_INVALID for a logprob_start_len beyond the prompt. */
export function nativeBody(item: NativeItem, complete: GenerateResult, latencySeconds: number): object {
  const result = item.isPromptOnly ? withoutAnswer(complete) : withStopToken(complete)
  const { usage } = result
  checkStart(item, usage.promptTokens)
  return {
    text: item.keepsStop && typeof result.matchedStop === 'string' ? result.text + result.matchedStop : result.text,
    output_ids: result.tokenIds,
    meta_info: {
      id: result.id,
      finish_reason: finishReason(result),
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      cached_tokens: usage.cachedTokens,
      image_tokens: usage.imageTokens,
      cached_image_tokens: usage.cachedImageTokens,
      image_encodes: usage.imageEncodes,
      forced_tokens: usage.forcedTokens,
      e2e_latency: latencySeconds,
      ...(item.wantsLogprobs && logprobFields(item, result.logprobs ?? [], result.promptLogprobs ?? [])),
      ...(result.violations && { violations: result.violations }),
    },
  }
}

/** Collects deltas, since SGLang's streamed objects repeat all that was said so far. */
export class NativeStream {
  readonly #item: NativeItem
  readonly #startedAt: number
  #text = ''
  readonly #tokenIds: number[] = []
  readonly #logprobs: TokenLogprob[] = []

  constructor(item: NativeItem, startedAt: number) {
    this.#item = item
    this.#startedAt = startedAt
  }

  /** `now` on the clock of `startedAt`, in milliseconds. */
  next(event: GenerateEvent, now: number): object {
    if (event.type === 'finish') return nativeBody(this.#item, event.result, (now - this.#startedAt) / 1000)
    if (!this.#item.isPromptOnly) {
      this.#text += event.delta
      this.#tokenIds.push(...event.tokenIds)
      this.#logprobs.push(...(event.logprobs ?? []))
    }
    return {
      text: this.#text,
      output_ids: this.#tokenIds,
      meta_info: {
        id: this.#item.request.id,
        finish_reason: null,
        ...(event.usage && {
          prompt_tokens: event.usage.promptTokens,
          cached_tokens: event.usage.cachedTokens,
        }),
        completion_tokens: this.#tokenIds.length,
        ...(this.#item.wantsLogprobs && logprobFields(this.#item, this.#logprobs, [])),
      },
    }
  }
}

/** Known only now: text is not tokens. SGLang refuses it too. */
function checkStart({ request }: NativeItem, promptTokens: number): void {
  const start = request.logprobs?.promptFrom ?? 0
  if (start < promptTokens) return
  throw invalid(
    `"logprob_start_len" must be below the ${promptTokens} tokens of the prompt; got ${start}.`,
    'logprob_start_len',
  )
}

/** SGLang counts the token that ended the text, and lists it. */
function withStopToken(result: GenerateResult): GenerateResult {
  if (typeof result.matchedStop !== 'number') return result
  return {
    ...result,
    tokenIds: [...result.tokenIds, result.matchedStop],
    usage: { ...result.usage, completionTokens: result.usage.completionTokens + 1 },
    ...(result.logprobs && result.stopLogprob && { logprobs: [...result.logprobs, result.stopLogprob] }),
  }
}

function withoutAnswer(result: GenerateResult): GenerateResult {
  return {
    ...result,
    text: '',
    tokenIds: [],
    finish: result.finish === 'abort' ? 'abort' : 'length',
    matchedStop: null,
    usage: { ...result.usage, completionTokens: 0, forcedTokens: 0 },
    logprobs: [],
  }
}

function finishReason({ finish, matchedStop, tokenIds }: GenerateResult): object {
  if (finish === 'stop') return { type: 'stop', matched: matchedStop }
  if (finish === 'length') return { type: 'length', length: tokenIds.length }
  return { type: 'abort', message: 'The request was aborted.' }
}

function logprobFields(item: NativeItem, output: readonly TokenLogprob[], input: readonly TokenLogprob[]): object {
  const tops = (entries: readonly TokenLogprob[]) =>
    entries.map(entry => entry.top.map(({ logprob, tokenId, text }) => triple(item, logprob, tokenId, text)))
  return {
    // SGLang does not tell the first of the asked-for prompt positions, wherever it is.
    input_token_logprobs: input.map((entry, index) => plain(item, entry, index === 0 ? null : entry.logprob)),
    output_token_logprobs: output.map(entry => plain(item, entry, entry.logprob)),
    output_token_logprobs_length: output.length,
    ...(item.wantsTop && {
      input_top_logprobs: tops(input).map((top, index) => (index === 0 || top.length === 0 ? null : top)),
      output_top_logprobs: tops(output),
    }),
  }
}

function plain(item: NativeItem, entry: TokenLogprob, logprob: number | null): Triple {
  return triple(item, logprob, entry.tokenId, entry.text)
}

function triple(item: NativeItem, logprob: number | null, tokenId: number, text: string): Triple {
  return [logprob, tokenId, item.showsText ? text : null]
}
