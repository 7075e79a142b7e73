import sharp from 'sharp'
import { EngineError, toEngineError } from '../protocol/error.js'
import { decodeImage, measureImage } from './decode.js'
import type {
  NormaliseRequest,
  PreprocessRequest,
  PreprocessSummary,
  VisionReplies,
  VisionReply,
  VisionRequest,
} from './messages.js'
import { normalisationTable, normalise } from './normalise.js'
import { planImage } from './plan.js'
import { sampleVideo } from './sample-video.js'
import { makeViews } from './views.js'

// The pool of workers is the parallelism; a decoder's own threads would compete with the decoder model's.
sharp.concurrency(1)
sharp.cache(false)

/** Entry of a preprocessing worker: one request, one reply, no state between them. */
export default async function answer(request: VisionRequest): Promise<VisionReply> {
  try {
    return { ok: true, value: await perform(request) }
  } catch (thrown) {
    const { code, data } = toEngineError(thrown)
    return { ok: false, error: { code, data } }
  }
}

function perform(request: VisionRequest): Promise<VisionReplies[VisionRequest['op']]> {
  switch (request.op) {
    case 'measure':
      return measureImage(request.bytes, request)
    case 'preprocess':
      return preprocess(request)
    case 'sample':
      return sampleVideo(request)
    case 'normalise':
      return normaliseTile(request)
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

async function normaliseTile({ tiles, tile, spec, pixels, offset }: NormaliseRequest): Promise<null> {
  const { tileSize } = spec
  const size = 3 * tileSize * tileSize
  const view = { width: tileSize, height: tileSize, data: new Uint8Array(tiles, tile * size, size) }
  normalise(view, normalisationTable(spec), new Float32Array(pixels, offset, size))
  return null
}
