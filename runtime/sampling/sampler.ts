import { uniformAt } from './random.js'

/** Everything that shapes the choice of one token. Defaults and ranges are those of SamplingParams. */
export interface SamplerOptions {
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP: number
  readonly frequencyPenalty: number
  readonly presencePenalty: number
  readonly repetitionPenalty: number
  readonly seed: number
  readonly logitBias: ReadonlyMap<number, number>
}

/** Which tokens may be chosen: a list of ids, a bitmask over the vocabulary (bit id & 31 of word id >> 5), or all. */
export type Allowed = { readonly ids: Int32Array } | { readonly mask: Int32Array } | null

/** Token counts of one request, for the penalties. */
export class TokenCounts {
  readonly output = new Map<number, number>()
  readonly prompt: ReadonlySet<number>

  constructor(prompt: Iterable<number>) {
    this.prompt = new Set(prompt)
  }

  add(tokenId: number): void {
    this.output.set(tokenId, (this.output.get(tokenId) ?? 0) + 1)
  }
}

/** Chooses one token from a row of logits. One instance serves all requests in turn: its buffers are reused. */
export class Sampler {
  readonly #vocabularySize: number
  readonly #scores: Float32Array
  readonly #candidates: Int32Array

  /** Ids from `vocabularySize` on are padding of the logits and never chosen; nor are `forbidden` ids. */
  constructor(
    vocabularySize: number,
    private readonly forbidden: readonly number[],
  ) {
    this.#vocabularySize = vocabularySize
    this.#scores = new Float32Array(vocabularySize)
    this.#candidates = new Int32Array(vocabularySize)
  }

  /**
   * @param logits [vocabRows] float32, not changed.
   * @param position index of the token in the output: with the seed it fixes the random number.
   * @throws RangeError when no token is allowed.
   */
  sample(
    logits: Float32Array,
    options: SamplerOptions,
    counts: TokenCounts,
    allowed: Allowed,
    position: number,
  ): number {
    const scores = this.#adjust(logits, options, counts)
    const count = this.#collect(allowed)
    if (count === 0) throw new RangeError('no token is allowed')
    if (options.temperature === 0) return this.#best(scores, count)
    return this.#draw(scores, count, options, uniformAt(options.seed, position))
  }

  #adjust(logits: Float32Array, options: SamplerOptions, counts: TokenCounts): Float32Array {
    const isPlain =
      options.frequencyPenalty === 0 &&
      options.presencePenalty === 0 &&
      options.repetitionPenalty === 1 &&
      options.logitBias.size === 0
    if (isPlain) return logits
    const scores = this.#scores
    scores.set(logits.subarray(0, this.#vocabularySize))
    if (options.repetitionPenalty !== 1) {
      for (const id of new Set([...counts.prompt, ...counts.output.keys()])) {
        const score = scores[id]
        if (score !== undefined)
          scores[id] = score > 0 ? score / options.repetitionPenalty : score * options.repetitionPenalty
      }
    }
    for (const [id, times] of counts.output) {
      if (id < scores.length) scores[id]! -= times * options.frequencyPenalty + options.presencePenalty
    }
    for (const [id, bias] of options.logitBias) if (id < scores.length) scores[id]! += bias
    return scores
  }

  /** Fills the candidate ids; returns how many. */
  #collect(allowed: Allowed): number {
    const candidates = this.#candidates
    let count = 0
    if (allowed && 'ids' in allowed) {
      for (const id of allowed.ids)
        if (id < this.#vocabularySize && !this.forbidden.includes(id)) candidates[count++] = id
      return count
    }
    if (allowed) {
      const { mask } = allowed
      for (let word = 0; word < mask.length; word++) {
        for (let bits = mask[word]!; bits !== 0; bits &= bits - 1) {
          const id = word * 32 + (31 - Math.clz32(bits & -bits))
          if (id < this.#vocabularySize && !this.forbidden.includes(id)) candidates[count++] = id
        }
      }
      return count
    }
    for (let id = 0; id < this.#vocabularySize; id++) if (!this.forbidden.includes(id)) candidates[count++] = id
    return count
  }

  /** The highest score; of equal ones the lowest id. */
  #best(scores: Float32Array, count: number): number {
    let best = this.#candidates[0]!
    for (let i = 1; i < count; i++) {
      const id = this.#candidates[i]!
      if (scores[id]! > scores[best]!) best = id
    }
    return best
  }

  #draw(scores: Float32Array, count: number, options: SamplerOptions, uniform: number): number {
    const ids = Array.from(this.#candidates.subarray(0, count)).sort((a, b) => scores[b]! - scores[a]! || a - b)
    const kept = options.topK > 0 ? ids.slice(0, options.topK) : ids
    const top = scores[kept[0]!]!
    const weights = kept.map(id => Math.exp((scores[id]! - top) / options.temperature))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    let end = 0
    let mass = 0
    // The token that crosses topP is kept, so at least one remains; minP is relative to the likeliest, whose weight is 1.
    while (end < weights.length && mass < options.topP * total && weights[end]! >= options.minP) mass += weights[end++]!
    let rest = uniform * mass
    for (let i = 0; i < end; i++) {
      rest -= weights[i]!
      if (rest < 0) return kept[i]!
    }
    return kept[Math.max(0, end - 1)]!
  }
}
