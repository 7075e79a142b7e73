import { randomUUID } from 'node:crypto'
import type { GenerateRequest, Prompt, SamplingParams } from '../../protocol/backend.js'
import type { EngineModel } from '../../protocol/engine.js'
import { readOpenAiConstraint } from '../constraints.js'
import { checkGenerations, Fields, invalid } from '../fields.js'
import type { ReadImage } from '../images.js'
import { readSharedSampling, withoutUndefined, withSeedOffset } from '../sampling.js'
import { checkIdLists } from '../token-ids.js'
import { readChatPrompt } from './messages.js'

/** One HTTP request as the generations that answer it, prompt by prompt, `samples` of each. */
export interface OpenAiJob {
  readonly id: string
  readonly kind: 'chat' | 'text'
  readonly samples: number
  readonly requests: readonly GenerateRequest[]
  readonly isStream: boolean
  readonly includesUsage: boolean
  readonly wantsLogprobs: boolean
}

/** Accepted without effect: nothing that the answer says could depend on them. */
const IGNORED = new Set([
  'model',
  'user',
  'metadata',
  'store',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prediction',
  'parallel_tool_calls',
  'separate_reasoning',
  'stream_reasoning',
])

/** Throws REQUEST_INVALID, or what reading a picture throws. */
export async function readChatJob(body: unknown, model: EngineModel, readImage: ReadImage): Promise<OpenAiJob> {
  const fields = new Fields(body)
  const wantsLogprobs = fields.flag('logprobs') ?? false
  const top = fields.integer('top_logprobs', { min: 0, max: 20 })
  if (top !== undefined && !wantsLogprobs) throw invalid('"top_logprobs" needs "logprobs": true.', 'top_logprobs')
  const maxTokens =
    fields.integer('max_completion_tokens', { min: 1 }) ??
    fields.integer('max_tokens', { min: 1 }) ??
    model.contextLength
  fields.integer('max_tokens', { min: 1 })
  fields.refuse('tools', 'this server calls no tools')
  fields.refuse('tool_choice', 'this server calls no tools', value => value === 'none' || value === 'auto')
  fields.refuse('functions', 'this server calls no tools')
  fields.refuse(
    'modalities',
    'only text comes out',
    value => Array.isArray(value) && value.every(item => item === 'text'),
  )
  const read = readCommon(fields, model, maxTokens)
  // Pictures come last: nothing is fetched for a request that is refused anyway.
  fields.list('messages')
  fields.flag('continue_final_message')
  fields.finish(IGNORED)
  const prompt = await readChatPrompt(fields, readImage)
  return assemble('chat', read, [prompt], wantsLogprobs ? { top: top ?? 0 } : undefined)
}

/** Throws REQUEST_INVALID. */
export function readCompletionJob(body: unknown, model: EngineModel): OpenAiJob {
  const fields = new Fields(body)
  const prompts = readPrompts(fields, model)
  const top = fields.integer('logprobs', { min: 0, max: 20 })
  const maxTokens = fields.integer('max_tokens', { min: 1 }) ?? 16
  fields.refuse('echo', 'ask /generate for the prompt with logprob_start_len')
  fields.refuse('suffix', 'the model only continues text')
  fields.refuse('best_of', 'all samples are returned; use "n"', value => value === (fields.raw('n') ?? 1))
  const read = readCommon(fields, model, maxTokens)
  fields.finish(IGNORED)
  return assemble('text', read, prompts, top === undefined ? undefined : { top })
}

/** A text, token ids, or a list of either, as OpenAI has it. */
function readPrompts(fields: Fields, model: EngineModel): readonly Prompt[] {
  const value = fields.raw('prompt')
  if (value === undefined) throw invalid('"prompt" is missing.', 'prompt')
  const first = Array.isArray(value) ? value[0] : undefined
  if (typeof first === 'number' || Array.isArray(first)) {
    return checkIdLists(value, 'prompt', model.vocabSize).lists.map(ids => ({ kind: 'tokens', ids }))
  }
  const texts = fields.textOrTexts('prompt')!
  if (texts.length === 0) throw invalid('"prompt" must hold at least one prompt.', 'prompt')
  return texts.map(text => ({ kind: 'raw', parts: [{ kind: 'text', text }] }))
}

interface Common {
  readonly id: string | undefined
  readonly samples: number
  readonly isStream: boolean
  readonly includesUsage: boolean
  readonly sampling: SamplingParams
  readonly rest: Pick<GenerateRequest, 'constraint' | 'cacheSalt' | 'priority' | 'closeOnLength'>
}

function readCommon(fields: Fields, model: EngineModel, maxTokens: number): Common {
  const isStream = fields.flag('stream') ?? false
  const streamOptions = fields.object('stream_options')
  if (streamOptions !== undefined && !isStream)
    throw invalid('"stream_options" needs "stream": true.', 'stream_options')
  const includesUsage = streamOptions?.flag('include_usage') ?? false
  streamOptions?.finish(new Set(['include_obfuscation']))
  for (const [name, why] of Object.entries(UNSUPPORTED)) fields.refuse(name, why)
  fields.requireOn('skip_special_tokens', 'special tokens are never shown')
  return {
    id: fields.name('rid'),
    samples: fields.integer('n', { min: 1, max: 128 }) ?? 1,
    isStream,
    includesUsage,
    sampling: withoutUndefined({
      ...readSharedSampling(fields, model),
      maxTokens,
      minTokens: fields.integer('min_tokens', { min: 0 }),
    }),
    rest: withoutUndefined({
      constraint: readOpenAiConstraint(fields),
      cacheSalt: fields.text('cache_salt') ?? fields.text('extra_key'),
      priority: fields.integer('priority'),
      closeOnLength: fields.flag('close_on_length'),
    }),
  }
}

const UNSUPPORTED: Readonly<Record<string, string>> = {
  stop_regex: 'use "stop", or "regex" for the whole answer',
  no_stop_trim: 'the stop text is never part of the answer',
  lora_path: 'there are no adapters',
  audio: 'only text comes out',
}

function assemble(
  kind: 'chat' | 'text',
  { id: given, samples, isStream, includesUsage, sampling, rest }: Common,
  prompts: readonly Prompt[],
  logprobs: { readonly top: number } | undefined,
): OpenAiJob {
  const id = given ?? `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${randomUUID().replaceAll('-', '')}`
  checkGenerations(prompts.length, samples)
  const count = prompts.length * samples
  const requests = Array.from({ length: count }, (_, index): GenerateRequest => {
    const sample = index % samples
    return {
      id: count === 1 ? id : `${id}_${index}`,
      prompt: prompts[(index - sample) / samples]!,
      sampling: withSeedOffset(sampling, sample),
      ...rest,
      ...(logprobs && { logprobs }),
    }
  })
  return { id, kind, samples, requests, isStream, includesUsage, wantsLogprobs: logprobs !== undefined }
}
