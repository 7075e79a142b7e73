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
import { EngineError, toEngineError } from '../protocol/error.js'
import { Sequence } from '../scheduler/sequence.js'
import { GenerateTask } from './generate-task.js'
import { GenerationStream } from './generation.js'
import { encodeOptions } from './options.js'
import type { EngineParts } from './parts.js'
import type { PreparedPrompt } from './prepare.js'
import type { PromptIds } from './prompt-builder.js'
import { RequestBook } from './requests.js'
import { resolveSampling } from './sampling-params.js'
import { chooseOption, type OptionScores, type OptionTokens, SelectTask } from './select-task.js'
import type { Task } from './task.js'
import { promptUsage, WarmTask } from './warm-task.js'

/** A request from being accepted to being ended. */
interface Ticket {
  readonly id: string
  readonly namespace: string
  readonly priority: number
  isAborted: boolean
  task: Task | null
  prepared: PreparedPrompt | null
}

interface TicketFields {
  readonly id?: string
  readonly cacheSalt?: string
  readonly priority?: number
}

interface Settle<Value> {
  readonly done: (value: Value, usage: Usage) => void
  readonly failed: (error: EngineError) => void
}

/** The in-process backend: turns requests into tasks of the core, and ends each of them exactly once. */
export class RadiantEngine implements Engine {
  readonly #parts: EngineParts
  readonly #book: RequestBook
  readonly #started = performance.now()
  #closing: Promise<void> | null = null

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#book = new RequestBook(parts.config.maxWaiting)
  }

  get model(): EngineModel {
    return this.#parts.model
  }

  generate(request: GenerateRequest, call: CallOptions = {}): Generation {
    const ticket = this.#open(request, call)
    const stream = new GenerationStream(ticket.id, () => this.#abort(ticket))
    const settle = this.#settle(
      ticket,
      (result: GenerateResult) => stream.finish(result),
      error => stream.fail(error),
    )
    this.#start(ticket, settle, () => this.#makeGenerate(ticket, request, stream, settle))
    return stream
  }

  async select(request: SelectRequest, call: CallOptions = {}): Promise<SelectResult> {
    const { builder, tokenizer } = this.#parts
    const { prefix, options, continuations } = encodeOptions(request.choices, end =>
      builder.encode(request.prompt, end),
    )
    const method = request.method ?? 'token-length-normalized'
    const { scores, usage } = await this.#score(request, prefix, options, call)
    const bare: PromptIds = { ids: prefix.ids.slice(0, 1), images: [] }
    const { cacheSalt = '' } = request
    const isRelative = method === 'unconditional-likelihood-normalized'
    const alone = isRelative ? await this.#score({ cacheSalt }, bare, options, call) : null
    const chosen = chooseOption(options, scores, method, alone?.scores ?? null)
    const tokenIds = continuations[chosen.index] ?? tokenizer.encodeContinuation(chosen.choice)
    return { ...chosen, tokenIds, usage }
  }

  async checkConstraint(constraint: Constraint): Promise<void> {
    await this.#parts.grammars.compile(constraint)
  }

  warm(prompt: Prompt, call: CallOptions = {}): Promise<Usage> {
    return this.#promise<Usage>({}, call, async (ticket, settle) => {
      const prepared = await this.#prepare(ticket, this.#parts.builder.encode(prompt), 0)
      const sequence = this.#sequence(ticket, prepared, null)
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
      waitingRequests: this.#book.size - running,
      runningRequests: running,
      ...this.#book.counters,
      imageEncodes: features.encodes,
      ...core.counts,
      pages: cache.counts(),
      slots: { total: limits.numSlots, inUse: running },
      uptimeMs: performance.now() - this.#started,
    }
  }

  async flushCache(): Promise<boolean> {
    if (this.#book.size > 0) return false
    this.#parts.cache.flush()
    this.#parts.features.clear()
    return true
  }

  abort(idOrPrefix: string): number {
    return this.#book.abort(idOrPrefix)
  }

  async drain(): Promise<void> {
    this.#book.close()
    await this.#book.drained()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Throws when slots, pages, locks, features or staging memory do not add up. */
  checkIntegrity(): void {
    this.#parts.scheduler.checkIntegrity()
    this.#parts.features.checkIntegrity(this.#book.size === 0)
    this.#parts.encoder.checkIntegrity()
  }

  async #close(): Promise<void> {
    this.#book.close()
    this.#book.abort('')
    await this.#book.drained()
    await this.#parts.core.close()
    await this.#parts.close()
  }

  #open(fields: TicketFields, call: CallOptions): Ticket {
    const id = this.#book.admit(fields.id)
    const namespace = fields.cacheSalt ?? ''
    const ticket: Ticket = {
      id,
      namespace,
      priority: fields.priority ?? 0,
      isAborted: false,
      task: null,
      prepared: null,
    }
    this.#book.begin({ id, abort: () => this.#abort(ticket) })
    if (call.signal?.aborted) ticket.isAborted = true
    call.signal?.addEventListener('abort', () => this.#abort(ticket), { once: true })
    return ticket
  }

  #abort(ticket: Ticket): void {
    ticket.isAborted = true
    if (ticket.task) this.#parts.core.abort(ticket.task)
  }

  /** The callbacks that end a request: books first, then the caller. */
  #settle<Value>(ticket: Ticket, done: (value: Value) => void, failed: (error: EngineError) => void): Settle<Value> {
    return {
      done: (value, usage) => {
        this.#end(ticket, ticket.isAborted ? 'aborted' : 'finished', usage)
        done(value)
      },
      failed: error => {
        this.#end(ticket, error.code === 'REQUEST_ABORTED' ? 'aborted' : 'failed', null)
        failed(error)
      },
    }
  }

  #end(ticket: Ticket, outcome: 'finished' | 'aborted' | 'failed', usage: Usage | null): void {
    if (ticket.prepared) {
      this.#parts.preparer.release(ticket.prepared)
      this.#book.counters.imageFeatureHits += ticket.prepared.owner.featureHits
    }
    this.#book.end(ticket.id, outcome, usage)
  }

  #start<Value>(ticket: Ticket, settle: Settle<Value>, make: () => Promise<Task>): void {
    make()
      .then(task => this.#submit(ticket, task))
      .catch((error: unknown) => settle.failed(toEngineError(error)))
  }

  #submit(ticket: Ticket, task: Task): void {
    ticket.task = task
    if (ticket.isAborted) task.abort()
    if (ticket.isAborted || task.isDone) {
      task.complete()
      return
    }
    const { core, cache, preparer } = this.#parts
    core.add(task)
    const { sequence } = task
    const cached = cache.peek(sequence.namespace, sequence.elements(0, sequence.reusable))
    this.#book.counters.imagePrefixHits += preparer.prefetch(ticket.prepared!, cached)
  }

  #promise<Value>(
    fields: TicketFields,
    call: CallOptions,
    make: (ticket: Ticket, settle: Settle<Value>) => Promise<Task>,
  ): Promise<Value> {
    const ticket = this.#open(fields, call)
    return new Promise((resolve, reject) => {
      const settle = this.#settle(ticket, resolve, reject)
      this.#start(ticket, settle, () => make(ticket, settle))
    })
  }

  async #prepare(ticket: Ticket, ids: PromptIds, room: number): Promise<PreparedPrompt> {
    const onFailure = (error: EngineError): void => {
      if (ticket.task) this.#parts.core.fail(ticket.task, error)
    }
    ticket.prepared = await this.#parts.preparer.prepare(ids, room, onFailure)
    return ticket.prepared
  }

  #sequence(ticket: Ticket, { prompt }: PreparedPrompt, logitsFrom: number | null): Sequence {
    const { id, namespace, priority } = ticket
    const { elements, spans } = prompt
    return new Sequence({
      id,
      namespace,
      priority,
      prompt: elements,
      spans,
      capacity: this.model.contextLength,
      logitsFrom,
    })
  }

  async #makeGenerate(
    ticket: Ticket,
    request: GenerateRequest,
    stream: GenerationStream,
    settle: Settle<GenerateResult>,
  ): Promise<Task> {
    const { tokenizer, grammars, config, sampler, template, builder, tokenText } = this.#parts
    const sampling = resolveSampling(request.sampling ?? {}, tokenizer.size)
    const grammar = request.constraint ? await grammars.compile(request.constraint) : null
    const prepared = await this.#prepare(ticket, builder.encode(request.prompt), 1)
    const { logprobs } = request
    const promptFrom = logprobs?.promptFrom ?? null
    const lastPosition = prepared.prompt.elements.length - 1
    const logitsFrom = promptFrom === null ? lastPosition : Math.max(0, promptFrom - 1)
    const sequence = this.#sequence(ticket, prepared, logprobs ? logitsFrom : null)
    const endIds = sampling.ignoreEos && !grammar ? [] : tokenizer.stopIds
    return GenerateTask.begin({
      sequence,
      output: {
        id: ticket.id,
        emit: (delta, tokenIds) => stream.emit(delta, tokenIds),
        finish: result => settle.done(result, result.usage),
        fail: settle.failed,
      },
      sampler,
      sampling: sampling.sampler,
      maxTokens: Math.min(sampling.maxTokens, sequence.capacity - sequence.promptLength),
      minTokens: sampling.minTokens,
      stop: [...sampling.stop, ...template.stop],
      stopIds: [...new Set([...endIds, ...sampling.stopTokenIds])],
      matcher: grammar?.matcher() ?? null,
      jumpForward: config.jumpForward,
      text: this.#parts.makeText(),
      topLogprobs: logprobs ? (logprobs.top ?? 0) : null,
      promptFrom,
      closeOnLength: request.closeOnLength ?? false,
      vocabularySize: tokenizer.size,
      imageTokenId: this.model.imageTokenId,
      imageEncodes: () => prepared.owner.imageEncodes,
      tokenText,
      validate: grammar?.validate ?? null,
    })
  }

  #score(
    fields: TicketFields,
    prefix: PromptIds,
    options: readonly OptionTokens[],
    call: CallOptions,
  ): Promise<{ readonly scores: OptionScores; readonly usage: Usage }> {
    return this.#promise(fields, call, async (ticket, settle) => {
      // One position beyond the longest option is where a hole's dummy token goes.
      const room = Math.max(...options.map(option => option.ids.length)) + 1
      const prepared = await this.#prepare(ticket, prefix, room)
      const sequence = this.#sequence(ticket, prepared, null)
      return new SelectTask(sequence, options, this.#parts.tokenizer.size, {
        failed: settle.failed,
        done: scores => {
          const usage = promptUsage(sequence, prepared.owner.imageEncodes)
          settle.done({ scores, usage }, usage)
        },
      })
    })
  }
}
