import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError, type ErrorCode, toEngineError } from '../../runtime/protocol/error.js'
import { AbortLink } from './abort-link.js'
import { ProgressBar, type ProgressOutput } from './progress.js'
import type { Run } from './run.js'
import { addUsage, NO_USAGE, type RunUsage } from './usage.js'

export interface BatchSettings {
  /** Runs at the same time, and finished ones that nobody has taken yet: at most this many. Default 16. */
  readonly inFlight?: number
  /** Items come in the order of the inputs (default), or as they finish. */
  readonly ordered?: boolean
  /**
   * How often an item is tried again when the engine was overloaded, out of reach or broken: after 50 ms, then after
   * twice as long each time. Default 0.
   */
  readonly retries?: number
  /** A progress line on stderr while it is a terminal. Default true. */
  readonly progress?: boolean
  /** Cancels the runs in flight; the iteration then throws PROGRAM_CANCELLED. */
  readonly signal?: AbortSignal
}

/** What became of one input; `index` counts inputs from 0. A failed item stops no other. */
export type BatchItem<O> =
  | { readonly index: number; readonly ok: true; readonly result: O; readonly usage: RunUsage }
  | { readonly index: number; readonly ok: false; readonly error: EngineError; readonly usage: RunUsage }

export interface Batch<I, O> {
  readonly label: string
  readonly inputs: Iterable<I> | AsyncIterable<I>
  readonly settings: BatchSettings
  readonly start: (input: I, signal: AbortSignal) => Run<O>
  /** Where the progress line goes. */
  readonly output: ProgressOutput
}

/** Errors that may be gone a moment later. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  'ENGINE_OVERLOADED',
  'ENGINE_FAILED',
  'KERNEL_FAILED',
  'BACKEND_UNREACHABLE',
])
const FIRST_RETRY_MS = 50

/**
 * Runs one program over many inputs. Takes an input only when a place is free, so that a slow reader or a long source
 * holds no more than `inFlight` items. Leaving the loop cancels what is in flight. What the source throws is thrown
 * after the items that were started before it.
 */
export async function* runBatch<I, O>(batch: Batch<I, O>): AsyncGenerator<BatchItem<O>> {
  const { progress = true } = batch.settings
  const total = Array.isArray(batch.inputs) ? batch.inputs.length : null
  const bar = progress ? new ProgressBar(batch.label, total, batch.output, Date.now) : null
  const window = new Window(batch)
  try {
    for (let item = await window.next(); item !== null; item = await window.next()) {
      bar?.advance(item.ok)
      yield item
    }
  } finally {
    bar?.finish()
    await window.close()
  }
}

/** The items between a source and a reader: those that run, and those that have ended and wait to be taken. */
class Window<I, O> {
  readonly #batch: Batch<I, O>
  readonly #source: Iterator<I> | AsyncIterator<I>
  readonly #link: AbortLink
  readonly #running = new Set<Promise<void>>()
  readonly #ended = new Map<number, BatchItem<O>>()
  #started = 0
  #taken = 0
  #isReading = false
  #hasMore = true
  #failure: { readonly cause: unknown } | null = null
  #wake = (): void => {}

  constructor(batch: Batch<I, O>) {
    this.#batch = batch
    this.#source = iteratorOf(batch.inputs)
    this.#link = new AbortLink(batch.settings.signal)
    this.#link.signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** The next item to be taken; null after the last. Throws PROGRAM_CANCELLED once the signal has aborted. */
  async next(): Promise<BatchItem<O> | null> {
    for (;;) {
      if (this.#link.signal.aborted) throw new EngineError('PROGRAM_CANCELLED', { program: this.#batch.label })
      const item = this.#take()
      this.#read()
      if (item !== null) return item
      if (!this.#hasMore && this.#started === this.#taken) {
        if (this.#failure !== null) throw this.#failure.cause
        return null
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Cancels what runs and waits until it has come to rest. */
  async close(): Promise<void> {
    this.#link.abort()
    this.#link.release()
    await Promise.all(this.#running)
    // A source that is busy with its next input could make this wait for ever, so it is told and not waited for.
    if (this.#hasMore) void Promise.resolve(this.#source.return?.()).catch(() => {})
  }

  #take(): BatchItem<O> | null {
    const { ordered = true } = this.#batch.settings
    const [index] = ordered ? [this.#taken] : this.#ended.keys()
    const item = this.#ended.get(index ?? -1)
    if (item === undefined) return null
    this.#ended.delete(item.index)
    this.#taken += 1
    return item
  }

  /** Asks the source for one input if there is a place; each that comes asks for the next. */
  #read(): void {
    const { inFlight = 16 } = this.#batch.settings
    const isFull = this.#started - this.#taken >= inFlight
    if (this.#isReading || !this.#hasMore || isFull || this.#link.signal.aborted) return
    this.#isReading = true
    // Inside a promise, so that a source which throws at once fails like one that rejects later.
    new Promise<IteratorResult<I>>(resolve => resolve(this.#source.next()))
      .then(step => {
        if (step.done === true) this.#hasMore = false
        else if (!this.#link.signal.aborted) this.#start(step.value)
      })
      .catch(cause => {
        this.#hasMore = false
        this.#failure = { cause }
      })
      .finally(() => {
        this.#isReading = false
        this.#read()
        this.#wake()
      })
  }

  #start(input: I): void {
    const work = runItem(this.#batch, input, this.#started++, this.#link.signal).then(item => {
      this.#ended.set(item.index, item)
      this.#running.delete(work)
      this.#wake()
    })
    this.#running.add(work)
  }
}

/** Never rejects: a failure is an item too. */
async function runItem<I, O>(batch: Batch<I, O>, input: I, index: number, signal: AbortSignal): Promise<BatchItem<O>> {
  const { retries = 0 } = batch.settings
  let usage = NO_USAGE
  for (let attempt = 0; ; attempt++) {
    const run = batch.start(input, signal)
    const outcome = await run.result.then(
      result => ({ ok: true as const, result }),
      cause => ({ ok: false as const, error: toEngineError(cause) }),
    )
    usage = addUsage(usage, run.usage)
    if (outcome.ok || attempt >= retries || !TRANSIENT.has(outcome.error.code) || signal.aborted) {
      return { index, ...outcome, usage }
    }
    // Cut short by an abort; the next attempt then ends at once as cancelled.
    await sleep(FIRST_RETRY_MS * 2 ** attempt, undefined, { signal }).catch(() => {})
  }
}

function iteratorOf<I>(inputs: Iterable<I> | AsyncIterable<I>): Iterator<I> | AsyncIterator<I> {
  return Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()
}
