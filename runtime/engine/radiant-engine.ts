import type {
  CallOptions,
  Constraint,
  GenerateRequest,
  GenerateResult,
  Generation,
  Prompt,
  SelectRequest,
  SelectResult,
  Usage,
} from '../protocol/backend.js'
import type { Engine, EngineModel, EngineStatus } from '../protocol/engine.js'
import { EngineError } from '../protocol/error.js'
import type { BatchLimits } from '../scheduler/batch.js'
import { GenerateTask } from './generate-task.js'
import { GenerationStream } from './generation.js'
import { encodeOptions } from './options.js'
import type { EngineParts } from './parts.js'
import { placeholderAt } from './prepare.js'
import type { PromptIds } from './prompt-builder.js'
import { RequestDesk, type Settle, type Ticket } from './request-desk.js'
import { resolveLogprobs, resolveSampling } from './sampling-params.js'
import { chooseOption, type OptionScores, type OptionTokens, SelectTask } from './select-task.js'
import { settlesWithin } from './settles-within.js'
import type { Task } from './task.js'
import { promptUsage, WarmTask } from './warm-task.js'

/** Of a large model on a slow machine. What takes longer hangs. */
const LONGEST_STEP_MS = 60_000

/** The in-process backend: turns requests into tasks of the core, and ends each of them exactly once. */
export class RadiantEngine implements Engine {
  readonly #parts: EngineParts
  readonly #desk: RequestDesk
  readonly #started = performance.now()
  #closing: Promise<void> | null = null

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#desk = new RequestDesk(parts)
  }

  get model(): EngineModel {
    return this.#parts.model
  }

  /** How much one step may hold. */
  get limits(): BatchLimits {
    return this.#parts.limits
  }

  generate(request: GenerateRequest, call: CallOptions = {}): Generation {
    const ticket = this.#desk.open(request, call)
    const stream = new GenerationStream(ticket.id, () => this.#desk.abort(ticket))
    const settle = this.#desk.settle(
      ticket,
      (result: GenerateResult) => stream.finish(result),
      error => stream.fail(error),
    )
    this.#desk.start(ticket, settle, () => this.#makeGenerate(ticket, request, stream, settle))
    return stream
  }

  async select(request: SelectRequest, call: CallOptions = {}): Promise<SelectResult> {
    const { builder, tokenizer } = this.#parts
    const { prefix, options, continuations } = encodeOptions(request.choices, end =>
      builder.encode(request.prompt, end),
    )
    const method = request.method ?? 'token-length-normalized'
    // The start token alone; a tokenizer without one leaves the prompt's own first text token.
    const start = tokenizer.encode('')
    const text = prefix.ids.filter(id => id !== this.model.imageTokenId && id !== this.model.videoTokenId)
    const bare: PromptIds = { ids: start.length > 0 ? start : text.slice(0, 1), images: [] }
    return this.#desk.promise<SelectResult>(request, call, (ticket, settle) => {
      const finish = (scores: OptionScores, alone: OptionScores | null, usage: Usage): void => {
        const chosen = chooseOption(options, scores, method, alone)
        const tokenIds = continuations[chosen.index] ?? tokenizer.encodeContinuation(chosen.choice)
        settle.done({ ...chosen, tokenIds, usage }, usage)
      }
      return this.#makeScore(ticket, prefix, options, settle.failed, (scores, usage) => {
        if (method !== 'unconditional-likelihood-normalized') return finish(scores, null, usage)
        // The same options without the prompt; one request all the same, which is aborted and counted as one.
        this.#desk.goOn(ticket, settle, () =>
          this.#makeScore(ticket, bare, options, settle.failed, alone => finish(scores, alone, usage)),
        )
      })
    })
  }

  async checkConstraint(constraint: Constraint): Promise<void> {
    await this.#parts.grammars.compile(constraint)
  }

  warm(prompt: Prompt, call: CallOptions = {}): Promise<Usage> {
    return this.#desk.promise<Usage>({}, call, async (ticket, settle) => {
      const prepared = await this.#desk.prepare(ticket, this.#parts.builder.encode(prompt), 0)
      const sequence = this.#desk.sequence(ticket, prepared, 0, null)
      const done = (usage: Usage): void => settle.done(usage, usage)
      return new WarmTask(sequence, () => prepared.owner.imageEncodes, { done, failed: settle.failed })
    })
  }

  tokenize(text: string): number[] {
    return this.#parts.tokenizer.encode(text)
  }

  decodeToken(id: number): string {
    return this.detokenize([id])
  }

  detokenize(ids: readonly number[]): string {
    const { size } = this.#parts.tokenizer
    const wrong = ids.find(id => !Number.isSafeInteger(id) || id < 0 || id >= size)
    if (wrong !== undefined) {
      const what = `Token ids must be whole numbers from 0 to ${size - 1}; ${wrong} came.`
      throw new EngineError('REQUEST_INVALID', { what })
    }
    const text = this.#parts.makeText()
    return text.push(ids) + text.flush()
  }

  status(): EngineStatus {
    const { scheduler, cache, core, features, limits } = this.#parts
    const running = scheduler.running.length
    return {
      waitingRequests: this.#desk.book.size - running,
      runningRequests: running,
      ...this.#desk.book.counters,
      imageEncodes: features.encodes,
      ...core.counts,
      pages: cache.counts(),
      slots: { total: limits.numSlots, inUse: running, tokens: limits.slotTokens, heldTokens: scheduler.heldTokens },
      uptimeMs: performance.now() - this.#started,
    }
  }

  async flushCache(): Promise<boolean> {
    if (this.#desk.book.size > 0) return false
    this.#parts.cache.flush()
    this.#parts.features.clear()
    return true
  }

  abort(idOrPrefix: string): number {
    return this.#desk.book.abort(idOrPrefix)
  }

  async drain(): Promise<void> {
    this.#desk.book.close()
    await this.#desk.book.drained()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Throws when slots, pages, locks, features or staging memory do not add up. */
  checkIntegrity(): void {
    this.#parts.scheduler.checkIntegrity()
    this.#parts.features.checkIntegrity(this.#desk.book.size === 0)
    this.#parts.encoder.checkIntegrity()
    this.#parts.clips?.checkIntegrity(this.#desk.book.size === 0)
    this.#parts.grammars.checkIntegrity()
  }

  async #close(): Promise<void> {
    this.#desk.book.close()
    this.#desk.book.abort('')
    // Aborting takes effect between two steps. A worker that never ends its step is ended, which fails the step.
    if (!(await settlesWithin(this.#desk.book.drained(), LONGEST_STEP_MS))) await this.#parts.close()
    await this.#parts.core.close()
    await this.#parts.close()
  }

  async #makeGenerate(
    ticket: Ticket,
    request: GenerateRequest,
    stream: GenerationStream,
    settle: Settle<GenerateResult>,
  ): Promise<Task> {
    const { tokenizer, grammars, config, sampler, template, builder, tokenText } = this.#parts
    const sampling = resolveSampling(request.sampling ?? {}, tokenizer.size)
    const { top, promptFrom } = resolveLogprobs(request.logprobs, tokenizer.size)
    const grammar = request.constraint ? await grammars.compile(request.constraint) : null
    const prepared = await this.#desk.prepare(ticket, builder.encode(request.prompt), 1)
    const lastPosition = prepared.prompt.elements.length - 1
    const logitsFrom = promptFrom === null ? lastPosition : Math.min(lastPosition, Math.max(0, promptFrom - 1))
    const sequence = this.#desk.sequence(ticket, prepared, sampling.maxTokens, top === null ? null : logitsFrom)
    const endIds = sampling.ignoreEos && !grammar ? [] : tokenizer.stopIds
    return GenerateTask.begin({
      sequence,
      output: {
        id: ticket.id,
        emit: (delta, tokenIds, logprobs) => stream.emit(delta, tokenIds, logprobs),
        finish: result => settle.done(result, result.usage),
        fail: settle.failed,
      },
      sampler,
      sampling: sampling.sampler,
      maxTokens: Math.min(sampling.maxTokens, sequence.capacity - sequence.promptLength),
      minTokens: sampling.minTokens,
      // The template's stop texts end a turn of free text; a constraint says itself how its text ends.
      stop: [...sampling.stop, ...(request.prompt.kind === 'chat' && !grammar ? template.stop : [])],
      stopIds: [...new Set([...endIds, ...sampling.stopTokenIds])],
      matcher: grammar?.matcher() ?? null,
      jumpForward: config.jumpForward,
      text: this.#parts.makeText(),
      topLogprobs: top,
      promptFrom,
      closeOnLength: request.closeOnLength ?? false,
      vocabularySize: tokenizer.size,
      placeholderAt: position => placeholderAt(prepared.prompt, position, this.model),
      imageEncodes: () => prepared.owner.imageEncodes,
      tokenText,
      validate: grammar?.validate ?? null,
    })
  }

  async #makeScore(
    ticket: Ticket,
    prefix: PromptIds,
    options: readonly OptionTokens[],
    failed: (error: EngineError) => void,
    done: (scores: OptionScores, usage: Usage) => void,
  ): Promise<Task> {
    // One position beyond the longest option is where a hole's dummy token goes.
    const room = options.reduce((most, { ids }) => Math.max(most, ids.length), 0) + 1
    const prepared = await this.#desk.prepare(ticket, prefix, room)
    const sequence = this.#desk.sequence(ticket, prepared, room, null)
    return new SelectTask(sequence, options, this.#parts.tokenizer.size, {
      failed,
      done: scores => done(scores, promptUsage(sequence, prepared.owner.imageEncodes)),
    })
  }
}
