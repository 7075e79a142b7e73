import fc from 'fast-check'
import t from 'tap'
import { normalisationTable, normalise } from '../../runtime/vision/normalise.js'
import { planImage } from '../../runtime/vision/plan.js'
import { type RgbImage, resizeBicubic } from '../../runtime/vision/resize.js'
import type { VisionSpec } from '../../runtime/vision/spec.js'
import { makeViews } from '../../runtime/vision/views.js'
import { digest, nextSpec, patternImage, specOf } from '../support/pictures.js'

const small = { tileSize: 224, side: 16, featuresPerTile: 256 }

function viewsDigest(image: RgbImage, spec: VisionSpec): string {
  const views = makeViews(image, planImage(image, spec), spec)
  return digest(...views.map(view => view.data as Uint8Array))
}

t.test('crop, pad and tiles give the bytes that Pillow gives', async t => {
  const cases: [number, number, string, string, string, string][] = [
    [640, 480, 'cc76345be3d292d9', 'c206a6f73769be46', 'b154bbd27124aa3c', '4d8ea4d758baf042'],
    [1024, 899, 'b39ed484293fc175', 'de979c74ace356e5', '619c461acee28dd4', '060c802f8a09f421'],
    [300, 200, '6a29f56a5b55abe5', '7fc717992018ce22', '59fb4fe6618c98a7', '5da14fd1a9df89e0'],
    [500, 1400, 'ff0de68b39a22e82', 'f5bc1db3e6bd783f', '4df4bbe2238d889b', 'ab0ba0c93c82591e'],
    [337, 336, '1fe4543d81b4e05e', '01c910785c3db3d0', '03bb2b4df701909d', '8c7b35b42fa72cdc'],
    [97, 61, '41a7f52040382924', '1712ec61be58e593', 'c7c33ec84306c900', '46b76c5d556313b1'],
  ]
  t.equal(digest(patternImage(640, 480).data as Uint8Array), '3b8172e994cb51bd', 'the pattern itself')
  for (const [width, height, crop, cropSmall, pad, tiles] of cases) {
    const image = patternImage(width, height)
    t.equal(viewsDigest(image, specOf()), crop, `${width}x${height} cropped to 336`)
    t.equal(viewsDigest(image, specOf(small)), cropSmall, `${width}x${height} cropped to 224`)
    t.equal(viewsDigest(image, specOf({ aspect: 'pad' })), pad, `${width}x${height} padded`)
    t.equal(viewsDigest(image, nextSpec('orig')), tiles, `${width}x${height} in tiles`)
  }
})

t.test('single pixels of a known resize', async t => {
  const pixel = (image: RgbImage, x: number, y: number) => [
    ...image.data.subarray((y * image.width + x) * 3).subarray(0, 3),
  ]
  const large = resizeBicubic(patternImage(640, 480), { width: 672, height: 504 })
  t.strictSame(pixel(large, 0, 0), [0, 0, 0])
  t.strictSame(pixel(large, 1, 0), [6, 1, 5])
  t.strictSame(pixel(large, 335, 251), [220, 78, 17])
  t.strictSame(pixel(large, 671, 503), [204, 158, 32])
  const base = resizeBicubic(patternImage(640, 480), { width: 336, height: 336 })
  t.strictSame(pixel(base, 0, 0), [6, 1, 2])
  t.strictSame(pixel(base, 167, 167), [213, 142, 23])
})

t.test('one line of pixels, shrunk and stretched', async t => {
  const line = (values: number[]): RgbImage => ({
    width: values.length,
    height: 1,
    data: Uint8Array.from(values.flatMap(value => [value, value, value])),
  })
  const resized = (values: number[], width: number) =>
    [...resizeBicubic(line(values), { width, height: 1 }).data].filter((_, index) => index % 3 === 0)
  t.strictSame(resized([0, 64, 128, 255], 2), [35, 183])
  t.strictSame(resized([0, 255], 5), [0, 17, 128, 238, 255])
  t.strictSame(resized([10, 20, 30, 40, 50, 60, 70, 80], 3), [19, 45, 71])
})

