import type { FinishReason, GenerateResult, TokenLogprob } from '../protocol/backend.js'
import type { EngineError } from '../protocol/error.js'
import { type Allowed, type Sampler, type SamplerOptions, TokenCounts } from '../sampling/sampler.js'
import { StopMatcher } from '../sampling/stop.js'
import type { Sequence } from '../scheduler/sequence.js'
import type { Task } from './task.js'
import { TokenRecorder } from './token-recorder.js'
import { promptUsage } from './warm-task.js'

/** Run ahead by as many tokens as the request has, or by these: what lies behind its end is thrown away. */
const FREE_AT_FIRST = 16

/** The part of a grammar's matcher that generation needs; see runtime/grammar. */
export interface OutputMatcher {
  allowedIds(): Int32Array | null
  fillMask(row: Int32Array): void
  accept(tokenId: number): void
  forcedTokens(): readonly number[]
  mustStop(): boolean
  shortestCompletion(): readonly number[]
}

/** The part of a tokenizer that generation needs; see runtime/tokenizer. */
export interface OutputText {
  /** Text that is final after these tokens; never half a character. */
  push(tokenIds: readonly number[]): string
  flush(): string
}

/** Where a generation's events go. */
export interface GenerateOutput {
  readonly id: string
  emit(delta: string, tokenIds: readonly number[], logprobs?: readonly TokenLogprob[]): void
  finish(result: GenerateResult): void
  fail(error: EngineError): void
}

export interface GenerateTaskOptions {
  readonly sequence: Sequence
  readonly output: GenerateOutput
  readonly sampler: Sampler
  readonly sampling: SamplerOptions
  readonly maxTokens: number
  readonly minTokens: number
  readonly stop: readonly string[]
  /** Ids that end the text, those of the request included. */
  readonly stopIds: readonly number[]
  readonly matcher: OutputMatcher | null
  /** Append what the grammar dictates without sampling it. */
  readonly jumpForward: boolean
  readonly text: OutputText
  /** Alternatives to report for each token; null: no logprobs. */
  readonly topLogprobs: number | null
  /** First prompt position to report; null: none. */
  readonly promptFrom: number | null
  readonly closeOnLength: boolean
  /** Width up to which logits are real; rows may be wider. */
  readonly vocabularySize: number
  /** The id to report for a prompt position that stands for a row of a picture or a frame. */
  placeholderAt(position: number): number
  readonly imageEncodes: () => number
  tokenText(id: number): string
  /** Called with the finished text: what it breaks of the schema, when the request asked for validation. */
  readonly validate: ((text: string) => GenerateResult['violations']) | null
}

/** One text being generated: samples, applies grammar and stop rules, streams. */
export class GenerateTask implements Task {
  readonly sequence: Sequence
  readonly #options: GenerateTaskOptions
  readonly #counts: TokenCounts
  readonly #hasPenalties: boolean
  readonly #stop: StopMatcher
  readonly #mask: Int32Array
  readonly #tokenIds: number[] = []
  readonly #recorder: TokenRecorder
  /** Text and tokens whose log-probabilities are not known yet, when they were asked for. */
  readonly #held: { readonly text: string; readonly tokenIds: readonly number[] }[] = []
  #emitted = 0
  #text = ''
  #numForced = 0
  #sampled: number | null = null
  #finish: FinishReason | null = null
  #matchedStop: string | number | null = null
  #stopLogprob: TokenLogprob | null = null

  /** What the grammar dictates before anything is sampled is appended at once, to be computed together with the prompt. */
  static begin(options: GenerateTaskOptions): GenerateTask {
    const task = new GenerateTask(options)
    task.#appendForced()
    return task
  }

