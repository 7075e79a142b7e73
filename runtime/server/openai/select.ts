import { randomUUID } from 'node:crypto'
import type { Prompt, SelectRequest, SelectResult } from '../../protocol/backend.js'
import { Fields, invalid } from '../fields.js'
import type { ReadImage } from '../images.js'
import { placeMedia, spreadMedia } from '../native/prompt.js'
import { withoutUndefined } from '../sampling.js'
import { readChatPrompt } from './messages.js'

const METHODS = ['token-length-normalized', 'greedy-token', 'unconditional-likelihood-normalized'] as const

export type SelectJob = SelectRequest & { readonly id: string }

/** The body of /v1/select: `messages`, or a raw `prompt` with `image_data`; and `choices`. Throws REQUEST_INVALID. */
export async function readSelectJob(body: unknown, readImage: ReadImage): Promise<SelectJob> {
  const fields = new Fields(body)
  const choices = fields.texts('choices')
  if (choices === undefined || choices.length === 0)
    throw invalid('"choices" must hold at least one string.', 'choices')
  if (choices.includes('')) throw invalid('"choices" must not hold an empty string.', 'choices')
  if (new Set(choices).size !== choices.length) throw invalid('"choices" holds the same string twice.', 'choices')
  const rest = withoutUndefined({
    method: fields.choice('method', METHODS),
    cacheSalt: fields.text('cache_salt'),
    priority: fields.integer('priority'),
  })
  const id = fields.name('rid') ?? `select-${randomUUID().replaceAll('-', '')}`
  const text = fields.text('prompt')
  const isChat = fields.list('messages') !== undefined
  fields.flag('continue_final_message')
  const [references] = spreadMedia('image_data', fields.raw('image_data'), 1, true)
  fields.finish(new Set(['model', 'user']))
  if ((text === undefined) === !isChat) throw invalid('Send either "messages" or "prompt".', 'prompt')
  if (isChat && references!.length > 0) {
    throw invalid('"image_data" goes with "prompt"; pictures of "messages" are image_url parts.', 'image_data')
  }
  return { id, prompt: await readPrompt(fields, text, references!, readImage), choices, ...rest }
}

async function readPrompt(
  fields: Fields,
  text: string | undefined,
  references: readonly string[],
  readImage: ReadImage,
): Promise<Prompt> {
  if (text === undefined) return readChatPrompt(fields, readImage)
  const images = []
  for (const [index, reference] of references.entries()) {
    images.push(await readImage(reference, `image_data[${index}]`))
  }
  return placeMedia(text, images)
}

export function selectBody(job: SelectJob, model: string, result: SelectResult): unknown {
  return {
    id: job.id,
    object: 'select',
    model,
    choice: result.choice,
    index: result.index,
    scores: result.scores.map(({ choice, score, probability, tokenIds, logprobs }) => ({
      choice,
      score,
      probability,
      token_ids: tokenIds,
      logprobs,
    })),
    usage: {
      prompt_tokens: result.usage.promptTokens,
      completion_tokens: result.usage.completionTokens,
      total_tokens: result.usage.promptTokens + result.usage.completionTokens,
      prompt_tokens_details: {
        cached_tokens: result.usage.cachedTokens,
        image_tokens: result.usage.imageTokens,
        cached_image_tokens: result.usage.cachedImageTokens,
        image_encodes: result.usage.imageEncodes,
      },
    },
  }
}
