import type { FastifyInstance, FastifyRequest } from 'fastify'
import { EVENTS_TYPE, eventLine, MSGPACK_TYPE, requestOf, unpackRequest, wireError } from '../../protocol/wire.js'
import { readPrompt } from '../backend/prompt.js'
import { readConstraint, readGenerateRequest, readSelectRequest } from '../backend/request.js'
import { Fields } from '../fields.js'
import { assertOpen, clientSignal, generate, type ServerContext } from '../generation.js'
import { type StreamFormat, sendStream } from '../stream.js'

const EVENT_LINES: StreamFormat = {
  contentType: EVENTS_TYPE,
  frame: eventLine,
  error: error => eventLine({ error: wireError(error) }),
  end: '',
}

/** The Backend interface over HTTP, for programs that run against a server; see runtime/protocol/wire.ts. */
export function backendRoutes(server: FastifyInstance, context: ServerContext): void {
  const { engine } = context
  server.addContentTypeParser(MSGPACK_TYPE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  server.post('/v1/radiant/generate', async (request, reply) => {
    assertOpen(context)
    const wanted = readGenerateRequest(payloadOf(request))
    return sendStream(reply, EVENT_LINES, generate(context, wanted, clientSignal(reply)))
  })

  server.post('/v1/radiant/select', async (request, reply) => {
    assertOpen(context)
    return engine.select(readSelectRequest(payloadOf(request)), { signal: clientSignal(reply) })
  })

  server.post('/v1/radiant/warm', async (request, reply) => {
    assertOpen(context)
    return engine.warm(readPrompt(new Fields(payloadOf(request), '')), { signal: clientSignal(reply) })
  })

  server.post('/v1/radiant/check', async request => {
    assertOpen(context)
    await engine.checkConstraint(readConstraint(payloadOf(request)))
    return {}
  })
}

function payloadOf(request: FastifyRequest): unknown {
  return Buffer.isBuffer(request.body) ? unpackRequest(request.body) : requestOf(request.body)
}
