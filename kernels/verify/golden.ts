import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readJson } from '../checkpoint/files.js'
import { isRecord } from '../checkpoint/safetensors.js'
import { KernelFailure } from '../failure.js'

/** What the checkpoint's maker computed, from `golden.json` and the arrays that it finds in `golden.bin`. */
export interface Golden {
  readonly ids: readonly number[]
  /** The id among `ids` that stands for the next feature row. */
  readonly placeholder: number
  /** Projected row of each feature row, -1 for the newline vector. */
  readonly gather: readonly number[]
  /** Whether the tiles are frames, pooled in front of the connector. */
  readonly isVideo: boolean
  /** [tiles, 3, S, S] */
  readonly pixels: Float32Array
  /** [rows, hiddenSize] */
  readonly features: Float32Array
  /** [ids, vocabRows] */
  readonly logits: Float32Array
}

/** null without a `golden.json`, or for one of another kind. Throws MODEL_CORRUPT when its arrays are not there. */
export async function readGolden(path: string): Promise<Golden | null> {
  const record = await readJson(path, 'golden.json')
  if (record === null || !isRecord(record.arrays) || !isNumbers(record.ids) || !isNumbers(record.gather)) return null
  const { arrays, ids, gather, placeholder, kind } = record
  const bytes = await readFile(join(path, 'golden.bin')).catch(() => Buffer.alloc(0))
  const array = (name: string, size: 2 | 4): Float32Array => {
    const { offset, shape } = isRecord(arrays[name]) ? arrays[name] : { offset: -1, shape: [] }
    const length = isNumbers(shape) ? shape.reduce((product, side) => product * side, 1) : 0
    if (!Number.isSafeInteger(offset) || Number(offset) < 0 || Number(offset) + length * size > bytes.length) {
      throw new KernelFailure('MODEL_CORRUPT', {
        path,
        what: `golden.bin lacks the ${name} that golden.json tells of.`,
      })
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + Number(offset), length * size)
    return Float32Array.from({ length }, (_, i) => (size === 4 ? view.getFloat32(4 * i, true) : halfAt(view, 2 * i)))
  }
  return {
    ids,
    gather,
    placeholder: Number(placeholder),
    isVideo: kind === 'video',
    pixels: array('pixels', 2),
    features: array('features', 4),
    logits: array('logits', 4),
  }
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(each => typeof each === 'number')
}

/** An IEEE half. */
function halfAt(view: DataView, at: number): number {
  const bits = view.getUint16(at, true)
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
