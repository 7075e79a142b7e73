import type { CallOptions, Usage } from '../protocol/backend.js'
import { type EngineError, toEngineError } from '../protocol/error.js'
import { Sequence } from '../scheduler/sequence.js'
import { listenForAbort } from './abort-listeners.js'
import type { EngineParts } from './parts.js'
import type { PreparedPrompt } from './prepare.js'
import type { PromptIds } from './prompt-builder.js'
import { RequestBook } from './requests.js'
import type { Task } from './task.js'

/** A request from being accepted to being ended. */
export interface Ticket {
  readonly id: string
  readonly namespace: string
  readonly priority: number
  isAborted: boolean
  isEnded: boolean
  /** Stops listening to the caller's signal, which may outlive many requests. */
  readonly unlisten: () => void
  task: Task | null
  prepared: PreparedPrompt | null
}

/** The fields that every kind of request has. */
export interface TicketFields {
  readonly id?: string
  readonly cacheSalt?: string
  readonly priority?: number
}

/** How a request ends: exactly one of the two, once. */
export interface Settle<Value> {
  readonly done: (value: Value, usage: Usage) => void
  readonly failed: (error: EngineError) => void
}

/** Takes requests in, hands their tasks to the core, and closes the books on each, however it ends. */
export class RequestDesk {
  readonly book: RequestBook
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.book = new RequestBook(parts.config.maxWaiting)
  }

  /** Throws ENGINE_CLOSED, ENGINE_OVERLOADED, REQUEST_DUPLICATE_ID. */
  open(fields: TicketFields, call: CallOptions): Ticket {
    const id = this.book.admit(fields.id, this.#parts.scheduler.running.length)
    const namespace = fields.cacheSalt ?? ''
    const priority = fields.priority ?? 0
    const abort = (): void => this.abort(ticket)
    const unlisten = call.signal ? listenForAbort(call.signal, abort) : () => {}
    const isAborted = call.signal?.aborted === true
    const ticket: Ticket = { id, namespace, priority, isEnded: false, isAborted, unlisten, task: null, prepared: null }
    this.book.begin({ id, abort })
    return ticket
  }

  /** Takes effect between two steps; before the task exists it takes effect when it does. */
  abort(ticket: Ticket): void {
    ticket.isAborted = true
    if (ticket.task) this.#parts.core.abort(ticket.task)
  }

  /** The callbacks that end a request: books first, then the caller. */
  settle<Value>(ticket: Ticket, done: (value: Value) => void, failed: (error: EngineError) => void): Settle<Value> {
    return {
      done: (value, usage) => {
        if (this.#end(ticket, ticket.isAborted ? 'aborted' : 'finished', usage)) done(value)
      },
      failed: error => {
        if (this.#end(ticket, error.code === 'REQUEST_ABORTED' ? 'aborted' : 'failed', null)) failed(error)
      },
    }
  }

  /** Makes the task and hands it over; an error on the way fails the request. */
  start<Value>(ticket: Ticket, settle: Settle<Value>, make: () => Promise<Task>): void {
    make()
      .then(task => this.#submit(ticket, task))
      .catch((error: unknown) => settle.failed(toEngineError(error)))
  }

  /** Starts another task of a request whose last one has ended: what that held is released, the request goes on. */
  goOn<Value>(ticket: Ticket, settle: Settle<Value>, make: () => Promise<Task>): void {
    this.#release(ticket)
    ticket.task = null
    this.start(ticket, settle, make)
  }

  /** A request that ends in one value. */
  async promise<Value>(
    fields: TicketFields,
    call: CallOptions,
    make: (ticket: Ticket, settle: Settle<Value>) => Promise<Task>,
  ): Promise<Value> {
    const ticket = this.open(fields, call)
    return new Promise((resolve, reject) => {
      const settle = this.settle(ticket, resolve, reject)
      this.start(ticket, settle, () => make(ticket, settle))
    })
  }

  /** Throws what PromptPreparer.prepare throws. A picture that fails later fails the task. */
  async prepare(ticket: Ticket, ids: PromptIds, room: number): Promise<PreparedPrompt> {
    const onFailure = (error: EngineError): void => {
      if (ticket.task) this.#parts.core.fail(ticket.task, error)
    }
    ticket.prepared = await this.#parts.preparer.prepare(ids, room, onFailure)
    return ticket.prepared
  }

  /** @param room tokens at most behind the prompt, within the context. */
  sequence(ticket: Ticket, { prompt }: PreparedPrompt, room: number, logitsFrom: number | null): Sequence {
    const { id, namespace, priority } = ticket
    const { elements, spans } = prompt
    const capacity = Math.min(this.#parts.model.contextLength, elements.length + room)
    return new Sequence({ id, namespace, priority, prompt: elements, spans, capacity, logitsFrom })
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
    this.book.counters.imagePrefixHits += preparer.prefetch(ticket.prepared!, cached)
  }

  /** False when the request had ended before: what comes late (an error on the way out) has nobody to tell. */
  #end(ticket: Ticket, outcome: 'finished' | 'aborted' | 'failed', usage: Usage | null): boolean {
    if (ticket.isEnded) return false
    ticket.isEnded = true
    ticket.unlisten()
    this.#release(ticket)
    this.book.end(ticket.id, outcome, usage)
    return true
  }

  #release(ticket: Ticket): void {
    if (ticket.prepared === null) return
    this.#parts.preparer.release(ticket.prepared)
    this.book.counters.imageFeatureHits += ticket.prepared.owner.featureHits
    ticket.prepared = null
  }
}
