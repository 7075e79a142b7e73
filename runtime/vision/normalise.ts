import type { RgbImage } from './resize.js'
import type { VisionSpec } from './spec.js'

/** [3 * 256] float32, by channel and byte. Scaled in double, then rounded, centred and divided in single precision, as the reference does. */
export function normalisationTable(spec: Pick<VisionSpec, 'mean' | 'std' | 'rescale'>): Float32Array {
  const table = new Float32Array(3 * 256)
  for (let channel = 0; channel < 3; channel++) {
    const mean = Math.fround(spec.mean[channel]!)
    const std = Math.fround(spec.std[channel]!)
    for (let byte = 0; byte < 256; byte++) {
      const centred = Math.fround(Math.fround(byte * spec.rescale) - mean)
      table[channel * 256 + byte] = centred / std
    }
  }
  return table
}

/** Writes the picture as [3, height, width] float32 into `target`, which must hold exactly that many. */
export function normalise(image: RgbImage, table: Float32Array, target: Float32Array): void {
  const plane = image.width * image.height
  if (target.length !== plane * 3) throw new RangeError(`${target.length} floats for a picture that has ${plane * 3}`)
  const { data } = image
  for (let index = 0, source = 0; index < plane; index++, source += 3) {
    target[index] = table[data[source]!]!
    target[plane + index] = table[256 + data[source + 1]!]!
    target[2 * plane + index] = table[512 + data[source + 2]!]!
  }
}
