import type { FastifyInstance } from 'fastify'
import { EngineError } from '../../protocol/error.js'
import { mapBounded, mergeBounded } from '../concurrency.js'
import { assertOpen, clientSignal, complete, generate, type ServerContext, stoppable, thenStop } from '../generation.js'
import { makeReadImage } from '../images.js'
import { completionChunks } from '../openai/chunks.js'
import { type OpenAiJob, readChatJob, readCompletionJob } from '../openai/request.js'
import { completionBody } from '../openai/response.js'
import { readSelectJob, selectBody } from '../openai/select.js'
import { eventStream, sendStream } from '../stream.js'

type ReadJob = (body: unknown, signal: AbortSignal) => OpenAiJob | Promise<OpenAiJob>

export function openAiRoutes(server: FastifyInstance, context: ServerContext): void {
  const { engine, options } = context
  const loadedAt = Math.floor(Date.now() / 1000)
  const card = {
    id: engine.model.name,
    object: 'model',
    created: loadedAt,
    owned_by: 'radiant',
    root: engine.model.path,
    max_model_len: engine.model.contextLength,
  }
  completionRoute(server, context, '/v1/chat/completions', (body, signal) =>
    readChatJob(body, engine.model, makeReadImage(options.imageLoader, signal, false)),
  )
  completionRoute(server, context, '/v1/completions', body => readCompletionJob(body, engine.model))

  server.post('/v1/select', async (request, reply) => {
    assertOpen(context)
    const signal = clientSignal(reply)
    const job = await readSelectJob(request.body, makeReadImage(options.imageLoader, signal, true))
    return selectBody(job, engine.model.name, await engine.select(job, { signal }))
  })

  server.get('/v1/models', async () => ({ object: 'list', data: [card] }))

  server.get<{ Params: { '*': string } }>('/v1/models/*', async request => {
    if (request.params['*'] === card.id) return card
    throw new EngineError('SERVER_ROUTE_NOT_FOUND', { method: 'GET', path: request.url })
  })
}

function completionRoute(server: FastifyInstance, context: ServerContext, path: string, readJob: ReadJob): void {
  const { engine, options } = context
  server.post(path, async (request, reply) => {
    assertOpen(context)
    const signal = clientSignal(reply)
    const job = await readJob(request.body, signal)
    const created = Math.floor(Date.now() / 1000)
    // When one sample fails or the stream is left, the others must not run on for nobody.
    const shared = stoppable(signal)
    if (job.isStream) {
      const events = mergeBounded(
        job.requests.map(request => () => generate(context, request, shared.signal)),
        options.batchConcurrency,
      )
      return sendStream(
        reply,
        eventStream('openai'),
        thenStop(completionChunks(job, engine.model.name, created, events), shared.stop),
      )
    }
    const results = await mapBounded(job.requests, options.batchConcurrency, request =>
      complete(context, request, shared.signal),
    ).finally(() => shared.stop())
    return completionBody(job, engine.model.name, created, results)
  })
}
