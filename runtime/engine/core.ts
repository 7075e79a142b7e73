import { EngineError, toEngineError } from '../protocol/error.js'
import type { Batch, BatchChunk, BatchDecode } from '../scheduler/batch.js'
import type { Scheduler } from '../scheduler/scheduler.js'
import type { Sequence } from '../scheduler/sequence.js'
import { chooseSteps } from './run-ahead.js'
import type { Task } from './task.js'

/** What executes batches: the model runner, or a script in tests. */
export interface BatchRunner {
  /** `forwardMs`: time inside the kernels, without the messages there and back. */
  forward(batch: Batch): Promise<{ readonly forwardMs: number }>
  /** [vocabRows] float32, valid until the next forward. */
  logits(row: number): Float32Array
  /** Makes the runner usable again after a failed forward. */
  load(): Promise<unknown>
}

export interface CoreCounts {
  decodeSteps: number
  prefillChunks: number
  lastStepMs: number
}

/**
 * The engine's heart: one loop over steps, each compose -> forward -> sample -> commit. Tasks are added and aborted at
 * any time; they enter and leave between steps.
 */
export class EngineCore {
  readonly counts: CoreCounts = { decodeSteps: 0, prefillChunks: 0, lastStepMs: 0 }
  readonly #scheduler: Scheduler
  readonly #runner: BatchRunner
  /** Drops every cached prefix; called when a failed step may have spoilt them. */
  readonly #flushPrefixes: () => void
  readonly #tasks = new Map<Sequence, Task>()
  readonly #aborted = new Set<Task>()
  readonly #failed = new Map<Task, EngineError>()
  #loop: Promise<void> | null = null
  #wake: (() => void) | null = null
  /** Remembers a wake that came while the loop was not asleep yet. */
  #isSignalled = false
  #closed = false
  /** Of one decode step without chunks, smoothed. */
  #stepMs = Number.POSITIVE_INFINITY

  constructor(scheduler: Scheduler, runner: BatchRunner, flushPrefixes: () => void) {
    this.#scheduler = scheduler
    this.#runner = runner
    this.#flushPrefixes = flushPrefixes
  }

  get isIdle(): boolean {
    return this.#tasks.size === 0
  }

  add(task: Task): void {
    if (this.#closed) throw new EngineError('ENGINE_CLOSED')
    this.#tasks.set(task.sequence, task)
    this.#scheduler.add(task.sequence)
    this.#loop ??= this.#run()
    this.wake()
  }

  abort(task: Task): void {
    if (!this.#tasks.has(task.sequence)) return
    this.#aborted.add(task)
    this.wake()
  }

  fail(task: Task, error: EngineError): void {
    if (!this.#tasks.has(task.sequence)) return
    this.#failed.set(task, error)
    this.wake()
  }

  /** To be called when something outside changed that a waiting request may need. */
  wake(): void {
    this.#isSignalled = true
    this.#wake?.()
    this.#wake = null
  }

  /** Aborts what runs and stops the loop. */
  async close(): Promise<void> {
    this.#closed = true
    for (const task of this.#tasks.values()) this.#aborted.add(task)
    this.wake()
    await this.#loop
  }

  async #run(): Promise<void> {
    // Requests that are submitted together share the first step.
    await Promise.resolve()
    while (true) {
      this.#isSignalled = false
      this.#reap()
      if (!(await this.#step())) {
        if (this.#closed && this.isIdle) return
        if (!this.#isSignalled) await this.#sleep()
      }
    }
  }

  /** One step; false when nothing could be computed. */
  async #step(): Promise<boolean> {
    let batch: Batch | null
    try {
      batch = this.#compose()
    } catch (error) {
      // Only a fault of the scheduler itself comes here; the same requests would bring it up again.
      this.#failAll(toEngineError(error))
      return true
    }
    if (!batch) return false
    const started = performance.now()
    const steps = batch.decode?.steps ?? 1
    try {
      const { forwardMs } = await this.#runner.forward(batch)
      if (batch.chunks.length === 0) this.#noteStepMs(forwardMs / steps)
      for (let step = 0; step < steps; step++) {
        this.#sample(batch, step)
        this.#commit(batch, step)
      }
    } catch (error) {
      await this.#recover(toEngineError(error))
    }
    this.counts.lastStepMs = performance.now() - started
    return true
  }

  #compose(): Batch | null {
    const batch = this.#scheduler.compose()
    if (!batch) return this.isIdle ? this.#scheduler.composeStores() : null
    const { decode } = batch
    if (!decode) return batch
    const steps = chooseSteps(batch, decode, {
      othersWait: this.#scheduler.someWait,
      stepMs: this.#stepMs,
      maxLogitRows: this.#scheduler.limits.maxLogitRows,
      freeTokens: row => this.#tasks.get(decode.rows[row]!)?.freeTokens ?? 1,
    })
    return { ...batch, decode: { ...decode, steps } }
  }

  /** A faster step counts at once, since the first ones are slow; a slower one may be other work on the machine. */
  #noteStepMs(stepMs: number): void {
    this.#stepMs = stepMs < this.#stepMs ? stepMs : 0.8 * this.#stepMs + 0.2 * stepMs
  }

  /** Hands every row of logits to the task whose sequence it belongs to. */
  #sample(batch: Batch, step: number): void {
    if (step === 0) for (const chunk of batch.chunks) this.#attempt(chunk.sequence, this.#sampleChunk, chunk)
    const { decode } = batch
    if (!decode) return
    for (let row = 0; row < decode.rows.length; row++) {
      const sequence = decode.rows[row]
      if (sequence) this.#attempt(sequence, this.#sampleRow, decode, row, step)
    }
  }

  // Fields instead of closures: these run for every token of every request.
  readonly #sampleRow = (task: Task, decode: BatchDecode, row: number, step: number): void => {
    const logits = this.#runner.logits(decode.firstLogit + step * decode.rows.length + row)
    task.consume(decode.lengths[row]! + step, logits, null)
  }

  readonly #sampleChunk = (task: Task, chunk: BatchChunk): void => {
    for (const [index, row] of chunk.logitRows.entries()) {
      const path = chunk.branch && [...chunk.branch.prefix, ...chunk.branch.ids.slice(0, row + 1)]
      task.consume(chunk.start + row, this.#runner.logits(chunk.firstLogit + index), path)
    }
  }

  readonly #advance = (task: Task): void => {
    if (task.advance()) this.#release(task, () => task.complete())
  }

