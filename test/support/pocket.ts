import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { repositoryRoot } from './paths.js'

export const POCKET_PATH = join(repositoryRoot(), 'models', 'pocket-v0')

/** For tap's `skip`: false, or why the real model cannot be tested. */
export const POCKET_SKIP = existsSync(join(POCKET_PATH, 'model.safetensors'))
  ? false
  : 'models/pocket-v0 has no weights'

const PICTURES = join(repositoryRoot(), 'test', 'fixtures', 'checkpoints', 'pocket-pictures')

/** One case of models/pocket-v0/golden.json. */
export interface PocketCase {
  /** The picture's file name. */
  readonly image: string
  readonly pixel_values: { readonly mean: number; readonly first8: readonly number[] }
  readonly image_tokens: { readonly first8: Readonly<Record<string, readonly number[]>> }
  readonly input_ids: readonly number[]
  readonly next_token_top5: readonly { readonly id: number; readonly logit: number }[]
  readonly greedy_ids: readonly number[]
}

export function readPocketCases(): readonly PocketCase[] {
  return JSON.parse(readFileSync(join(POCKET_PATH, 'golden.json'), 'utf8')).cases
}

/** Normalised pixels [3, 168, 168] of a case, from the picture's stored RGB bytes. */
export function readPocketPixels(image: string): Float32Array {
  const rgb = gunzipSync(readFileSync(join(PICTURES, image.replace('.png', '.rgb.gz'))))
  const { image_mean, image_std } = JSON.parse(readFileSync(join(POCKET_PATH, 'preprocessor_config.json'), 'utf8'))
  const plane = rgb.length / 3
  return Float32Array.from({ length: rgb.length }, (_, i) => {
    const channel = Math.floor(i / plane)
    return (rgb[3 * (i % plane) + channel]! / 255 - image_mean[channel]) / image_std[channel]
  })
}
