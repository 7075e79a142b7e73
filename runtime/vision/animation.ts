import sharp, { type SharpOptions } from 'sharp'
import { type Clip, type ClipLimits, checkDuration, checkFrameSize, unreadable } from './clip-checks.js'

/** Pixels that are decoded in one go. */
const BATCH_PIXELS = 1 << 24

const OPTIONS: SharpOptions = { failOn: 'error', limitInputPixels: false, ignoreIcc: true }

/** Frames of a GIF or an animated WebP, each as it looks when it is shown. Where nothing was drawn yet it is black. */
export async function openAnimation(bytes: Uint8Array, limits: ClipLimits): Promise<Clip> {
  const { label } = limits
  const fail = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw unreadable(label, `its data is damaged or cut short (${reason}).`, cause)
  }
  const header = await sharp(bytes, { ...OPTIONS, pages: -1 })
    .metadata()
    .catch(fail)
  const frames = header.pages ?? 1
  const { width } = header
  const height = header.pageHeight ?? header.height
  checkFrameSize(width, height, limits)
  checkDuration((header.delay ?? []).reduce((sum, milliseconds) => sum + milliseconds, 0) / 1000, limits)
  return {
    frames,
    async read(wanted, take) {
      const span = Math.max(1, Math.floor(BATCH_PIXELS / (width * height)))
      const ordinals = [...wanted].sort((left, right) => left - right)
      for (let at = 0; at < ordinals.length; ) {
        const first = ordinals[at]!
        // A batch ends with the last wanted frame in reach, since each frame is drawn over those before it anyway.
        let last = first
        while (at < ordinals.length && ordinals[at]! < first + span) last = ordinals[at++]!
        const { data, info } = await sharp(bytes, { ...OPTIONS, page: first, pages: last - first + 1 })
          .removeAlpha()
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true })
          .catch(fail)
        const size = info.width * height * 3
        for (let ordinal = first; ordinal <= last; ordinal++) {
          if (!wanted.has(ordinal)) continue
          const start = (ordinal - first) * size
          take(ordinal, { width: info.width, height, data: data.subarray(start, start + size) })
        }
      }
    },
  }
}
