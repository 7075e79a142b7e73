import { randomUUID } from 'node:crypto'
import type { GenerateRequest, ImageSource, LogprobOptions, Prompt } from '../../protocol/backend.js'
import type { EngineModel } from '../../protocol/engine.js'
import { checkGenerations, Fields, invalid, isRecord, quote } from '../fields.js'
import type { ReadImage } from '../images.js'
import { withoutUndefined, withSeedOffset } from '../sampling.js'
import { checkIdLists } from '../token-ids.js'
import { placeMedia, spreadMedia } from './prompt.js'
import { type NativeSampling, readNativeSampling } from './sampling.js'

export interface NativeItem {
  readonly request: GenerateRequest & { readonly id: string }
  readonly wantsLogprobs: boolean
  /** Whether the alternatives of each token are part of the answer. */
  readonly wantsTop: boolean
  readonly showsText: boolean
  readonly keepsStop: boolean
  readonly isPromptOnly: boolean
}

export interface NativeJob {
  /** One request, one object; otherwise a list answers, or streamed objects carry their `index`. */
  readonly isSingle: boolean
  readonly isStream: boolean
  readonly items: readonly NativeItem[]
}

/** Accepted without effect: they steer SGLang's own logs, routing and processes. */
const IGNORED = new Set([
  'modalities',
  'log_metrics',
  'no_logs',
  'custom_labels',
  'session_id',
  'conversation_id',
  'routing_key',
  'received_time',
  'background',
  'routed_dp_rank',
  'data_parallel_rank',
  'external_trace_header',
  'mm_hashes',
  'mm_content_hashes',
  'bootstrap_host',
  'bootstrap_port',
  'bootstrap_room',
])

const UNSUPPORTED: Readonly<Record<string, string>> = {
  input_embeds: 'prompts are text or token ids',
  audio_data: 'the model does not hear',
  session_params: 'there are no sessions; repeated prefixes are found in the cache',
  lora_path: 'there are no adapters',
  custom_logit_processor: 'there are no custom logit processors',
  token_ids_logprob: 'ask for the likeliest tokens with top_logprobs_num',
  return_hidden_states: 'hidden states are not kept',
  require_reasoning: 'there is no reasoning parser',
}

/** The body of /generate. Throws REQUEST_INVALID, IMAGE_COUNT_MISMATCH, VIDEO_COUNT_MISMATCH, or what reading a picture throws. */
export async function readNativeJob(body: unknown, model: EngineModel, readImage: ReadImage): Promise<NativeJob> {
  const fields = new Fields(body)
  const { isSingle, prompts } = readPrompts(fields, model)
  const count = prompts.length
  const isStream = fields.flag('stream') ?? false
  const showsText = fields.flag('return_text_in_logprobs') ?? false
  for (const [name, why] of Object.entries(UNSUPPORTED)) {
    fields.refuse(name, why, value => Array.isArray(value) && value.every(item => item === null))
  }
  const shared = withoutUndefined({ priority: fields.integer('priority') })
  const samplings = readSamplings(fields, count, model)
  const samples = samplings[0]!.samples
  if (samplings.some(sampling => sampling.samples !== samples)) {
    throw invalid('"n" must be the same in all of "sampling_params".', 'sampling_params')
  }
  checkGenerations(count, samples)
  const ids = readIds(fields, count, samples, isSingle)
  const salts = perItem(fields, 'cache_salt', count, isText) ?? perItem(fields, 'extra_key', count, isText)
  const logprobs = readLogprobs(fields, count)
  const images = spreadMedia('image_data', fields.raw('image_data'), count, isSingle)
  const videos = spreadMedia('video_data', fields.raw('video_data'), count, isSingle)
  const sampled = withoutUndefined({ frames: fields.integer('num_frames', { min: 1 }) })
  fields.finish(IGNORED)

  const items: NativeItem[] = []
  for (const [index, prompt] of prompts.entries()) {
    const place = (name: string) => (isSingle ? name : `${name}[${index}]`)
    const pictures = await readAll(images[index]!, place('image_data'), readImage)
    const clips = await readAll(videos[index]!, place('video_data'), readImage)
    const films = clips.map(clip => ({ ...clip, ...sampled }))
    const placed: Prompt =
      typeof prompt === 'string'
        ? placeMedia(prompt, pictures, films)
        : { kind: 'tokens', ids: prompt, images: pictures, ...(films.length > 0 && { videos: films }) }
    const { sampling, rest, keepsStop, isPromptOnly } = samplings[index]!
    const wanted = logprobs[index]
    for (let sample = 0; sample < samples; sample++) {
      items.push({
        request: {
          id: ids[index * samples + sample]!,
          prompt: placed,
          sampling: withSeedOffset(sampling, sample),
          ...rest,
          ...shared,
          ...(salts?.[index] !== undefined && { cacheSalt: salts[index]! }),
          ...(wanted !== undefined && { logprobs: wanted }),
        },
        wantsLogprobs: wanted !== undefined,
        wantsTop: (wanted?.top ?? 0) > 0,
        showsText,
        keepsStop,
        isPromptOnly,
      })
    }
  }
  return { isSingle: isSingle && samples === 1, isStream, items }
}

