import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { openClip } from '../../runtime/vision/clip.js'
import type { RgbImage } from '../../runtime/vision/resize.js'
import { repositoryRoot } from './paths.js'

const FOLDER = join(repositoryRoot(), 'test', 'fixtures', 'videos')

export function readClip(name: string): Uint8Array {
  return readFileSync(join(FOLDER, name))
}

/** Written by training/fixtures/make_clips.py: SHA-256 of each frame's RGB bytes, as PyAV decodes the clips. */
export const clipGolden: {
  readonly width: number
  readonly height: number
  readonly digests: Readonly<Record<string, readonly string[]>>
  /** A clip with colour tags, and some pixels of one of its frames. */
  readonly tagged: {
    readonly name: string
    readonly frame: number
    readonly points: readonly (readonly [x: number, y: number, red: number, green: number, blue: number])[]
  }
} = JSON.parse(readFileSync(join(FOLDER, 'frames.json'), 'utf8'))

/** Written by training/fixtures/make_video_answers.py. */
export const clipAnswers: {
  readonly prompt: readonly [before: string, after: string]
  readonly cases: readonly {
    readonly checkpoint: string
    readonly clip: string
    readonly frames: number
    readonly ids: readonly number[]
    readonly answer: readonly number[]
  }[]
} = JSON.parse(readFileSync(join(FOLDER, 'answers.json'), 'utf8'))

/** The wanted frames by ordinal. */
export async function readFrames(bytes: Uint8Array, wanted: readonly number[]): Promise<Map<number, RgbImage>> {
  const clip = await openClip(bytes, { label: 'the clip' })
  const frames = new Map<number, RgbImage>()
  await clip.read(new Set(wanted), (ordinal, frame) => void frames.set(ordinal, frame))
  return frames
}

export function digestOf({ data }: RgbImage): string {
  return createHash('sha256').update(data).digest('hex')
}

export function toPng({ width, height, data }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

/** An animation of plain frames, one for each colour. */
export async function makeGif(
  colours: readonly (readonly [number, number, number])[],
  milliseconds = 100,
): Promise<Buffer> {
  const [width, pageHeight] = [20, 16]
  const data = Buffer.concat(colours.map(colour => Buffer.alloc(width * pageHeight * 3, Buffer.from(colour))))
  const raw = { width, height: pageHeight * colours.length, channels: 3, pageHeight } as const
  return sharp(data, { raw })
    .gif({ delay: colours.map(() => milliseconds) })
    .toBuffer()
}

/** Pictures of one size as the frames of a lossless WebP. */
export function toAnimation(pictures: readonly Buffer[]): Promise<Buffer> {
  const [first] = pictures
  const frames = pictures.length === 1 ? sharp(first) : sharp([...pictures], { join: { animated: true } })
  return frames.webp({ lossless: true, effort: 0 }).toBuffer()
}
