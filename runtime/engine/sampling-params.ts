import { randomInt } from 'node:crypto'
import type { LogprobOptions, SamplingParams } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { SamplerOptions } from '../sampling/sampler.js'

export interface ResolvedSampling {
  readonly sampler: SamplerOptions
  readonly maxTokens: number
  readonly minTokens: number
  readonly stop: readonly string[]
  readonly stopTokenIds: readonly number[]
  readonly ignoreEos: boolean
}

/** [default, least, most, whole numbers only] */
const RANGES = {
  maxTokens: [256, 1, Number.MAX_SAFE_INTEGER, true],
  minTokens: [0, 0, Number.MAX_SAFE_INTEGER, true],
  temperature: [0, 0, 100, false],
  topP: [1, Number.MIN_VALUE, 1, false],
  topK: [0, 0, Number.MAX_SAFE_INTEGER, true],
  minP: [0, 0, 1, false],
  frequencyPenalty: [0, -2, 2, false],
  presencePenalty: [0, -2, 2, false],
  repetitionPenalty: [1, Number.MIN_VALUE, 100, false],
  seed: [Number.NaN, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true],
} as const

/** Checks ranges and fills in defaults; an absent seed is drawn here. Throws REQUEST_INVALID naming field, value and range. */
export function resolveSampling(params: SamplingParams, vocabularySize: number): ResolvedSampling {
  const read = (field: keyof typeof RANGES): number => {
    const [fallback, least, most, whole] = RANGES[field]
    const value = params[field] ?? fallback
    if (params[field] === undefined) return value
    if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isSafeInteger(value)))
      return value
    const range =
      most === Number.MAX_SAFE_INTEGER
        ? `${least} or more`
        : `from ${least === Number.MIN_VALUE ? 'above 0' : least} to ${most}`
    throw refuse(`${field} must be a ${whole ? 'whole ' : ''}number, ${range}; ${quote(value)} came.`)
  }
  const stop = params.stop ?? []
  if (stop.some(text => typeof text !== 'string' || text === '')) throw refuse('A stop string must not be empty.')
  const stopTokenIds = params.stopTokenIds ?? []
  for (const id of [...stopTokenIds, ...Object.keys(params.logitBias ?? {}).map(Number)]) {
    if (!Number.isSafeInteger(id) || id < 0 || id >= vocabularySize) {
      throw refuse(`Token ids must be whole numbers from 0 to ${vocabularySize - 1}; ${id} came.`)
    }
  }
  for (const [id, bias] of Object.entries(params.logitBias ?? {})) {
    if (typeof bias !== 'number' || !(bias < Number.POSITIVE_INFINITY)) {
      throw refuse(`logitBias must hold numbers below Infinity; ${quote(bias)} came for token ${id}.`)
    }
  }
  return {
    sampler: {
      temperature: read('temperature'),
      topP: read('topP'),
      topK: read('topK'),
      minP: read('minP'),
      frequencyPenalty: read('frequencyPenalty'),
      presencePenalty: read('presencePenalty'),
      repetitionPenalty: read('repetitionPenalty'),
      seed: params.seed === undefined ? randomInt(2 ** 47) : read('seed'),
      logitBias: new Map(Object.entries(params.logitBias ?? {}).map(([id, bias]) => [Number(id), bias])),
    },
    maxTokens: read('maxTokens'),
    minTokens: read('minTokens'),
    stop,
    stopTokenIds,
    ignoreEos: params.ignoreEos ?? false,
  }
}

export interface ResolvedLogprobs {
  /** Alternatives for each token; null: no log-probabilities. */
  readonly top: number | null
  /** First prompt position to report; null: none. */
  readonly promptFrom: number | null
}

/** Of one token. They are sought on the engine's thread, for every token that is reported. */
const MOST_ALTERNATIVES = 128

/** Throws REQUEST_INVALID naming field, value and range. */
export function resolveLogprobs(options: LogprobOptions | undefined, vocabularySize: number): ResolvedLogprobs {
  if (options === undefined) return { top: null, promptFrom: null }
  const { top = 0, promptFrom } = options
  const most = Math.min(vocabularySize, MOST_ALTERNATIVES)
  if (!Number.isSafeInteger(top) || top < 0 || top > most) {
    throw refuse(`logprobs.top must be a whole number, from 0 to ${most}; ${quote(top)} came.`)
  }
  if (promptFrom !== undefined && (!Number.isSafeInteger(promptFrom) || promptFrom < 0)) {
    throw refuse(`logprobs.promptFrom must be a whole number, 0 or more; ${quote(promptFrom)} came.`)
  }
  return { top, promptFrom: promptFrom ?? null }
}

/** JSON has no words for NaN and Infinity. */
function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function refuse(what: string): EngineError {
  return new EngineError('REQUEST_INVALID', { what })
}
