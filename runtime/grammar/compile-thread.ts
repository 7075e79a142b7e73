import { Worker } from 'node:worker_threads'
import { EngineError } from '../protocol/error.js'
import type { CompiledReply, CompileReply, CompileRequest } from './compile-protocol.js'

export interface CompileThreadOptions {
  /** Time for one grammar before the thread is killed. Default 5,000. */
  readonly timeoutMs?: number
  /** Idle time after which the thread (some 60 MB) ends. Default 10,000. */
  readonly idleMs?: number
  /** Grammars that may wait. Default 64. */
  readonly maxWaiting?: number
}

const HEAP_MEGABYTES = 1_024

interface Job {
  readonly request: CompileRequest
  readonly resolve: (reply: CompiledReply) => void
  readonly reject: (error: EngineError) => void
}

/** One thread for grammars that take long, one at a time; started when first needed. A grammar that overruns is killed with its thread. */
export class CompileThread {
  readonly #timeoutMs: number
  readonly #idleMs: number
  readonly #maxWaiting: number
  readonly #waiting: Job[] = []
  #worker: Worker | null = null
  #running: Job | null = null
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ timeoutMs = 5_000, idleMs = 10_000, maxWaiting = 64 }: CompileThreadOptions = {}) {
    this.#timeoutMs = timeoutMs
    this.#idleMs = idleMs
    this.#maxWaiting = maxWaiting
  }

  get pending(): number {
    return this.#waiting.length + (this.#running === null ? 0 : 1)
  }

  /** Rejects with the compiler's EngineError, GRAMMAR_TOO_COMPLEX when the time is up, ENGINE_OVERLOADED when too many wait, ENGINE_CLOSED. */
  compile(request: CompileRequest): Promise<CompiledReply> {
    if (this.#isClosed) return Promise.reject(new EngineError('ENGINE_CLOSED'))
    if (this.#waiting.length >= this.#maxWaiting)
      return Promise.reject(
        new EngineError('ENGINE_OVERLOADED', { waiting: this.#waiting.length, limit: this.#maxWaiting }),
      )
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (this.#running === null) this.#next()
    })
  }

  /** Rejects what waits and ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true
    const jobs = [...(this.#running === null ? [] : [this.#running]), ...this.#waiting.splice(0)]
    this.#running = null
    for (const job of jobs) job.reject(new EngineError('ENGINE_CLOSED'))
    await this.#endThread()
  }

  #next(): void {
    clearTimeout(this.#timer)
    const job = this.#waiting.shift()
    this.#running = job ?? null
    if (job === undefined) {
      this.#timer = setTimeout(() => this.#endThread(), this.#idleMs).unref()
      return
    }
    this.#worker ??= this.#startThread()
    this.#worker.ref()
    this.#timer = setTimeout(() => this.#give(this.#overrun(job)), this.#timeoutMs)
    this.#worker.postMessage(job.request)
  }

  #startThread(): Worker {
    const worker = new Worker(new URL('./compile-worker.js', import.meta.url), {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
    })
    worker.on('message', (reply: CompileReply) => {
      if (worker === this.#worker) this.#settle(reply)
    })
    worker.on('error', (cause: NodeJS.ErrnoException) => {
      if (worker !== this.#worker) return
      const isMemory = cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#give(
        isMemory
          ? new EngineError(
              'GRAMMAR_TOO_COMPLEX',
              { kind: 'grammar', what: `it needs more than ${HEAP_MEGABYTES} MB to compile.` },
              { cause },
            )
          : new EngineError('ENGINE_FAILED', { what: cause.message }, { cause }),
      )
    })
    return worker
  }

  #settle(reply: CompileReply): void {
    const job = this.#running
    if (reply.kind === 'compiled') job?.resolve(reply)
    else job?.reject(new EngineError(reply.code, reply.data))
    this.#worker?.unref()
    this.#next()
  }

  /** Fails the running job and throws its thread away. */
  #give(error: EngineError): void {
    const job = this.#running
    void this.#endThread()
    job?.reject(error)
    this.#next()
  }

  #overrun({ request }: Job): EngineError {
    return new EngineError('GRAMMAR_TOO_COMPLEX', {
      kind: request.constraint.kind,
      what: `compiling it took longer than ${this.#timeoutMs} ms.`,
      limit: 'time',
    })
  }

  async #endThread(): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = null
    await worker?.terminate()
  }
}
