import { setMaxListeners } from 'node:events'
import type { FastifyReply } from 'fastify'
import type { GenerateEvent, GenerateRequest, GenerateResult, Generation } from '../protocol/backend.js'
import type { Engine } from '../protocol/engine.js'
import { EngineError } from '../protocol/error.js'
import type { ServerMetrics } from './metrics.js'
import type { ResolvedServerOptions } from './options.js'

/** What every route is given. */
export interface ServerContext {
  readonly engine: Engine
  readonly options: ResolvedServerOptions
  readonly metrics: ServerMetrics
}

/** Aborted when the client goes away before the answer is complete. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  // All samples of a request and all items of a list listen to it.
  setMaxListeners(0, controller.signal)
  if (reply.raw.destroyed) controller.abort()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}

/** Throws SERVER_DRAINING once the server shuts down. */
export function assertOpen(context: ServerContext): void {
  if (context.options.draining?.aborted === true) throw new EngineError('SERVER_DRAINING')
}

/** The events of one generation, timed for the metrics. */
export async function* generate(
  context: ServerContext,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
  const timer = context.metrics.startGeneration()
  const generation = context.engine.generate(request)
  const release = abortWith(signal, generation)
  try {
    for await (const event of generation) {
      if (event.type === 'text-delta') timer.markTokens(event.tokenIds.length)
      else timer.finish()
      yield event
    }
  } finally {
    release()
  }
}

/** Aborts the generation when the signal fires; call the result at its end, or a signal of many requests would keep them all. */
export function abortWith(signal: AbortSignal, generation: Generation): () => void {
  const abort = () => generation.abort()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

/** A signal of its own for all generations of one request: aborted with the client's, or by `stop`. */
export function stoppable(signal: AbortSignal): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const either = AbortSignal.any([signal, controller.signal])
  setMaxListeners(0, either)
  return { signal: either, stop: () => controller.abort() }
}

/** The same values; however their iteration ends, `stop` is called. */
export async function* thenStop<Value>(values: AsyncIterable<Value>, stop: () => void): AsyncGenerator<Value> {
  try {
    yield* values
  } finally {
    stop()
  }
}

/** Runs a generation to its end. */
export async function complete(
  context: ServerContext,
  request: GenerateRequest,
  signal: AbortSignal,
): Promise<GenerateResult> {
  for await (const event of generate(context, request, signal)) {
    if (event.type === 'finish') return event.result
  }
  throw new EngineError('ENGINE_FAILED', { what: 'a generation ended without a result.' })
}
