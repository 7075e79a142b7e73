import type { ImagePlan } from './plan.js'
import { type RgbImage, resizeBicubic } from './resize.js'
import type { VisionSpec } from './spec.js'

/** The plan's views as 8-bit pictures of tileSize x tileSize, in the order in which the tower sees them. */
export function makeViews(image: RgbImage, plan: ImagePlan, spec: VisionSpec): RgbImage[] {
  const size = { width: spec.tileSize, height: spec.tileSize }
  if (spec.aspect !== 'anyres') {
    const whole = spec.aspect === 'pad' ? pasteOnSquare(image, plan, spec) : image
    return [resizeBicubic(whole, plan.resized, { left: plan.crop.x, top: plan.crop.y, ...size })]
  }
  const canvas = createImage(plan.canvas.width, plan.canvas.height, [0, 0, 0])
  paste(canvas, resizeBicubic(image, plan.resized), plan.paste.x, plan.paste.y)
  const views: RgbImage[] = []
  for (let top = 0; top < plan.canvas.height; top += spec.tileSize) {
    for (let left = 0; left < plan.canvas.width; left += spec.tileSize) {
      views.push(cut(canvas, left, top, spec.tileSize))
    }
  }
  // The base view squeezes the whole picture into a tile, proportions and all.
  if (plan.baseView >= 0) views.splice(plan.baseView, 0, resizeBicubic(image, size))
  return views
}

function pasteOnSquare(image: RgbImage, plan: ImagePlan, spec: VisionSpec): RgbImage {
  if (image.width === image.height) return image
  const side = Math.max(image.width, image.height)
  const square = createImage(side, side, spec.padColour)
  paste(square, image, plan.paste.x, plan.paste.y)
  return square
}

function createImage(width: number, height: number, colour: readonly number[]): RgbImage {
  const data = new Uint8Array(width * height * 3)
  if (colour.some(value => value !== 0)) {
    data.set(colour)
    // Doubling copies: each round repeats all that is written so far.
    for (let filled = 3; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled)
  }
  return { width, height, data }
}

function paste(canvas: RgbImage, image: RgbImage, left: number, top: number): void {
  for (let row = 0; row < image.height; row++) {
    const source = row * image.width * 3
    canvas.data.set(image.data.subarray(source, source + image.width * 3), ((top + row) * canvas.width + left) * 3)
  }
}

function cut(canvas: RgbImage, left: number, top: number, side: number): RgbImage {
  const data = new Uint8Array(side * side * 3)
  for (let row = 0; row < side; row++) {
    const source = ((top + row) * canvas.width + left) * 3
    data.set(canvas.data.subarray(source, source + side * 3), row * side * 3)
  }
  return { width: side, height: side, data }
}
