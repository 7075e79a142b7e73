import { openAnimation } from './animation.js'
import { type Clip, type ClipLimits, unreadable } from './clip-checks.js'
import { missingBytes, recogniseContainer } from './container.js'
import { DEFAULT_PIXEL_LIMIT } from './decode.js'
import { openTrack } from './video-track.js'

export interface ClipOptions {
  /** Names the clip in errors. */
  readonly label: string
  /** Most pixels of a frame. Default 100 million. */
  readonly pixelLimit?: number | undefined
  /** Longest clip in seconds. Default 3600. */
  readonly secondsLimit?: number | undefined
}

/** Looks at a file and counts its frames. Throws VIDEO_UNREADABLE, VIDEO_TOO_LARGE, VIDEO_DECODER_MISSING. */
export async function openClip(bytes: Uint8Array, options: ClipOptions): Promise<Clip> {
  const { label, pixelLimit = DEFAULT_PIXEL_LIMIT, secondsLimit = 3600 } = options
  const limits: ClipLimits = { label, pixels: pixelLimit, seconds: secondsLimit }
  if (bytes.length === 0) throw unreadable(label, 'it has no bytes.')
  const container = recogniseContainer(bytes)
  if (container === null) {
    throw unreadable(
      label,
      'it begins like no format that is read; those are MP4, WebM, Matroska, GIF and animated WebP.',
    )
  }
  const missing = missingBytes(bytes, container)
  if (missing > 0) throw unreadable(label, `it is cut short: ${missing} bytes are missing at the end.`)
  const clip =
    container === 'animation' ? await openAnimation(bytes, limits) : await openTrack(bytes, container, limits)
  if (clip.frames === 0) throw unreadable(label, 'it has no frames that can be decoded.')
  return clip
}
