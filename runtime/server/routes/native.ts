import type { FastifyInstance } from 'fastify'
import { mapBounded, mergeBounded } from '../concurrency.js'
import { assertOpen, clientSignal, complete, generate, type ServerContext, stoppable, thenStop } from '../generation.js'
import { makeReadImage } from '../images.js'
import { readNativeJob } from '../native/request.js'
import { NativeStream, nativeBody } from '../native/response.js'
import { eventStream, sendStream } from '../stream.js'

/** SGLang's /generate. */
export function nativeRoutes(server: FastifyInstance, context: ServerContext): void {
  const { engine, options } = context
  server.route({
    method: ['POST', 'PUT'],
    url: '/generate',
    handler: async (request, reply) => {
      assertOpen(context)
      const startedAt = performance.now()
      const signal = clientSignal(reply)
      const job = await readNativeJob(request.body, engine.model, makeReadImage(options.imageLoader, signal, true))
      // When one item fails or the stream is left, the others must not run on for nobody.
      const shared = stoppable(signal)
      if (job.isStream) {
        const streams = job.items.map(item => new NativeStream(item, startedAt))
        const events = mergeBounded(
          job.items.map(item => () => generate(context, item.request, shared.signal)),
          options.batchConcurrency,
        )
        const bodies = async function* () {
          for await (const { index, event } of events) {
            const body = streams[index]!.next(event, performance.now())
            yield job.isSingle ? body : { ...body, index }
          }
        }
        return sendStream(reply, eventStream('native'), thenStop(bodies(), shared.stop))
      }
      const bodies = await mapBounded(job.items, options.batchConcurrency, async item => {
        const result = await complete(context, item.request, shared.signal)
        return nativeBody(item, result, (performance.now() - startedAt) / 1000)
      }).finally(() => shared.stop())
      return job.isSingle ? bodies[0] : bodies
    },
  })
}