/** One after the other: a list may name more pictures than should be fetched at once. */
async function readAll(references: readonly string[], param: string, readImage: ReadImage): Promise<ImageSource[]> {
  const sources: ImageSource[] = []
  for (const [index, reference] of references.entries()) {
    sources.push(await readImage(reference, `${param}[${index}]`))
  }
  return sources
}

function readPrompts(
  fields: Fields,
  model: EngineModel,
): { isSingle: boolean; prompts: readonly (string | readonly number[])[] } {
  const text = fields.raw('text')
  const ids = fields.raw('input_ids')
  if ((text === undefined) === (ids === undefined)) throw invalid('Send either "text" or "input_ids".', 'text')
  if (text !== undefined) {
    const prompts = fields.textOrTexts('text')!
    if (prompts.length === 0) throw invalid('"text" must hold at least one prompt.', 'text')
    return { isSingle: typeof text === 'string', prompts }
  }
  const { isSingle, lists } = checkIdLists(ids, 'input_ids', model.vocabSize, placeholdersOf(model))
  return { isSingle, prompts: lists }
}

function placeholdersOf({ imageTokenId, videoTokenId }: EngineModel): readonly number[] {
  return videoTokenId === undefined ? [imageTokenId] : [imageTokenId, videoTokenId]
}

function readSamplings(fields: Fields, count: number, model: EngineModel): readonly NativeSampling[] {
  const value = fields.raw('sampling_params') ?? {}
  if (!Array.isArray(value)) {
    const sampling = readNativeSampling(new Fields(value, 'sampling_params'), model)
    return Array.from({ length: count }, () => sampling)
  }
  if (value.length !== count) {
    throw invalid(
      `"sampling_params" has ${value.length} items for ${count} requests; send one each, or one object.`,
      'sampling_params',
    )
  }
  return value.map((item, index) => readNativeSampling(new Fields(item, `sampling_params[${index}]`), model))
}

/** Ids of all items, samples of a prompt together: what the client chose, with a number where one id serves several. */
function readIds(fields: Fields, count: number, samples: number, isSingle: boolean): readonly string[] {
  const value = fields.raw('rid')
  const numbered = (id: string) => (samples === 1 ? [id] : range(samples).map(sample => `${id}_${sample}`))
  if (value === undefined) return range(count * samples).map(() => randomUUID().replaceAll('-', ''))
  if (typeof value === 'string' && value !== '') {
    return isSingle ? numbered(value) : range(count * samples).map(index => `${value}_${index}`)
  }
  const isList = Array.isArray(value) && value.length === count && value.every(isText)
  if (!isList)
    throw invalid(`"rid" must be a string, or ${count} strings for ${count} requests; got ${quote(value)}.`, 'rid')
  if (new Set(value).size !== count) throw invalid('"rid" holds the same id twice.', 'rid')
  return value.flatMap((id: string) => numbered(id))
}

function readLogprobs(fields: Fields, count: number): readonly (LogprobOptions | undefined)[] {
  const wanted = perItem(fields, 'return_logprob', count, value => typeof value === 'boolean')
  const starts = perItem(
    fields,
    'logprob_start_len',
    count,
    value => Number.isSafeInteger(value) && (value as number) >= -1,
  )
  const tops = perItem(
    fields,
    'top_logprobs_num',
    count,
    value => Number.isSafeInteger(value) && (value as number) >= 0,
  )
  return range(count).map(index => {
    if (wanted?.[index] !== true) return undefined
    const start = (starts?.[index] as number | undefined) ?? -1
    return { top: (tops?.[index] as number | undefined) ?? 0, ...(start >= 0 && { promptFrom: start }) }
  })
}

/** A value for all requests, or a list with one each; undefined when absent. */
function perItem<Value>(
  fields: Fields,
  name: string,
  count: number,
  test: (value: unknown) => value is Value,
): readonly Value[] | undefined
function perItem(
  fields: Fields,
  name: string,
  count: number,
  test: (value: unknown) => boolean,
): readonly unknown[] | undefined
function perItem(
  fields: Fields,
  name: string,
  count: number,
  test: (value: unknown) => boolean,
): readonly unknown[] | undefined {
  const value = fields.raw(name)
  if (value === undefined) return undefined
  const values = Array.isArray(value) ? value : range(count).map(() => value)
  if (values.length === count && values.every(test) && !isRecord(value)) return values
  throw invalid(`"${name}" must be one value, or one for each of the ${count} requests; got ${quote(value)}.`, name)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
