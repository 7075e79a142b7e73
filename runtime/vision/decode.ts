import sharp, { type SharpOptions } from 'sharp'
import { EngineError } from '../protocol/error.js'
import type { RgbImage } from './resize.js'
import type { Orientation, Size } from './spec.js'

export interface DecodeOptions {
  /** Names the picture in errors. Default 'The picture'. */
  readonly label?: string | undefined
  /** Most pixels that are decoded; checked on the header, before any are. Default 100 million. */
  readonly pixelLimit?: number | undefined
  /** What an EXIF orientation does. Default 'ignore'. */
  readonly orientation?: Orientation | undefined
}

export const DEFAULT_PIXEL_LIMIT = 100_000_000

const SIGNATURES: readonly { readonly format: string; readonly offset: number; readonly bytes: readonly number[] }[] = [
  { format: 'PNG', offset: 0, bytes: [0x89, 0x50, 0x4e, 0x47] },
  { format: 'JPEG', offset: 0, bytes: [0xff, 0xd8, 0xff] },
  { format: 'GIF', offset: 0, bytes: [0x47, 0x49, 0x46, 0x38] },
  { format: 'WebP', offset: 8, bytes: [0x57, 0x45, 0x42, 0x50] },
  { format: 'TIFF', offset: 0, bytes: [0x49, 0x49, 0x2a, 0x00] },
  { format: 'TIFF', offset: 0, bytes: [0x4d, 0x4d, 0x00, 0x2a] },
  { format: 'AVIF', offset: 4, bytes: [0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69] },
]

/**
 * Profiles and gamma are not applied and the first frame of an animation is taken, as in the reference code. A warning
 * of the decoder is let pass, an error (a cut-off file among them) is not: grey areas would be read as picture.
 */
const SHARP_OPTIONS: SharpOptions = { failOn: 'error', limitInputPixels: false, ignoreIcc: true, pages: 1 }

/** Width and height by the header alone, as turned by the orientation when it is applied. Throws IMAGE_UNREADABLE, IMAGE_TOO_LARGE. */
export async function measureImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Size> {
  const { width, height, orientation = 1 } = await readHeader(bytes, options)
  const turned = options.orientation === 'apply' && orientation >= 5
  return turned ? { width: height, height: width } : { width, height }
}

/**
 * The pixels as 8-bit RGB. Alpha is dropped, not blended (the colour under a transparent pixel counts), 16-bit channels
 * keep their high byte, grey is repeated, palettes are looked up, ink is multiplied out. Where a GIF is transparent it is
 * black. Throws as `measureImage` does.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const { space, format } = await readHeader(bytes, options)
  const pipeline = sharp(bytes, SHARP_OPTIONS)
  if (options.orientation === 'apply') pipeline.autoOrient()
  // Left in its own space, since the library's conversion of ink goes through a colour profile.
  if (space === 'cmyk') pipeline.pipelineColourspace('cmyk').toColourspace('cmyk')
  else pipeline.removeAlpha().toColourspace('srgb')
  const { data, info } = await pipeline
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => unreadable(labelOf(options), `its ${format} data ${fault(cause)}`, cause))
  return { width: info.width, height: info.height, data: space === 'cmyk' ? inkToRgb(data) : data }
}

/** [pixels, 4] cyan, magenta, yellow, black to [pixels, 3]; the product of two bytes is divided by 255 and rounded. */
function inkToRgb(ink: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((ink.length / 4) * 3)
  for (let source = 0, target = 0; source < ink.length; source += 4, target += 3) {
    const light = 255 - ink[source + 3]!
    for (let channel = 0; channel < 3; channel++) {
      const product = ink[source + channel]! * light + 128
      rgb[target + channel] = light - (((product >> 8) + product) >> 8)
    }
  }
  return rgb
}

interface Header extends Size {
  readonly format: string
  readonly space: string
  readonly orientation: number | undefined
}

async function readHeader(bytes: Uint8Array, options: DecodeOptions): Promise<Header> {
  const label = labelOf(options)
  const format = recognise(bytes, label)
  const { width, height, space, orientation } = await sharp(bytes, SHARP_OPTIONS)
    .metadata()
    .catch((cause: unknown) => unreadable(label, `its ${format} header ${fault(cause)}`, cause))
  const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT
  if (width * height > limit) throw new EngineError('IMAGE_TOO_LARGE', { label, width, height, limit })
  return { format, width, height, space, orientation }
}

function recognise(bytes: Uint8Array, label: string): string {
  if (bytes.length === 0) return unreadable(label, 'it has no bytes.')
  const known = SIGNATURES.find(({ offset, bytes: wanted }) => wanted.every((byte, at) => bytes[offset + at] === byte))
  if (known !== undefined) return known.format
  return unreadable(label, 'it begins like no format that is read; those are PNG, JPEG, WebP, GIF, TIFF and AVIF.')
}

function labelOf(options: DecodeOptions): string {
  return options.label ?? 'The picture'
}

function fault(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
  return `is damaged or cut short (${reason}).`
}

function unreadable(label: string, what: string, cause?: unknown): never {
  throw new EngineError('IMAGE_UNREADABLE', { label, what }, { cause })
}
