import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { type EngineError, toEngineError } from '../protocol/error.js'
import { type ErrorStyle, errorBody } from './errors.js'

export interface StreamFormat {
  readonly contentType: string
  frame(value: unknown): string
  /** Said in place of the next value when the generation fails after the answer has begun. */
  error(error: EngineError): string
  /** Closes the stream, also after an error. */
  readonly end: string
}

/** Server-sent events as OpenAI and SGLang write them. */
export function eventStream(style: ErrorStyle): StreamFormat {
  const frame = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
  return {
    contentType: 'text/event-stream; charset=utf-8',
    frame,
    error: error => frame(errorBody(error, style)),
    end: 'data: [DONE]\n\n',
  }
}

/**
 * Sends values as they come. The head waits for the first value, so that a request which fails before it (a bad
 * grammar, a full queue) is still answered with its own status; that error is thrown here. When the client leaves,
 * the values are returned early.
 */
export async function sendStream(
  reply: FastifyReply,
  format: StreamFormat,
  values: AsyncGenerator<unknown>,
): Promise<FastifyReply> {
  const first = await values.next()
  if (reply.raw.destroyed) {
    // The client left while the first value was awaited: nobody would read the values, or ever return them.
    await values.return(undefined)
    return reply.send()
  }
  reply.header('content-type', format.contentType)
  reply.header('cache-control', 'no-cache')
  // Buffering proxies would otherwise hold tokens back.
  reply.header('x-accel-buffering', 'no')
  return reply.send(Readable.from(frames(format, first, values), { objectMode: true, highWaterMark: 1 }))
}

async function* frames(
  format: StreamFormat,
  first: IteratorResult<unknown>,
  values: AsyncGenerator<unknown>,
): AsyncGenerator<string> {
  try {
    if (first.done !== true) {
      yield format.frame(first.value)
      for await (const value of values) yield format.frame(value)
    }
  } catch (error) {
    yield format.error(toEngineError(error))
  } finally {
    // A no-op after the end; before it, this is how an early leave reaches the engine.
    await values.return(undefined)
  }
  if (format.end !== '') yield format.end
}
