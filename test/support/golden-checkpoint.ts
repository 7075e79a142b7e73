import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertFloats, type FloatType } from '../../kernels/checkpoint/numbers.js'
import { repositoryRoot } from './paths.js'

/** What training/fixtures/make_checkpoints.py wrote beside a checkpoint. */
export interface GoldenCheckpoint {
  readonly name: string
  readonly path: string
  readonly kind: 'llava' | 'next' | 'video'
  /** The id that stands for a feature row in `ids`. */
  readonly placeholder: number
  readonly ids: readonly number[]
  readonly textIds: readonly number[]
  /** Projected row of each feature row; -1 the newline vector. */
  readonly gather: readonly number[]
  /** [tiles, 3, S, S] */
  readonly pixels: Float32Array
  /** [rows, hiddenSize] */
  readonly features: Float32Array
  /** [ids, vocab] */
  readonly logits: Float32Array
  /** [textIds, vocab] */
  readonly textLogits: Float32Array
  /** Of video checkpoints: the same pixels as tiles of a picture, before packing, [tiles * rows, hiddenSize]. */
  readonly tiles: Float32Array | null
}

const FOLDER = join(repositoryRoot(), 'test', 'fixtures', 'checkpoints')

export function goldenNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter(name => existsSync(join(FOLDER, name, 'golden.json')))
    .sort()
}

export function checkpointPath(name: string): string {
  return join(FOLDER, name)
}

export function readGolden(name: string): GoldenCheckpoint {
  const path = checkpointPath(name)
  const record = JSON.parse(readFileSync(join(path, 'golden.json'), 'utf8'))
  const bytes = readFileSync(join(path, 'golden.bin'))
  const array = (name: string, type: FloatType = 'F32'): Float32Array => {
    const { offset, shape } = record.arrays[name] as { offset: number; shape: readonly number[] }
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
    // A copy, since a typed array must begin at a multiple of its element's size.
    convertFloats(type, Uint8Array.from(bytes.subarray(offset)), 0, values.length, values, 0)
    return values
  }
  return {
    name,
    path,
    kind: record.kind,
    placeholder: record.placeholder,
    ids: record.ids,
    textIds: record.text_ids,
    gather: record.gather,
    pixels: array('pixels', 'F16'),
    features: array('features'),
    logits: array('logits'),
    textLogits: array('text_logits'),
    tiles: record.arrays.tiles === undefined ? null : array('tiles'),
  }
}
