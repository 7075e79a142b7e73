import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RgbImage } from '../../runtime/vision/resize.js'
import type { Size, VisionSpec } from '../../runtime/vision/spec.js'
import { repositoryRoot } from './paths.js'

/** A picture without two alike neighbourhoods: a shifted, swapped or wrongly weighted pixel changes its digest. */
export function patternImage(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = (7 * x + 13 * y) % 256
      data[at++] = (x * x + 3 * y) % 256
      data[at++] = (5 * (x ^ y)) % 256
    }
  }
  return { width, height, data }
}

/** First 16 hex digits of the SHA-256 of all bytes in order. */
export function digest(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

export function readImage(name: string): Uint8Array {
  return readFileSync(join(repositoryRoot(), 'test', 'fixtures', 'images', name))
}

const sizes = (pairs: readonly (readonly [number, number])[]): Size[] =>
  pairs.map(([width, height]) => ({ width, height }))

/** The canvases of every released 1.6 checkpoint, read as width x height. */
export const RELEASED_PINPOINTS = sizes([
  [336, 672],
  [672, 336],
  [672, 672],
  [1008, 336],
  [336, 1008],
])

/** A specification like LLaVA-1.5's with the fields given put over it. */
export function specOf(fields: Partial<VisionSpec> = {}): VisionSpec {
  return {
    profile: 'orig',
    tileSize: 336,
    side: 24,
    featuresPerTile: 576,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
    rescale: 1 / 255,
    aspect: 'square',
    fit: 'crop',
    padColour: [122, 116, 104],
    pinpoints: [],
    maxTiles: null,
    merge: 'flat',
    newline: false,
    base: 'first',
    orientation: 'ignore',
    ...fields,
  }
}

/** LLaVA-1.6 as released, in either profile: the same pairs of numbers, read the other way round by `hf`. */
export function nextSpec(profile: 'orig' | 'hf' = 'orig', fields: Partial<VisionSpec> = {}): VisionSpec {
  const swapped = RELEASED_PINPOINTS.map(({ width, height }) => ({ width: height, height: width }))
  const pinpoints = profile === 'orig' ? RELEASED_PINPOINTS : swapped
  return specOf({ profile, aspect: 'anyres', pinpoints, merge: 'spatial_unpad', newline: true, ...fields })
}
