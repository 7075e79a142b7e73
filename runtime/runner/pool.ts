import type { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { EngineError, ERROR_TABLE, type ErrorCode } from '../protocol/error.js'

/** What every worker of this project answers: a value, or a failure as data (class and code of an error do not survive between threads). */
type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ReplyError }

interface ReplyError {
  readonly code: string
  readonly data: Readonly<Record<string, unknown>>
  readonly message?: string
  readonly stack?: string
}

/**
 * A fixed set of worker threads behind typed calls. Workers hold state (sessions), so a call is never given a signal:
 * aborting a running piscina task would take its thread with it.
 */
export class WorkerPool {
  readonly #name: string
  readonly #piscina: Piscina
  /** Threads that have not said yet that their module is loaded. */
  readonly #starting = new Map<Worker, Promise<void>>()
  #isClosed = false

  /** @param url compiled worker module; @param threads of which each has its own state. */
  constructor(name: string, url: URL, threads: number) {
    this.#name = name
    this.#piscina = new Piscina({ filename: url.href, minThreads: threads, maxThreads: threads, recordTiming: false })
    // A worker that dies rejects the call it was on; the event needs a listener, or it would end the process as well.
    this.#piscina.on('error', () => {})
    for (const thread of this.#piscina.threads) this.#starting.set(thread, this.#started(thread))
  }

  /**
   * Rejects with an EngineError: the worker's own code, KERNEL_FAILED when the thread itself failed, or ENGINE_CLOSED.
   * Calls are independent of each other: of several that wait, any may be served first.
   */
  async call<Value>(request: object): Promise<Value> {
    // A closed piscina would start a new thread, which nobody ends.
    if (this.#isClosed) throw new EngineError('ENGINE_CLOSED')
    let reply: Reply
    try {
      reply = await this.#piscina.run(request)
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      throw new EngineError('KERNEL_FAILED', { pool: this.#name, what }, { cause: error })
    }
    if (reply.ok) return reply.value as Value
    throw rebuild(this.#name, reply.error)
  }

  /** Ends the threads and what they are at; but a call that loads native code must have been answered. */
  async close(): Promise<void> {
    this.#isClosed = true
    // Ended while its module registers native functions, a thread takes the process with it.
    for (const thread of this.#starting.keys()) thread.ref()
    await Promise.all(this.#starting.values())
    await this.#piscina.destroy()
  }

  /** A thread's first message is that it is ready. */
  #started(thread: Worker): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        this.#starting.delete(thread)
        resolve()
      }
      for (const event of ['message', 'error', 'exit']) thread.once(event, end)
    })
  }
}

function rebuild(pool: string, error: ReplyError): EngineError {
  const cause = new Error(error.message ?? error.code)
  if (error.stack) cause.stack = error.stack
  if (Object.hasOwn(ERROR_TABLE, error.code))
    return new EngineError(error.code as ErrorCode, { pool, ...error.data }, { cause })
  return new EngineError('KERNEL_FAILED', { pool, what: error.message ?? error.code }, { cause })
}
