import type { GenerateEvent, GenerateResult, TokenLogprob } from '../../protocol/backend.js'
import type { OpenAiJob } from './request.js'
import { logprobsBody, usageBody } from './response.js'

interface ChoiceState {
  begun: boolean
  /** UTF-16 units of text sent. */
  textLength: number
  /** Tokens whose log-probabilities have been sent. */
  reported: number
}

/** Streamed events as `chat.completion.chunk` or `text_completion` objects; with `include_usage` one more ends the stream. */
export async function* completionChunks(
  job: OpenAiJob,
  model: string,
  created: number,
  events: AsyncIterable<{ readonly index: number; readonly event: GenerateEvent }>,
): AsyncGenerator<unknown> {
  const states = job.requests.map((): ChoiceState => ({ begun: false, textLength: 0, reported: 0 }))
  const results: GenerateResult[] = []
  const wrap = (choices: readonly unknown[], usage: unknown) => ({
    id: job.id,
    object: job.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion',
    created,
    model,
    choices,
    ...(job.includesUsage && { usage }),
  })
  for await (const { index, event } of events) {
    const state = states[index]!
    const choice = event.type === 'finish' ? endChoice(job, state, event.result) : deltaChoice(job, state, event)
    if (event.type === 'finish') results[index] = event.result
    yield wrap([{ index, ...choice }], null)
  }
  if (job.includesUsage) yield wrap([], usageBody(results, job.samples))
}

function deltaChoice(
  job: OpenAiJob,
  state: ChoiceState,
  event: GenerateEvent & { readonly type: 'text-delta' },
): object {
  return {
    ...content(job, state, event.delta),
    logprobs: logprobs(job, state, event.logprobs ?? [], event.delta),
    finish_reason: null,
  }
}

/** The last chunk carries no text; log-probabilities that no delta brought come with it. */
function endChoice(job: OpenAiJob, state: ChoiceState, result: GenerateResult): object {
  const rest = result.logprobs?.slice(state.reported) ?? []
  return {
    ...content(job, state, ''),
    logprobs: logprobs(job, state, rest, ''),
    finish_reason: result.finish,
    matched_stop: result.matchedStop,
    ...(result.violations && { violations: result.violations }),
  }
}

function content(job: OpenAiJob, state: ChoiceState, text: string): object {
  if (job.kind === 'text') return { text }
  const role = state.begun ? {} : { role: 'assistant' }
  state.begun = true
  return { delta: { ...role, ...(text !== '' || 'role' in role ? { content: text } : {}) } }
}

function logprobs(job: OpenAiJob, state: ChoiceState, entries: readonly TokenLogprob[], text: string): unknown {
  const offset = state.textLength
  state.textLength += text.length
  state.reported += entries.length
  return job.wantsLogprobs && entries.length > 0 ? logprobsBody(job.kind, entries, offset) : null
}
