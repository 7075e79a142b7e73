import type { FastifyReply } from 'fastify'
import type { GenerateEvent, GenerateRequest, GenerateResult } from '../protocol/backend.js'
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
  for await (const event of context.engine.generate(request, { signal })) {
    if (event.type === 'text-delta') timer.markTokens(event.tokenIds.length)
    else timer.finish()
    yield event
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