  private constructor(options: GenerateTaskOptions) {
    this.#options = options
    this.sequence = options.sequence
    const { frequencyPenalty, presencePenalty, repetitionPenalty } = options.sampling
    this.#hasPenalties = frequencyPenalty !== 0 || presencePenalty !== 0 || repetitionPenalty !== 1
    this.#counts = new TokenCounts(options.sampling.repetitionPenalty === 1 ? [] : promptTokens(options.sequence))
    this.#stop = new StopMatcher(options.stop)
    const { vocabularySize, tokenText } = options
    this.#recorder = new TokenRecorder({ top: options.topLogprobs ?? 0, vocabularySize, tokenText })
    this.#mask = new Int32Array(options.matcher ? (options.vocabularySize + 31) >> 5 : 0)
    if (options.promptFrom === 0) this.#recorder.prompt.push(this.#recorder.undescribed(this.#tokenAt(0)))
  }

  get isDone(): boolean {
    return this.#finish === 'abort' || (this.#finish !== null && !this.#owesLogprobs)
  }

  /** Tokens that a grammar dictates to the end still have to be computed when their log-probabilities were asked for. */
  get #owesLogprobs(): boolean {
    const { topLogprobs, promptFrom } = this.#options
    const owesPrompt = promptFrom !== null && this.#recorder.prompt.length < this.sequence.promptLength - promptFrom
    return owesPrompt || (topLogprobs !== null && this.#recorder.output.length < this.#tokenIds.length)
  }

