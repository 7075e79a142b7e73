import type { SamplingParams } from '../protocol/backend.js'
import type { EngineModel } from '../protocol/engine.js'
import { type Fields, invalid, isRecord, quote } from './fields.js'

/**
 * The sampling parameters that OpenAI's and SGLang's requests spell alike. Temperature is 1 when absent, as both have it
 * (the engine's own default is greedy). Ranges are checked here so that the answer can name the parameter.
 */
export function readSharedSampling(fields: Fields, model: EngineModel): SamplingParams {
  const ids = { min: 0, max: model.vocabSize - 1 }
  const topK = fields.integer('top_k', { min: -1 })
  const stop = fields.textOrTexts('stop')
  if (stop?.some(text => text === ''))
    throw invalid(`"${fields.path('stop')}" must not hold an empty string.`, fields.path('stop'))
  return withoutUndefined({
    temperature: fields.number('temperature', { min: 0, max: 100 }) ?? 1,
    topP: fields.number('top_p', { over: 0, max: 1 }),
    topK: topK === -1 ? 0 : topK,
    minP: fields.number('min_p', { min: 0, max: 1 }),
    frequencyPenalty: fields.number('frequency_penalty', { min: -2, max: 2 }),
    presencePenalty: fields.number('presence_penalty', { min: -2, max: 2 }),
    repetitionPenalty: fields.number('repetition_penalty', { over: 0, max: 100 }),
    seed: fields.integer('seed'),
    stop,
    stopTokenIds: fields.integers('stop_token_ids', ids),
    ignoreEos: fields.flag('ignore_eos'),
    logitBias: readLogitBias(fields, model),
  })
}

/** With `n` over 1 each sample gets a seed of its own, or all would be the same text. */
export function withSeedOffset(sampling: SamplingParams, offset: number): SamplingParams {
  return sampling.seed === undefined || offset === 0 ? sampling : { ...sampling, seed: sampling.seed + offset }
}

/** `{"id": bias}`; biases within [-100, 100]. */
function readLogitBias(fields: Fields, model: EngineModel): Readonly<Record<number, number>> | undefined {
  const value = fields.raw('logit_bias')
  if (value === undefined) return undefined
  const param = fields.path('logit_bias')
  if (!isRecord(value))
    throw invalid(`"${param}" must be an object from token ids to numbers; got ${quote(value)}.`, param)
  for (const [id, bias] of Object.entries(value)) {
    if (!/^\d+$/.test(id) || Number(id) >= model.vocabSize) {
      throw invalid(`"${param}" names the token ${quote(id)}; ids run from 0 to ${model.vocabSize - 1}.`, param)
    }
    if (typeof bias !== 'number' || Math.abs(bias) > 100) {
      throw invalid(`"${param}" must hold numbers from -100 to 100; got ${quote(bias)} for token ${id}.`, param)
    }
  }
  return value as Readonly<Record<number, number>>
}

type Present<Source> = { [Key in keyof Source]: Exclude<Source[Key], undefined> }

/** A copy without the fields that are undefined. */
export function withoutUndefined<Source extends object>(source: Source): Partial<Present<Source>> {
  return Object.fromEntries(Object.entries(source).filter(entry => entry[1] !== undefined)) as Partial<Present<Source>>
}
