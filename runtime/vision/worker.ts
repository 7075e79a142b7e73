import sharp from 'sharp'
import { EngineError, toEngineError } from '../protocol/error.js'
import { decodeImage, measureImage } from './decode.js'
import type { PreprocessRequest, PreprocessSummary, VisionReply, VisionRequest } from './messages.js'
import { normalisationTable, normalise } from './normalise.js'
import { planImage } from './plan.js'
import { makeViews } from './views.js'

// The pool of workers is the parallelism; a decoder's own threads would compete with the decoder model's.
sharp.concurrency(1)
sharp.cache(false)

/** Entry of a preprocessing worker: one request, one reply, no state between them. */
export default async function answer(request: VisionRequest): Promise<VisionReply> {
  try {
    const value = request.op === 'measure' ? await measureImage(request.bytes, request) : await preprocess(request)
    return { ok: true, value }
  } catch (thrown) {
    const { code, data } = toEngineError(thrown)
    return { ok: false, error: { code, data } }
  }
}

async function preprocess(request: PreprocessRequest): Promise<PreprocessSummary> {
  const { spec } = request
  const image = await decodeImage(request.bytes, { ...request, orientation: spec.orientation })
  const plan = planImage(image, spec)
  const viewFloats = 3 * spec.tileSize * spec.tileSize
  const floats = plan.views * viewFloats
  const room = (request.pixels.byteLength - request.offset) / 4
  if (floats > room) {
    const what = `${plan.views} views take ${floats} floats, and ${room} were given room for`
    throw new EngineError('ENGINE_FAILED', { what })
  }
  const target = new Float32Array(request.pixels, request.offset, floats)
  const table = normalisationTable(spec)
  for (const [index, view] of makeViews(image, plan, spec).entries()) {
    normalise(view, table, target.subarray(index * viewFloats, (index + 1) * viewFloats))
  }
  return { width: image.width, height: image.height, views: plan.views, tokens: plan.tokens, floats }
}
