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
    if (options.temperature === 0 && allowed === null) return this.#bestOfAll(scores)
    const count = this.#collect(allowed)
    if (count === 0) throw new RangeError('no token is allowed')
    const best = this.#best(scores, count)
    if (options.temperature === 0) return best
    return this.#draw(scores, count, scores[best]!, options, uniformAt(options.seed, position))
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

  /** The highest score among the candidates; of equal ones the lowest id. */
  #best(scores: Float32Array, count: number): number {
    let best = this.#candidates[0]!
    for (let i = 1; i < count; i++) {
      const id = this.#candidates[i]!
      if (scores[id]! > scores[best]!) best = id
    }
    return best
  }

  #bestOfAll(scores: Float32Array): number {
    let best = -1
    let top = Number.NEGATIVE_INFINITY
    for (let id = 0; id < this.#vocabularySize; id++) {
      const score = scores[id]!
      if ((score > top || best < 0) && !this.forbidden.includes(id)) {
        best = id
        top = score
      }
    }
    return best
  }

  /** topK and topP are thresholds on the score; one pass in the order of ids then draws among the tokens that pass. */
  #draw(scores: Float32Array, count: number, top: number, options: SamplerOptions, uniform: number): number {
    const weight = (id: number): number => Math.exp((scores[id]! - top) / options.temperature)
    const ranked = options.topK > 0 || options.topP < 1 ? this.#rank(scores, count, top, options) : null
    const candidates = ranked ?? this.#candidates.subarray(0, count)
    let mass = 0
    for (const id of candidates) {
      const w = weight(id)
      if (w >= options.minP) mass += w
    }
    let rest = uniform * mass
    let last = candidates[0]!
    for (const id of candidates) {
      const w = weight(id)
      // A token that was ruled out must not be the last resort of rounding.
      if (w < options.minP || w === 0) continue
      last = id
      rest -= w
      if (rest < 0) break
    }
    return last
  }

  /**
   * The likeliest tokens that topK and topP leave, best first. Looks at ever lower scores until enough mass is found,
   * since sorting a whole vocabulary would cost more than the rest of a step.
   */
  #rank(scores: Float32Array, count: number, top: number, options: SamplerOptions): Int32Array {
    const all = this.#candidates.subarray(0, count)
    const weight = (id: number): number => Math.exp((scores[id]! - top) / options.temperature)
    const limit = options.topK > 0 ? Math.min(options.topK, count) : count
    let total = 0
    for (const id of all) total += weight(id)
    for (const depth of [4, 12, 40, Number.POSITIVE_INFINITY]) {
      const floor = top - depth * options.temperature
      const ids = all.filter(id => scores[id]! >= floor).sort((a, b) => scores[b]! - scores[a]! || a - b)
      if (ids.length < limit && options.topP === 1 && depth !== Number.POSITIVE_INFINITY) continue
      let mass = 0
      for (let end = 0; end < ids.length; end++) {
        if (end === limit || mass >= options.topP * total) return ids.subarray(0, end)
        mass += weight(ids[end]!)
      }
      if (ids.length === limit || mass >= options.topP * total) return ids
    }
    return all
  }
}
