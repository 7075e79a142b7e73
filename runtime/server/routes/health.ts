import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { EngineError } from '../../protocol/error.js'
import { assertOpen, type ServerContext } from '../generation.js'

export function healthRoutes(server: FastifyInstance, context: ServerContext): void {
  const { engine, options, metrics } = context

  server.get('/ping', async () => '')

  server.get('/health', async () => {
    assertOpen(context)
    return { status: 'ok' }
  })

  // Really generates. The clock runs beside the engine: one whose worker hangs ends nothing, not even what is aborted.
  server.get('/health_generate', async () => {
    assertOpen(context)
    const started = performance.now()
    const tooLate = new AbortController()
    const { result } = engine.generate(
      {
        id: `health-${randomUUID()}`,
        prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'a' }] },
        sampling: { maxTokens: 1, temperature: 0, ignoreEos: true },
      },
      { signal: tooLate.signal },
    )
    const answered = result.then(({ finish }) => finish !== 'abort')
    // Of the two the one that comes second has nobody to tell.
    answered.catch(() => {})
    const clock = new AbortController()
    const late = delay(options.healthTimeoutMs, false, { signal: clock.signal })
    late.catch(() => {})
    const isWell = await Promise.race([answered, late]).finally(() => {
      tooLate.abort()
      clock.abort()
    })
    if (isWell) return { status: 'ok', latency: (performance.now() - started) / 1000 }
    throw new EngineError('SERVER_UNHEALTHY', { seconds: options.healthTimeoutMs / 1000 })
  })

  server.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.render()
  })
}
