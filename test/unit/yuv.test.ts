import t from 'tap'
import { yuvToRgb } from '../../runtime/vision/yuv.js'

const planes = (luma: number, chroma: number) => [
  { offset: 0, stride: luma },
  { offset: 16, stride: chroma },
  { offset: 24, stride: chroma },
]

function convert(yuv: readonly [number, number, number], matrix: 'bt601' | 'bt709' | 'bt2020', fullRange: boolean) {
  const data = new Uint8Array(32)
  data.fill(yuv[0], 0, 16).fill(yuv[1], 16, 24).fill(yuv[2], 24)
  const image = { width: 1, height: 1, data, planes: planes(1, 1), chromaShift: { x: 0, y: 0 } }
  return [...yuvToRgb(image, { matrix, fullRange }).data]
}

t.test('black, white and the primaries by the definitions', async t => {
  for (const matrix of ['bt601', 'bt709', 'bt2020'] as const) {
    t.same(convert([16, 128, 128], matrix, false), [0, 0, 0])
    t.same(convert([235, 128, 128], matrix, false), [255, 255, 255])
    t.same(convert([0, 128, 128], matrix, true), [0, 0, 0])
    t.same(convert([255, 128, 128], matrix, true), [255, 255, 255])
  }
  // Full range: luma is the primary's weight, its own difference half a unit.
  const near = (actual: readonly number[], expected: readonly number[]) => {
    t.ok(
      actual.every((value, at) => Math.abs(value - expected[at]!) <= 2),
      `${actual} is near ${expected}`,
    )
  }
  near(convert([76, 85, 255], 'bt601', true), [255, 0, 0])
  near(convert([54, 99, 255], 'bt709', true), [255, 0, 0])
  near(convert([18, 255, 117], 'bt709', true), [0, 0, 255])
  near(convert([67, 92, 255], 'bt2020', true), [255, 0, 0])
  near(convert([81, 90, 240], 'bt601', false), [255, 0, 0])
  near(convert([63, 102, 240], 'bt709', false), [255, 0, 0])
})

t.test('pixels take the colour sample that covers them', async t => {
  const data = new Uint8Array(32).fill(128)
  data.set([255, 128], 24)
  const image = { width: 3, height: 3, data, planes: planes(4, 2), chromaShift: { x: 1, y: 1 } }
  const { data: rgb } = yuvToRgb(image, { matrix: 'bt709', fullRange: true })
  const reds = Array.from({ length: 9 }, (_, pixel) => rgb[pixel * 3]! > 200)
  t.same(reds, [true, true, false, true, true, false, false, false, false])
  const tall = yuvToRgb({ ...image, chromaShift: { x: 1, y: 0 } }, { matrix: 'bt709', fullRange: true }).data
  t.same([tall[0]! > 200, tall[9]! > 200], [true, false])
})