  /** What goes wrong with one request (a grammar that allows nothing, say) fails that request alone. */
  #attempt<Rest extends readonly unknown[]>(
    sequence: Sequence,
    act: (task: Task, ...rest: Rest) => void,
    ...rest: Rest
  ): void {
    const task = this.#tasks.get(sequence)
    if (!task || this.#failed.has(task)) return
    try {
      act(task, ...rest)
    } catch (error) {
      this.#failed.set(task, toEngineError(error))
    }
  }

  /** Books what was computed, appends what was sampled, and lets finished requests go. */
  #commit(batch: Batch, step: number): void {
    if (batch.decode) this.counts.decodeSteps++
    if (step === 0) this.#commitChunks(batch)
    else this.#scheduler.decoded(batch)
    for (const sequence of batch.decode?.rows ?? []) if (sequence) this.#attempt(sequence, this.#advance)
  }

  #commitChunks(batch: Batch): void {
    this.counts.prefillChunks += batch.chunks.length
    this.#scheduler.computed(batch)
    let last: Sequence | null = null
    for (const { sequence } of batch.chunks) {
      // The branches of one select follow each other and are settled together.
      if (sequence !== last) this.#attempt(sequence, this.#advance)
      last = sequence
    }
  }

  /** Ends what was aborted or has failed since the last step. */
  #reap(): void {
    for (const [task, error] of [...this.#failed]) this.#release(task, () => task.fail(error))
    for (const task of this.#aborted) {
      if (!this.#tasks.has(task.sequence)) continue
      task.abort()
      this.#release(task, () => task.complete())
    }
    this.#failed.clear()
    this.#aborted.clear()
  }

  #release(task: Task, end: () => void, keep = true): void {
    this.#tasks.delete(task.sequence)
    this.#failed.delete(task)
    this.#scheduler.finish(task.sequence, keep)
    try {
      end()
    } catch (error) {
      // A result that cannot be made (a validator that throws, say) is that request's failure, not the loop's.
      task.fail(toEngineError(error))
    }
  }

  /** A failed step leaves nothing that it touched to be trusted: its requests fail, the others go on with an empty cache. */
  async #recover(error: EngineError): Promise<void> {
    for (const sequence of [...this.#scheduler.running]) {
      const task = this.#tasks.get(sequence)!
      this.#release(task, () => task.fail(error), false)
    }
    this.#scheduler.dropStores()
    this.#flushPrefixes()
    try {
      await this.#runner.load()
    } catch (cause) {
      this.#closed = true
      this.#failAll(toEngineError(cause))
    }
  }

  #failAll(error: EngineError): void {
    for (const task of [...this.#tasks.values()]) this.#release(task, () => task.fail(error), false)
    this.#scheduler.dropStores()
    this.#flushPrefixes()
  }

  #sleep(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
