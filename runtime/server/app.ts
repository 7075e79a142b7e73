import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Engine } from '../protocol/engine.js'
import { EngineError } from '../protocol/error.js'
import { type ErrorStyle, errorBody, toServerError } from './errors.js'
import type { ServerContext } from './generation.js'
import { createMetrics } from './metrics.js'
import { resolveServerOptions, type ServerOptions } from './options.js'
import { adminRoutes } from './routes/admin.js'
import { backendRoutes } from './routes/backend.js'
import { healthRoutes } from './routes/health.js'
import { nativeRoutes } from './routes/native.js'
import { openAiRoutes } from './routes/openai.js'

/** Open without the API key: probes and scrapers rarely have one. */
const OPEN_PATHS = new Set(['/health', '/ping', '/metrics'])

/** The HTTP server over an engine, not listening. Closing it leaves the engine open. */
export function buildServer(engine: Engine, options: ServerOptions = {}): FastifyInstance {
  const resolved = resolveServerOptions(options)
  const context: ServerContext = { engine, options: resolved, metrics: createMetrics(engine) }
  const server = fastify({
    bodyLimit: resolved.bodyLimit,
    forceCloseConnections: 'idle',
    genReqId: requestId,
  })
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    if (resolved.apiKey !== undefined && !OPEN_PATHS.has(pathOf(request))) assertKey(request, resolved.apiKey)
  })
  server.addHook('onResponse', async (request, reply) => {
    context.metrics.countResponse(request.routeOptions.url ?? 'unknown', reply.statusCode)
    resolved.onResponse?.({
      id: request.id,
      method: request.method,
      path: pathOf(request),
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
    })
  })
  server.setErrorHandler((error, request, reply) => {
    const known = toServerError(error, resolved.bodyLimit, request.headers['content-type'] ?? '')
    if (known.status === 429 || known.status === 503) reply.header('retry-after', '1')
    return reply
      .code(known.status)
      .type('application/json; charset=utf-8')
      .send(errorBody(known, styleOf(request)))
  })
  server.setNotFoundHandler((request, reply) => {
    const error = new EngineError('SERVER_ROUTE_NOT_FOUND', { method: request.method, path: pathOf(request) })
    return reply.code(error.status).send(errorBody(error, styleOf(request)))
  })
  healthRoutes(server, context)
  adminRoutes(server, context)
  nativeRoutes(server, context)
  openAiRoutes(server, context)
  // In a scope of its own: no other route understands its binary bodies.
  server.register(async scope => backendRoutes(scope, context))
  return server
}

/** The client's own id when it is short and plain, so that logs on both sides agree; it comes back as a header. */
function requestId(request: { readonly headers: Readonly<Record<string, string | string[] | undefined>> }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

function assertKey(request: FastifyRequest, apiKey: string): void {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const given = bearer ?? request.headers['x-api-key']
  if (typeof given !== 'string') throw new EngineError('SERVER_UNAUTHORIZED', { what: 'none came' })
  // Digests have one length, as the comparison in constant time needs.
  if (!timingSafeEqual(digest(given), digest(apiKey))) {
    throw new EngineError('SERVER_UNAUTHORIZED', { what: 'the one that came is not it' })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!
}

function styleOf(request: FastifyRequest): ErrorStyle {
  if (request.url.startsWith('/v1/radiant/')) return 'backend'
  return request.url.startsWith('/v1/') ? 'openai' : 'native'
}
