import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError, type ErrorCode, toEngineError } from '../../runtime/protocol/error.js'
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

type News<I, O> =
  | { readonly kind: 'input'; readonly step: IteratorResult<I> }
  | { readonly kind: 'item'; readonly item: BatchItem<O> }
  | { readonly kind: 'abort' }

/**
 * Runs one program over many inputs. Takes an input only when a place is free, so that a slow reader or a long source
 * holds no more than `inFlight` items. Leaving the loop cancels what is in flight. Throws what the source throws.
 */
export async function* runBatch<I, O>(batch: Batch<I, O>): AsyncGenerator<BatchItem<O>> {
  const { inFlight = 16, ordered = true, progress = true, signal: given } = batch.settings
  const controller = new AbortController()
  const signal = given === undefined ? controller.signal : AbortSignal.any([controller.signal, given])
  // Every item that waits for its next attempt listens to it; Node would warn of a leak from the eleventh on.
  setMaxListeners(0, signal)
  const aborted = abortNews(signal)
  const source = iteratorOf(batch.inputs)
  const started = new Map<number, Promise<News<I, O>>>()
  let arriving: Promise<News<I, O>> | null = null
  let hasMore = true
  let index = 0
  const bar = progress ? new ProgressBar(batch.label, countOf(batch.inputs), batch.output, Date.now) : null
  try {
    for (;;) {
      if (hasMore && arriving === null && started.size < inFlight) arriving = nextInput(source)
      const ready = [...started.values()].slice(0, ordered ? 1 : undefined)
      if (arriving === null && ready.length === 0) return
      const news = await Promise.race([aborted, ...ready, ...(arriving === null ? [] : [arriving])])
      if (news.kind === 'abort') throw new EngineError('PROGRAM_CANCELLED', { program: batch.label })
      if (news.kind === 'item') {
        started.delete(news.item.index)
        bar?.advance(news.item.ok)
        yield news.item
      } else {
        arriving = null
        if (news.step.done === true) hasMore = false
        else started.set(index, runItem(batch, news.step.value, index++, signal))
      }
    }
  } finally {
    bar?.finish()
    controller.abort()
    await Promise.all(started.values())
    // A source that is busy with its next input could make this wait for ever, so it is told and not waited for.
    if (hasMore) void Promise.resolve(source.return?.()).catch(() => {})
  }
}

/** Never rejects: a failure is an item too. */
async function runItem<I, O>(batch: Batch<I, O>, input: I, index: number, signal: AbortSignal): Promise<News<I, O>> {
  const { retries = 0 } = batch.settings
  let usage = NO_USAGE
  for (let attempt = 0; ; attempt++) {
    const run: Run<O> = batch.start(input, signal)
    const outcome = await run.result.then(
      result => ({ ok: true as const, result }),
      cause => ({ ok: false as const, error: toEngineError(cause) }),
    )
    usage = addUsage(usage, run.usage)
    if (outcome.ok) return { kind: 'item', item: { index, ...outcome, usage } }
    if (attempt >= retries || !TRANSIENT.has(outcome.error.code) || signal.aborted) {
      return { kind: 'item', item: { index, ...outcome, usage } }
    }
    // Cut short by an abort; the next attempt then ends at once as cancelled.
    await sleep(FIRST_RETRY_MS * 2 ** attempt, undefined, { signal }).catch(() => {})
  }
}

function nextInput<I, O>(source: Iterator<I> | AsyncIterator<I>): Promise<News<I, O>> {
  const arriving = Promise.resolve(source.next()).then((step): News<I, O> => ({ kind: 'input', step }))
  // Whoever leaves the loop first never looks at this promise again.
  arriving.catch(() => {})
  return arriving
}

function abortNews(signal: AbortSignal): Promise<{ readonly kind: 'abort' }> {
  if (signal.aborted) return Promise.resolve({ kind: 'abort' })
  return new Promise(resolve => signal.addEventListener('abort', () => resolve({ kind: 'abort' }), { once: true }))
}

function iteratorOf<I>(inputs: Iterable<I> | AsyncIterable<I>): Iterator<I> | AsyncIterator<I> {
  return Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()
}

const countOf = (inputs: unknown): number | null => (Array.isArray(inputs) ? inputs.length : null)
