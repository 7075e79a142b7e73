import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { SafetensorsFile, TensorEntry } from './safetensors.js'

/** Up to this many bytes of weights every byte is hashed: about 50 ms. */
const FULL_HASH_BYTES = 64 * 1024 * 1024
/** Of larger files: this much from the beginning, the middle and the end of each tensor. */
const SAMPLE_BYTES = 4096

/**
 * 32 hex digits that name a checkpoint's configuration and weights.
 *
 * Small checkpoints are hashed whole. Of large ones the headers, the sizes and three samples of every tensor go in
 * (7 MB of a 7 B model), so that loading does not read 13 GB twice. A tensor that was trained, merged or swapped
 * differs in its samples; what escapes is an edit of single bytes between them, for which the folder of built graphs
 * must be emptied by hand.
 */
export async function fingerprintModel(
  documents: readonly unknown[],
  files: readonly SafetensorsFile[],
): Promise<string> {
  const hash = createHash('sha256')
  for (const document of documents) hash.update(JSON.stringify(document ?? null)).update('\n')
  const total = files.reduce((sum, file) => sum + file.size, 0)
  for (const file of files) {
    hash.update(`${file.size}\n`).update(file.header)
    const handle = await open(file.file, 'r')
    try {
      const ranges = total <= FULL_HASH_BYTES ? [{ offset: 0, length: file.size }] : file.tensors.flatMap(samples)
      for (const { offset, length } of ranges) {
        const buffer = Buffer.allocUnsafe(length)
        const { bytesRead } = await handle.read(buffer, 0, length, offset)
        hash.update(buffer.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
  }
  return hash.digest('hex').slice(0, 32)
}

function samples(tensor: TensorEntry): { readonly offset: number; readonly length: number }[] {
  const length = Math.min(SAMPLE_BYTES, tensor.length)
  const middle = Math.floor((tensor.length - length) / 2)
  return [0, middle, tensor.length - length].map(start => ({ offset: tensor.offset + start, length }))
}
