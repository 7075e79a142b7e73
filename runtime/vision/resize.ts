import type { Size } from './spec.js'

/** Interleaved red, green, blue, 8 bits each; row-major. */
export interface RgbImage extends Size {
  readonly data: Uint8Array | Uint8ClampedArray
}

export interface Box extends Size {
  readonly left: number
  readonly top: number
}

const FRACTION_BITS = 22
const HALF = 1 << (FRACTION_BITS - 1)

/** For each output position: the first input position and its weights, `taps` a position, in 22-bit fixed point. */
interface Coefficients {
  readonly starts: Int32Array
  readonly counts: Int32Array
  readonly weights: Int32Array
  readonly taps: number
}

/**
 * Bicubic resize with the same bytes as Pillow up to version 12: antialiased when it shrinks, 8-bit between the passes,
 * the horizontal pass first (later versions take the cheaper order, which differs by a few grey levels). Only `box` of
 * the resized picture is computed (default: all of it). A pass whose size does not change is skipped.
 */
export function resizeBicubic(image: RgbImage, size: Size, box: Box = { left: 0, top: 0, ...size }): RgbImage {
  const horizontal = image.width === size.width ? null : coefficients(image.width, size.width, box.left, box.width)
  const vertical = image.height === size.height ? null : coefficients(image.height, size.height, box.top, box.height)
  const firstRow = vertical === null ? box.top : vertical.starts[0]!
  const lastRow = vertical === null ? box.top + box.height : endOf(vertical)
  const middle =
    horizontal === null
      ? cropRows(image, box.left, box.width, firstRow, lastRow)
      : resizeRows(image, horizontal, firstRow, lastRow)
  return vertical === null ? middle : resizeColumns(middle, vertical, firstRow)
}

function endOf(table: Coefficients): number {
  const last = table.starts.length - 1
  return table.starts[last]! + table.counts[last]!
}

function cubic(distance: number): number {
  const a = -0.5
  const t = Math.abs(distance)
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
  return 0
}

function coefficients(from: number, to: number, first: number, count: number): Coefficients {
  const scale = from / to
  const filterScale = Math.max(scale, 1)
  const support = 2 * filterScale
  const taps = Math.ceil(support) * 2 + 1
  const table = {
    starts: new Int32Array(count),
    counts: new Int32Array(count),
    weights: new Int32Array(count * taps),
    taps,
  }
  const exact = new Float64Array(taps)
  for (let index = 0; index < count; index++) {
    const centre = (first + index + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - support + 0.5))
    const high = Math.min(from, Math.trunc(centre + support + 0.5))
    let sum = 0
    for (let tap = 0; tap < high - low; tap++) {
      exact[tap] = cubic((tap + low - centre + 0.5) * (1 / filterScale))
      sum += exact[tap]!
    }
    table.starts[index] = low
    table.counts[index] = high - low
    for (let tap = 0; tap < high - low; tap++) {
      const scaled = (exact[tap]! / sum) * (1 << FRACTION_BITS)
      table.weights[index * taps + tap] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
  }
  return table
}

// The sums stay within 32 bits: 255 times the positive weights (under 1.3 in all, times 2^22) is below 2^31.
function resizeRows(image: RgbImage, table: Coefficients, firstRow: number, lastRow: number): RgbImage {
  const width = table.starts.length
  const { starts, counts, weights, taps } = table
  const { data } = image
  const output = new Uint8ClampedArray(width * (lastRow - firstRow) * 3)
  let target = 0
  for (let row = firstRow; row < lastRow; row++) {
    const rowStart = row * image.width * 3
    for (let x = 0; x < width; x++) {
      let source = rowStart + starts[x]! * 3
      let red = HALF
      let green = HALF
      let blue = HALF
      const base = x * taps
      const end = base + counts[x]!
      for (let tap = base; tap < end; tap++) {
        const weight = weights[tap]!
        red = (red + Math.imul(data[source]!, weight)) | 0
        green = (green + Math.imul(data[source + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[source + 2]!, weight)) | 0
        source += 3
      }
      output[target] = red >> FRACTION_BITS
      output[target + 1] = green >> FRACTION_BITS
      output[target + 2] = blue >> FRACTION_BITS
      target += 3
    }
  }
  return { width, height: lastRow - firstRow, data: output }
}

/** `image` holds the rows from `firstRow` on. A whole row is summed at a time, so that memory is read in order. */
function resizeColumns(image: RgbImage, table: Coefficients, firstRow: number): RgbImage {
  const height = table.starts.length
  const { starts, counts, weights, taps } = table
  const { data } = image
  const stride = image.width * 3
  const sums = new Int32Array(stride)
  const output = new Uint8ClampedArray(stride * height)
  for (let y = 0; y < height; y++) {
    sums.fill(HALF)
    for (let tap = 0; tap < counts[y]!; tap++) {
      const weight = weights[y * taps + tap]!
      const source = (starts[y]! + tap - firstRow) * stride
      for (let x = 0; x < stride; x++) sums[x] = sums[x]! + Math.imul(data[source + x]!, weight)
    }
    const target = y * stride
    for (let x = 0; x < stride; x++) output[target + x] = sums[x]! >> FRACTION_BITS
  }
  return { width: image.width, height, data: output }
}

function cropRows(image: RgbImage, left: number, width: number, firstRow: number, lastRow: number): RgbImage {
  const output = new Uint8ClampedArray(width * (lastRow - firstRow) * 3)
  for (let row = firstRow; row < lastRow; row++) {
    const source = (row * image.width + left) * 3
    output.set(image.data.subarray(source, source + width * 3), (row - firstRow) * width * 3)
  }
  return { width, height: lastRow - firstRow, data: output }
}
