import { randomUUID } from 'node:crypto'
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

  // Really generates: a worker that hangs is found out by the time limit.
  server.get('/health_generate', async () => {
    assertOpen(context)
    const started = performance.now()
    const signal = AbortSignal.timeout(options.healthTimeoutMs)
    const { finish } = await engine.generate(
      {
        id: `health-${randomUUID()}`,
        prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'a' }] },
        sampling: { maxTokens: 1, temperature: 0, ignoreEos: true },
      },
      { signal },
    ).result
    if (finish !== 'abort') return { status: 'ok', latency: (performance.now() - started) / 1000 }
    throw new EngineError('SERVER_UNHEALTHY', { seconds: options.healthTimeoutMs / 1000 })
  })

  server.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.render()
  })
}