/** The same sums without tables, fixed-point shortcuts or boxes: slow and plain. */
function plainResize(values: readonly number[], to: number): number[] {
  const from = values.length
  if (from === to) return [...values]
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const kernel = (distance: number) => {
    const t = Math.abs(distance)
    if (t < 1) return (1.5 * t - 2.5) * t * t + 1
    return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0
  }
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5))
    const high = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5))
    const taps = values.slice(low, high).map((_, tap) => kernel((tap + low - centre + 0.5) * (1 / stretch)))
    const sum = taps.reduce((left, right) => left + right, 0)
    let total = 2 ** 21
    for (const [tap, weight] of taps.entries()) {
      const scaled = (weight / sum) * 2 ** 22
      total += Math.trunc(scaled + Math.sign(scaled) * 0.5) * values[low + tap]!
    }
    return Math.min(255, Math.max(0, Math.floor(total / 2 ** 22)))
  })
}

t.test('the fast resize agrees with the plain one, whole and by boxes', async t => {
  const line = fc.uint8Array({ minLength: 1, maxLength: 90 })
  const agrees = fc.property(line, fc.integer({ min: 1, max: 60 }), (values, to) => {
    const data = Uint8Array.from([...values].flatMap(value => [value, 255 - value, value >> 1]))
    const row = resizeBicubic({ width: values.length, height: 1, data }, { width: to, height: 1 })
    const column = resizeBicubic({ width: 1, height: values.length, data }, { width: 1, height: to })
    const expected = plainResize([...values], to)
    const inverse = plainResize(
      [...values].map(value => 255 - value),
      to,
    )
    return expected.every((value, index) => {
      const both = row.data[index * 3] === value && column.data[index * 3] === value
      return both && row.data[index * 3 + 1] === inverse[index]
    })
  })
  t.doesNotThrow(() => fc.assert(agrees, { numRuns: 300, seed: 5 }))

  const image = patternImage(61, 47)
  const whole = resizeBicubic(image, { width: 40, height: 90 })
  const box = { left: 7, top: 31, width: 20, height: 11 }
  const part = resizeBicubic(image, { width: 40, height: 90 }, box)
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * 40 + box.left) * 3
    t.strictSame(part.data.subarray(y * 60, y * 60 + 60), whole.data.subarray(from, from + 60))
  }
})

t.test('sums of extreme pixels stay within 32 bits', async t => {
  const checker = Uint8Array.from({ length: 9 * 9 * 3 }, (_, index) => (Math.floor(index / 3) % 2 === 0 ? 255 : 0))
  const image = { width: 9, height: 9, data: checker }
  const row = [...checker.subarray(0, 27)].filter((_, index) => index % 3 === 0)
  const stretched = resizeBicubic(image, { width: 200, height: 9 })
  t.strictSame(
    [...stretched.data.subarray(0, 600)].filter((_, index) => index % 3 === 0),
    plainResize(row, 200),
  )
})

t.test('the normalisation table has the reference bits', async t => {
  const table = normalisationTable(specOf())
  t.equal(digest(new Uint8Array(table.buffer)), '5d23c0b115c373c7')
  const at = (byte: number) => [0, 256, 512].map(channel => table[channel + byte]!.toFixed(6))
  t.strictSame(at(0), ['-1.792263', '-1.752097', '-1.480220'])
  t.strictSame(at(128), ['0.076336', '0.168897', '0.339949'])
  t.strictSame(at(255), ['1.930336', '2.074884', '2.145897'])
})

t.test('normalised pixels lie by channel', async t => {
  const table = normalisationTable(specOf())
  const target = new Float32Array(6)
  normalise({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, table, target)
  t.strictSame(
    [...target],
    [1, 4, 256 + 2, 256 + 5, 512 + 3, 512 + 6].map(index => table[index]),
  )
  t.throws(() => normalise(patternImage(2, 2), table, target), /6 floats for a picture that has 12/)
})

t.test('a single grey pixel and a 1-pixel side survive every mode', async t => {
  for (const [width, height] of [
    [1, 1],
    [1, 900],
    [900, 1],
  ] as const) {
    const data = new Uint8Array(width * height * 3).fill(130)
    for (const spec of [specOf(), specOf({ aspect: 'pad' }), nextSpec('orig'), nextSpec('hf')]) {
      const plan = planImage({ width, height }, spec)
      const views = makeViews({ width, height, data }, plan, spec)
      t.equal(views.length, plan.views)
      t.ok(views.every(view => view.data.length === 336 * 336 * 3))
      const base = views[plan.baseView]!
      const flat = spec.aspect === 'pad' && width !== height
      t.ok(flat || base.data.every(value => value === 130), `${width}x${height} ${spec.aspect}`)
    }
  }
})
