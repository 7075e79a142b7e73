/**
 * Sampling options as a program stores them: the same fields as the engine takes, each with the range that is right.
 * They merge program -> run -> slot, and the innermost that sets a field wins.
 */
export interface SamplingOptions {
  /** Most tokens to generate. Default 256. */
  readonly maxTokens?: number
  /** Stop strings and the end of the turn are not looked for before this many tokens. Default 0. */
  readonly minTokens?: number
  /** 0 is greedy. Default 0. */
  readonly temperature?: number
  /** Nucleus mass in (0, 1]. Default 1. */
  readonly topP?: number
  /** Keep the k most likely tokens; 0 keeps all. Default 0. */
  readonly topK?: number
  /** Drop tokens less likely than minP times the likeliest, in [0, 1]. Default 0. */
  readonly minP?: number
  /** Subtracted per earlier occurrence in the output, in [-2, 2]. Default 0. */
  readonly frequencyPenalty?: number
  /** Subtracted once for a token that occurred in the output, in [-2, 2]. Default 0. */
  readonly presencePenalty?: number
  /** Divides positive and multiplies negative logits of tokens seen before; over 0. Default 1. */
  readonly repetitionPenalty?: number
  /**
   * Same seed, same output. A slot's own seed is sent as it is; one from program or run is mixed with the capture's
   * path, so that the branches of a fork do not all draw the same sample.
   */
  readonly seed?: number
  /** Generation ends before the first of these; the stop text itself is not part of the capture. */
  readonly stop?: readonly string[]
  readonly stopTokenIds?: readonly number[]
  /** Do not end at the end-of-sequence token. Default false. */
  readonly ignoreEos?: boolean
  /** Added to the logits, by token id. */
  readonly logitBias?: Readonly<Record<number, number>>
}

interface OptionRule {
  readonly accepts: (value: unknown) => boolean
  /** Completes the sentence "must be ...". */
  readonly right: string
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const within = (low: number, high: number) => (value: unknown) => isNumber(value) && value >= low && value <= high
const listOf = (accepts: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(accepts)

/** The order of this table is the order in which options are stored, printed and hashed. */
const OPTION_RULES: { readonly [Name in keyof Required<SamplingOptions>]: OptionRule } = {
  maxTokens: { accepts: value => isCount(value) && value > 0, right: 'a whole number over 0' },
  minTokens: { accepts: isCount, right: 'a whole number, 0 or more' },
  temperature: { accepts: value => isNumber(value) && value >= 0, right: 'a number, 0 or more' },
  topP: { accepts: value => isNumber(value) && value > 0 && value <= 1, right: 'a number over 0 and at most 1' },
  topK: { accepts: isCount, right: 'a whole number, 0 (all) or more' },
  minP: { accepts: within(0, 1), right: 'a number from 0 to 1' },
  frequencyPenalty: { accepts: within(-2, 2), right: 'a number from -2 to 2' },
  presencePenalty: { accepts: within(-2, 2), right: 'a number from -2 to 2' },
  repetitionPenalty: { accepts: value => isNumber(value) && value > 0, right: 'a number over 0' },
  seed: { accepts: isCount, right: 'a whole number, 0 or more' },
  stop: {
    accepts: listOf(value => typeof value === 'string' && value !== ''),
    right: 'an array of strings, none of them empty',
  },
  stopTokenIds: { accepts: listOf(isCount), right: 'an array of token ids' },
  ignoreEos: { accepts: value => typeof value === 'boolean', right: 'true or false' },
  logitBias: {
    accepts: value =>
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(([id, bias]) => /^\d+$/.test(id) && isNumber(bias)),
    right: 'an object from token ids to numbers',
  },
}

export const SAMPLING_NAMES = Object.keys(OPTION_RULES) as (keyof SamplingOptions)[]

/** Only the sampling fields that are set, in the order of the table. */
export function pickSampling(options: SamplingOptions): SamplingOptions {
  return Object.fromEntries(
    SAMPLING_NAMES.filter(name => options[name] !== undefined).map(name => [name, options[name]]),
  )
}

/** Later layers win, field by field. */
export function mergeSampling(...layers: readonly SamplingOptions[]): SamplingOptions {
  return pickSampling(Object.assign({}, ...layers.map(pickSampling)))
}

/** One sentence for each option that is out of range, and for each that is not an option at all. */
export function samplingIssues(options: SamplingOptions): string[] {
  const sentences = Object.entries(options).flatMap(([name, value]) => {
    if (!(name in OPTION_RULES)) return [`"${name}" is no sampling option; there are ${SAMPLING_NAMES.join(', ')}`]
    const rule = OPTION_RULES[name as keyof SamplingOptions]
    return rule.accepts(value) ? [] : [`${name} is ${JSON.stringify(value)}; it must be ${rule.right}`]
  })
  const { minTokens = 0, maxTokens = Number.POSITIVE_INFINITY } = options
  if (sentences.length === 0 && minTokens > maxTokens) {
    sentences.push(`minTokens is ${minTokens}, more than maxTokens, which is ${maxTokens}`)
  }
  return sentences
}
