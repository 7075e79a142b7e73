import { setTimeout as delay } from 'node:timers/promises'

/** Something that may go well another time: a broken connection, a server that is busy. */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure'
  /** How long the server asked to be left alone; 0 when it did not. */
  readonly retryAfterMs: number

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

const LONGEST_MS = 30_000

/** Waits before attempt `attempt`, from 1 on: `firstMs`, twice that, and so on. Rejects when the signal aborts. */
export async function pause(attempt: number, firstMs: number, failure: TransientFailure, signal: AbortSignal) {
  const waitMs = Math.max(failure.retryAfterMs, firstMs * 2 ** (attempt - 1))
  await delay(Math.min(LONGEST_MS, waitMs), undefined, { signal })
}

/** The sentence of an error and of what caused it: fetch hides the reason in `cause`. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message
}
