import type { RgbImage } from './resize.js'

/** Where a plane lies in a buffer, in bytes. */
export interface PlaneLayout {
  readonly offset: number
  readonly stride: number
}

/** A picture in luma and two colour differences, 8 bits each. */
export interface YuvImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
  /** Y, U, V. */
  readonly planes: readonly PlaneLayout[]
  /** Binary logarithms of how many pixels share a colour sample. */
  readonly chromaShift: { readonly x: number; readonly y: number }
}

export interface YuvColours {
  readonly matrix: 'bt601' | 'bt709' | 'bt2020'
  /** Whether luma takes all of 0 to 255, or 16 to 235. */
  readonly fullRange: boolean
}

/** Weights of red and blue in luma: ITU-R BT.601, BT.709 and BT.2020. */
const LUMA = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722], bt2020: [0.2627, 0.0593] } as const

/** Each pixel takes the colour sample that covers it, as common converters do when nothing is scaled. */
export function yuvToRgb({ width, height, data, planes, chromaShift }: YuvImage, colours: YuvColours): RgbImage {
  const [red, blue] = LUMA[colours.matrix]
  const green = 1 - red - blue
  const lumaScale = colours.fullRange ? 1 : 255 / 219
  const lumaStart = colours.fullRange ? 0 : 16
  const chromaScale = colours.fullRange ? 1 : 255 / 224
  const [redOfV, blueOfU] = [2 * (1 - red) * chromaScale, 2 * (1 - blue) * chromaScale]
  const [greenOfU, greenOfV] = [(blueOfU * blue) / green, (redOfV * red) / green]
  const [lumaPlane, uPlane, vPlane] = planes as [PlaneLayout, PlaneLayout, PlaneLayout]
  // Stores round and clamp by themselves.
  const rgb = new Uint8ClampedArray(width * height * 3)
  let at = 0
  for (let y = 0; y < height; y++) {
    const lumaRow = lumaPlane.offset + y * lumaPlane.stride
    const uRow = uPlane.offset + (y >> chromaShift.y) * uPlane.stride
    const vRow = vPlane.offset + (y >> chromaShift.y) * vPlane.stride
    for (let x = 0; x < width; x++) {
      const luma = (data[lumaRow + x]! - lumaStart) * lumaScale
      const u = data[uRow + (x >> chromaShift.x)]! - 128
      const v = data[vRow + (x >> chromaShift.x)]! - 128
      rgb[at++] = luma + redOfV * v
      rgb[at++] = luma - greenOfU * u - greenOfV * v
      rgb[at++] = luma + blueOfU * u
    }
  }
  return { width, height, data: new Uint8Array(rgb.buffer) }
}
