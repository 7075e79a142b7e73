import type { FastifyInstance } from 'fastify'
import type { TokenLogprob } from '../../runtime/protocol/backend.js'
import { toAnimation } from './clips.js'
import { type FamilyCase, framesOf, patternPng, type Told } from './family-goldens.js'

type Triple = readonly [logprob: number | null, tokenId: number, text: string | null]

/** The part of SGLang's answer that is compared. */
interface NativeAnswer {
  readonly output_ids: readonly number[]
  readonly meta_info: {
    readonly prompt_tokens: number
    readonly input_token_logprobs: readonly Triple[]
    readonly output_token_logprobs: readonly Triple[]
    readonly input_top_logprobs: readonly (readonly Triple[] | null)[]
    readonly output_top_logprobs: readonly (readonly Triple[])[]
  }
}

function toldOf({ meta_info: info }: NativeAnswer): Told {
  const told = (tokens: readonly Triple[], tops: NativeAnswer['meta_info']['input_top_logprobs']): TokenLogprob[] =>
    tokens.map(([logprob, tokenId], at) => {
      const top = (tops[at] ?? []).map(([logprob, tokenId]) => ({ tokenId, text: '', logprob: logprob! }))
      return { tokenId, text: '', logprob, top }
    })
  return {
    promptLogprobs: told(info.input_token_logprobs, info.input_top_logprobs),
    logprobs: told(info.output_token_logprobs, info.output_top_logprobs),
  }
}

async function imageData({ parts }: FamilyCase): Promise<string[]> {
  const sizes = parts.flatMap(part => ('image' in part ? [part.image] : []))
  return Promise.all(sizes.map(async size => (await patternPng(size)).toString('base64')))
}

/** The clips as files, and how many frames they have. */
async function videoData({ parts }: FamilyCase) {
  const clips = parts.flatMap(part => ('frames' in part ? [part] : []))
  if (clips.length === 0) return {}
  const files = await Promise.all(clips.map(async clip => toAnimation(await framesOf(clip))))
  return { video_data: files.map(file => file.toString('base64')), num_frames: clips[0]!.frames }
}

export function textOf({ parts }: FamilyCase): string {
  return parts.map(part => ('text' in part ? part.text : 'image' in part ? '<image>' : '<video>')).join('')
}

/** SGLang's way to ask, with `text` or `input_ids`. @returns the status too, since a refusal has no answer. */
export async function askNative(server: FastifyInstance, golden: FamilyCase, prompt: object) {
  const response = await server.inject({
    method: 'POST',
    url: '/generate',
    payload: {
      ...prompt,
      image_data: await imageData(golden),
      ...(await videoData(golden)),
      sampling_params: { max_new_tokens: golden.answer.length, temperature: 0, ignore_eos: true },
      return_logprob: true,
      logprob_start_len: 0,
      top_logprobs_num: 4,
    },
  })
  const answer: NativeAnswer = response.json()
  return { status: response.statusCode, answer, told: toldOf(answer) }
}
