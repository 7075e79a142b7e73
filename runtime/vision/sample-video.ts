import { createHash } from 'node:crypto'
import { EngineError } from '../protocol/error.js'
import { openClip } from './clip.js'
import { decodeImage } from './decode.js'
import type { FrameSource, SampleRequest, SampleSummary } from './messages.js'
import { planImage } from './plan.js'
import type { RgbImage } from './resize.js'
import { sampleFrames } from './video.js'
import { makeViews } from './views.js'

/**
 * Frames of a video as tiles. One frame in its full size is held at a time, and a few that wait for it. Throws
 * VIDEO_UNREADABLE, VIDEO_TOO_LARGE, VIDEO_DECODER_MISSING, and for pictures IMAGE_UNREADABLE, IMAGE_TOO_LARGE.
 */
export async function sampleVideo(request: SampleRequest): Promise<SampleSummary> {
  const { source, spec, tiles } = request
  const count = source.kind === 'file' ? source.frames : source.pictures.length
  const size = spec.tileSize * spec.tileSize * 3
  if (tiles.byteLength !== count * size) {
    const what = `${count} frames take ${count * size} bytes, and ${tiles.byteLength} were given room for`
    throw new EngineError('ENGINE_FAILED', { what })
  }
  const digests: string[] = []
  await eachFrame(source, request, (places, frame) => {
    const [tile] = makeViews(frame, planImage(frame, spec), spec)
    const digest = createHash('sha256').update(tile!.data).digest('hex')
    for (const place of places) {
      new Uint8Array(tiles, place * size, size).set(tile!.data)
      digests[place] = digest
    }
  })
  return { digests }
}

/** Hands over each frame with its places among those that were asked for; a short clip has frames in several. */
async function eachFrame(
  source: FrameSource,
  { spec, label, pixelLimit }: SampleRequest,
  take: (places: readonly number[], frame: RgbImage) => void,
): Promise<void> {
  if (source.kind === 'pictures') {
    for (const [place, picture] of source.pictures.entries()) {
      const { orientation } = spec
      take([place], await decodeImage(picture.bytes, { label: picture.label, pixelLimit, orientation }))
    }
    return
  }
  const clip = await openClip(source.bytes, { label, pixelLimit })
  const places = new Map<number, number[]>()
  for (const [place, ordinal] of sampleFrames(clip.frames, source.frames, spec.profile).entries()) {
    places.set(ordinal, [...(places.get(ordinal) ?? []), place])
  }
  await clip.read(new Set(places.keys()), (ordinal, frame) => take(places.get(ordinal)!, frame))
}
