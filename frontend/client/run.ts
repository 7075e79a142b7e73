import { type PartialValue, partialValue } from '../../runtime/grammar/partial-value.js'
import { toEngineError } from '../../runtime/protocol/error.js'
import type { Names, ValueAt } from '../dsl/types.js'
import { AbortLink } from './abort-link.js'
import { EventLog } from './event-log.js'
import { valueText } from './output.js'
import { addUsage, NO_USAGE, type RunUsage } from './usage.js'
import type { CaptureDetail, WalkEvent } from './walk.js'

/** What happens in a run, in order. Captures inside forks and repeats have paths: 'notes.clarity.note', 'tips.0.tip'. */
export type RunEvent<O> =
  | { readonly type: 'text-delta'; readonly capture: string; readonly delta: string }
  /** A capture inside a fork or repeat, or a whole branch or round ('notes.clarity'); the capture-end of all of it follows. */
  | { readonly type: 'part-end'; readonly capture: string; readonly value: unknown }
  | { [K in Names<O>]: { readonly type: 'capture-end'; readonly capture: K; readonly value: ValueAt<O, K> } }[Names<O>]
  | { readonly type: 'run-end'; readonly result: O; readonly usage: RunUsage }

/**
 * A program at work. It starts at once, whether or not anybody looks. Iterate over it for its events, from the first
 * on, as often as you like; leaving the loop does not stop the run, cancel() does. It is no promise: await `result`.
 */
export interface Run<O> extends AsyncIterable<RunEvent<O>> {
  /** Rejects with an EngineError. Made when first read: unread, it never becomes an unhandled rejection. */
  readonly result: Promise<O>
  /** Text of one capture as it comes; of a fork or repeat, of all that is in it. Ends with the capture, or with the run. */
  stream(capture: Names<O> | `${Names<O>}.${string}`): AsyncIterable<string>
  /**
   * A JSON capture as it comes: after each piece of its text, the value as far as it is certain, the path to the
   * innermost part that is being written, and whether the value is whole. Read from the text anew for each, and only
   * while somebody iterates. Ends with the capture, or with the run.
   */
  values(capture: Names<O> | `${Names<O>}.${string}`): AsyncIterable<PartialValue>
  /** Sums so far over the run's requests. */
  readonly usage: RunUsage
  /** Tokens, scores and usage of each finished capture, by its path. */
  readonly details: ReadonlyMap<string, CaptureDetail>
  /** Aborts what is being generated; `result` rejects with PROGRAM_CANCELLED. After the end it does nothing. */
  cancel(): void
}

type Outcome<O> = { readonly ok: true; readonly result: O } | { readonly ok: false; readonly error: unknown }

export class ProgramRun<O> implements Run<O> {
  readonly details = new Map<string, CaptureDetail>()
  readonly #log = new EventLog<RunEvent<O>>()
  readonly #link: AbortLink
  readonly #outcome: Promise<Outcome<O>>
  /** Marks that end the reasoning of captures, by path. */
  readonly #reasoning = new Map<string, string>()
  #usage = NO_USAGE
  #result: Promise<O> | null = null

  /** `start` does the work; it reports what happens, heeds the signal and gives the result. */
  constructor(
    start: (report: (event: WalkEvent) => void, signal: AbortSignal) => Promise<O>,
    signal: AbortSignal | undefined,
  ) {
    this.#link = new AbortLink(signal)
    const work = start(event => this.#report(event), this.#link.signal).finally(() => this.#link.release())
    this.#outcome = work.then(
      result => {
        this.#log.push({ type: 'run-end', result, usage: this.#usage })
        this.#log.close()
        return { ok: true, result }
      },
      cause => {
        const error = toEngineError(cause)
        this.#log.close(error)
        return { ok: false, error }
      },
    )
  }

  get usage(): RunUsage {
    return this.#usage
  }

  get result(): Promise<O> {
    this.#result ??= this.#outcome.then(outcome => {
      if (outcome.ok) return outcome.result
      throw outcome.error
    })
    return this.#result
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent<O>> {
    return this.#log[Symbol.asyncIterator]()
  }

  async *stream(capture: string): AsyncGenerator<string> {
    for await (const event of this.#log) {
      if (event.type === 'run-end') return
      const isInside = event.capture.startsWith(`${capture}.`)
      if (event.type === 'text-delta' && (isInside || event.capture === capture)) yield event.delta
      else if (event.type !== 'text-delta' && event.capture === capture) return
    }
  }

  async *values(capture: string): AsyncGenerator<PartialValue> {
    let text = ''
    for await (const event of this.#log) {
      if (event.type === 'run-end') return
      if (event.capture !== capture) continue
      if (event.type !== 'text-delta') return
      text += event.delta
      const known = valueText(text, this.#reasoning.get(capture))
      if (known !== '') yield partialValue(known)
    }
  }

  cancel(): void {
    this.#link.abort()
  }

  #report(event: WalkEvent): void {
    if (event.type === 'usage') this.#usage = addUsage(this.#usage, event.usage)
    else if (event.type === 'reasoning') this.#reasoning.set(event.path, event.end)
    else if (event.type === 'detail') this.details.set(event.path, event.detail)
    else this.#log.push(eventOf(event))
  }
}

function eventOf<O>(event: Extract<WalkEvent, { type: 'text-delta' | 'capture-end' }>): RunEvent<O> {
  const { path: capture } = event
  if (event.type === 'text-delta') return { type: 'text-delta', capture, delta: event.delta }
  const { value } = event
  if (capture.includes('.')) return { type: 'part-end', capture, value }
  // The walk captures what the program's type says; verify() and the slots' own types stand for that.
  return { type: 'capture-end', capture, value } as RunEvent<O>
}