  get freeTokens(): number {
    const { matcher, sampling, minTokens, maxTokens } = this.#options
    const isPlain = !matcher && !this.#hasPenalties && sampling.temperature === 0 && sampling.logitBias.size === 0
    if (!isPlain || this.#tokenIds.length < minTokens) return 1
    const taken = this.#tokenIds.length
    return Math.max(1, Math.min(maxTokens - taken, Math.max(FREE_AT_FIRST, taken)))
  }

  consume(position: number, logits: Float32Array): void {
    const next = position + 1
    if (next < this.sequence.length) {
      this.#recordKnown(next, logits)
      return
    }
    if (this.#finish !== null) return
    const { matcher, sampler } = this.#options
    const sampled = sampler.sample(
      logits,
      this.#sampling(),
      this.#counts,
      this.#allowed(matcher),
      this.#tokenIds.length,
    )
    this.#sampled = sampled
    if (this.#options.topLogprobs !== null) this.#recorder.output.push(this.#recorder.describe(sampled, logits))
  }

  advance(): boolean {
    const sampled = this.#sampled
    if (sampled === null) return this.isDone
    this.#sampled = null
    const { matcher, stopIds, minTokens } = this.#options
    if (stopIds.includes(sampled) && this.#tokenIds.length >= minTokens) {
      this.#matchedStop = sampled
      this.#finish = 'stop'
      this.#stopLogprob = this.#recorder.output.pop() ?? null
      return true
    }
    matcher?.accept(sampled)
    this.#append(sampled)
    this.#appendForced()
    this.#emitDescribed(false)
    return this.isDone
  }

  complete(): void {
    if (this.#finish === 'length' && this.#options.closeOnLength && this.#options.matcher) {
      for (const id of this.#options.matcher.shortestCompletion()) if (this.#matchedStop === null) this.#push(id)
    }
    if (typeof this.#matchedStop !== 'string') this.#release(this.#options.text.flush())
    if (typeof this.#matchedStop !== 'string') this.#write(this.#stop.flush(), [])
    this.#emitDescribed(true)
    this.#options.output.finish(this.#result())
  }

  abort(): void {
    this.#finish = 'abort'
  }

  fail(error: EngineError): void {
    this.#options.output.fail(error)
  }

  #appendForced(): void {
    const { matcher } = this.#options
    if (!matcher || this.#finish !== null) return
    const forced = this.#options.jumpForward ? matcher.forcedTokens() : []
    for (const id of forced) {
      matcher.accept(id)
      this.#numForced++
      this.#append(id)
      if (this.#finish !== null) return
    }
    if (matcher.mustStop()) this.#finish = 'stop'
  }

  #append(tokenId: number): void {
    this.sequence.append(tokenId)
    this.#push(tokenId)
    if (this.#finish === null && this.#tokenIds.length >= this.#options.maxTokens) {
      this.#finish = this.#options.matcher?.mustStop() ? 'stop' : 'length'
    }
  }

  #push(tokenId: number): void {
    this.#tokenIds.push(tokenId)
    if (this.#hasPenalties) this.#counts.add(tokenId)
    const ids = [tokenId]
    this.#release(this.#options.text.push(ids), ids)
  }

  #release(text: string, tokenIds: readonly number[] = []): void {
    if (this.#options.stop.length === 0 || this.#tokenIds.length < this.#options.minTokens) {
      this.#write(text, tokenIds)
      return
    }
    const { text: final, matched } = this.#stop.push(text)
    this.#write(final, tokenIds)
    if (matched === null) return
    this.#matchedStop = matched
    this.#finish = 'stop'
  }

  #write(text: string, tokenIds: readonly number[]): void {
    this.#text += text
    if (this.#options.topLogprobs === null) this.#options.output.emit(text, tokenIds)
    else this.#held.push({ text, tokenIds })
  }

  /** Hands on what is described by now; `all` also what never will be. */
  #emitDescribed(all: boolean): void {
    const { output } = this.#recorder
    for (let next = this.#held[0]; next; next = this.#held[0]) {
      const end = this.#emitted + next.tokenIds.length
      if (end > output.length && !all) return
      const logprobs = next.tokenIds.map((id, index) => output[this.#emitted + index] ?? this.#recorder.undescribed(id))
      this.#options.output.emit(next.text, next.tokenIds, logprobs)
      this.#emitted = end
      this.#held.shift()
    }
  }

  #allowed(matcher: OutputMatcher | null): Allowed {
    if (!matcher) return null
    const ids = matcher.allowedIds()
    if (ids) return { ids }
    matcher.fillMask(this.#mask)
    return { mask: this.#mask }
  }

  /** Until minTokens are out, ending is ruled out; a grammar that allows nothing else ends the text before this is asked. */
  #sampling(): SamplerOptions {
    const { sampling, minTokens, stopIds } = this.#options
    if (this.#tokenIds.length >= minTokens) return sampling
    const ruledOut = stopIds.map(id => [id, Number.NEGATIVE_INFINITY] as const)
    return { ...sampling, logitBias: new Map([...sampling.logitBias, ...ruledOut]) }
  }

  #recordKnown(position: number, logits: Float32Array): void {
    const { promptFrom, topLogprobs } = this.#options
    const tokenId = this.#tokenAt(position)
    if (position < this.sequence.promptLength) {
      if (promptFrom !== null && position >= promptFrom)
        this.#recorder.prompt.push(this.#recorder.describe(tokenId, logits))
    } else if (topLogprobs !== null) this.#recorder.output.push(this.#recorder.describe(tokenId, logits))
  }

  #tokenAt(position: number): number {
    const element = this.sequence.elementAt(position)
    return element >= 0 ? element : this.#options.placeholderAt(position)
  }

  #result(): GenerateResult {
    const { sequence, topLogprobs, promptFrom, validate, output } = this.#options
    const violations = validate?.(this.#text)
    // Tokens that close a value are never fed.
    const unfed = this.#tokenIds.slice(this.#recorder.output.length).map(id => this.#recorder.undescribed(id))
    return {
      id: output.id,
      text: this.#text,
      tokenIds: this.#tokenIds,
      finish: this.#finish ?? 'abort',
      matchedStop: this.#matchedStop,
      usage: {
        ...promptUsage(sequence, this.#options.imageEncodes()),
        completionTokens: this.#tokenIds.length,
        forcedTokens: this.#numForced,
      },
      ...(topLogprobs !== null && { logprobs: [...this.#recorder.output, ...unfed] }),
      ...(this.#stopLogprob && { stopLogprob: this.#stopLogprob }),
      ...(promptFrom !== null && { promptLogprobs: this.#recorder.prompt }),
      ...(violations && { violations }),
    }
  }
}

function promptTokens(sequence: Sequence): Int32Array {
  return sequence.elements(0, sequence.promptLength).filter(element => element >= 0)
}
