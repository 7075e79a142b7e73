import type { GenerateRequest, SamplingParams } from '../../protocol/backend.js'
import type { EngineModel } from '../../protocol/engine.js'
import { readNativeConstraint } from '../constraints.js'
import type { Fields } from '../fields.js'
import { invalid } from '../fields.js'
import { readSharedSampling, withoutUndefined } from '../sampling.js'

/** SGLang's default. */
const MAX_NEW_TOKENS = 128

export interface NativeSampling {
  readonly samples: number
  /** SGLang's no_stop_trim: the stop text stays in the answer. */
  readonly keepsStop: boolean
  /** max_new_tokens was 0: only the prompt is computed, for its log-probabilities or to fill the cache. */
  readonly isPromptOnly: boolean
  readonly sampling: SamplingParams
  readonly rest: Pick<GenerateRequest, 'constraint' | 'closeOnLength'>
}

/** Accepted without effect. */
const IGNORED = new Set(['spaces_between_special_tokens', 'stream_interval'])

const UNSUPPORTED: Readonly<Record<string, string>> = {
  stop_regex: 'use "stop", or "regex" for the whole answer',
  custom_params: 'there are no custom logit processors',
  beam_width: 'there is no beam search',
}

/** One `sampling_params` object. Throws REQUEST_INVALID. */
export function readNativeSampling(fields: Fields, model: EngineModel): NativeSampling {
  for (const [name, why] of Object.entries(UNSUPPORTED)) fields.refuse(name, why)
  fields.requireOn('skip_special_tokens', 'special tokens are never shown')
  const given = fields.integer('max_new_tokens', { min: 0 })
  // A null asks for all that the context leaves; absence for the default.
  const maxTokens = given ?? (fields.has('max_new_tokens') ? model.contextLength : MAX_NEW_TOKENS)
  const minTokens = fields.integer('min_new_tokens', { min: 0 })
  if (minTokens !== undefined && minTokens > maxTokens) {
    const param = fields.path('min_new_tokens')
    throw invalid(`"${param}" (${minTokens}) must not be over max_new_tokens (${maxTokens}).`, param)
  }
  const seed = fields.integer('sampling_seed')
  const result = {
    samples: fields.integer('n', { min: 1, max: 128 }) ?? 1,
    keepsStop: fields.flag('no_stop_trim') ?? false,
    isPromptOnly: maxTokens === 0,
    sampling: withoutUndefined({
      ...readSharedSampling(fields, model),
      ...(seed !== undefined && { seed }),
      // The engine's least; the one token comes with the prompt at no cost and is not told.
      maxTokens: Math.max(1, maxTokens),
      minTokens,
    }),
    rest: withoutUndefined({
      constraint: readNativeConstraint(fields),
      closeOnLength: fields.flag('close_on_length'),
    }),
  }
  fields.raw('json_options')
  fields.finish(IGNORED)
  return result
}
