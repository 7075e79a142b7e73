import fc from 'fast-check'
import t from 'tap'
import { selectCanvas, unpad } from '../../runtime/vision/grid.js'
import type { Packing } from '../../runtime/vision/packing.js'
import { type ImagePlan, planImage } from '../../runtime/vision/plan.js'
import { highDefinitionPinpoints, type VisionSpec } from '../../runtime/vision/spec.js'
import { nextSpec, RELEASED_PINPOINTS, specOf } from '../support/pictures.js'

/** Width, height, canvas, views, scaled size, offset, map rows x columns, tokens by `orig`, tokens by `hf`. */
const RELEASED = `
1024 899 | 672x672 5 | 672x590 @ 0,41 | 42x48 | 2634 2634
640 480 | 672x672 5 | 672x504 @ 0,84 | 36x48 | 2340 2340
1024 768 | 672x672 5 | 672x504 @ 0,84 | 36x48 | 2340 2340
480 640 | 672x672 5 | 504x672 @ 84,0 | 48x36 | 2352 2352
768 1024 | 672x672 5 | 504x672 @ 84,0 | 48x36 | 2352 2352
1100 808 | 672x672 5 | 672x494 @ 0,89 | 36x48 | 2340 2340
672 672 | 672x672 5 | 672x672 @ 0,0 | 48x48 | 2928 2928
512 512 | 672x672 5 | 672x672 @ 0,0 | 48x48 | 2928 2928
2000 2000 | 672x672 5 | 672x672 @ 0,0 | 48x48 | 2928 2928
1920 1080 | 672x672 5 | 672x378 @ 0,147 | 28x48 | 1948 1948
3840 2160 | 672x672 5 | 672x378 @ 0,147 | 28x48 | 1948 1948
1280 720 | 672x672 5 | 672x378 @ 0,147 | 28x48 | 1948 1948
1080 1920 | 672x672 5 | 378x672 @ 147,0 | 48x28 | 1968 1968
704 396 | 672x672 5 | 672x378 @ 0,147 | 26x48 | 1850 1948
3072 1856 | 672x672 5 | 672x406 @ 0,133 | 30x48 | 2046 2046
1000 667 | 672x672 5 | 672x449 @ 0,111 | 32x48 | 2144 2144
800 1200 | 672x672 5 | 449x672 @ 111,0 | 48x32 | 2160 2160
2480 3508 | 672x672 5 | 476x672 @ 98,0 | 48x34 | 2256 2256
1170 2532 | 336x1008 4 | 336x728 @ 0,140 | 52x24 | 1876 1876
400 900 | 336x1008 4 | 336x756 @ 0,126 | 54x24 | 1926 1926
1344 336 | 1008x336 4 | 1008x252 @ 0,42 | 18x72 | 1890 1890
336 1344 | 336x1008 4 | 252x1008 @ 42,0 | 72x18 | 1944 1944
1008 336 | 1008x336 4 | 1008x336 @ 0,0 | 24x72 | 2328 2328
336 1008 | 336x1008 4 | 336x1008 @ 0,0 | 72x24 | 2376 2376
4000 500 | 1008x336 4 | 1008x126 @ 0,105 | 10x72 | 1306 1306
500 4000 | 336x1008 4 | 126x1008 @ 105,0 | 72x10 | 1368 1368
1000 50 | 1008x336 4 | 1008x51 @ 0,142 | 4x72 | 868 868
1128 47 | 1008x336 4 | 1008x42 @ 0,147 | 2x72 | 722 868
10000 100 | 1008x336 4 | 1008x11 @ 0,162 | 0x72 | 576 576
100 10000 | 336x1008 4 | 11x1008 @ 162,0 | 72x0 | 648 648
337 336 | 672x336 3 | 337x336 @ 167,0 | 24x24 | 1176 1176
336 337 | 336x672 3 | 336x337 @ 0,167 | 24x24 | 1176 1176
336 336 | 336x672 3 | 336x336 @ 0,168 | 24x24 | 1176 1176
224 224 | 336x672 3 | 336x336 @ 0,168 | 24x24 | 1176 1176
1 1 | 336x672 3 | 336x336 @ 0,168 | 24x24 | 1176 1176
300 300 | 336x672 3 | 336x337 @ 0,167 | 24x24 | 1176 1176
300 200 | 336x672 3 | 336x225 @ 0,223 | 16x24 | 976 1464
200 300 | 336x672 3 | 336x504 @ 0,84 | 36x24 | 1476 984
100 336 | 336x672 3 | 200x672 @ 68,0 | 48x14 | 1296 792
336 100 | 336x672 3 | 336x100 @ 0,286 | 8x24 | 776 1262
`

const size = ({ width, height }: { width: number; height: number }) => `${width}x${height}`
const map = (plan: ImagePlan) => `${plan.mapRows}x${plan.mapColumns}`
const rowsOf = (plan: ImagePlan, spec: VisionSpec): number => {
  if (plan.packing.kind === 'gather') return plan.packing.rows?.length ?? plan.views * spec.featuresPerTile
  return plan.packing.rows.length / 4
}

t.test('1.6: canvas, views, scaling, paste, map and tokens of known sizes', async t => {
  for (const line of RELEASED.trim().split('\n')) {
    const [width, height] = line.split(' ').map(Number) as [number, number]
    const [orig, hf] = line.split(' | ').at(-1)!.split(' ').map(Number) as [number, number]
    const plan = planImage({ width, height }, nextSpec('orig'))
    const { x, y } = plan.paste
    const scaled = `${size(plan.resized)} @ ${x},${y}`
    t.equal(`${width} ${height} | ${size(plan.canvas)} ${plan.views} | ${scaled} | ${map(plan)} | ${orig} ${hf}`, line)
    t.equal(plan.tokens, orig, `${width}x${height} by orig`)
    t.equal(planImage({ width, height }, nextSpec('hf')).tokens, hf, `${width}x${height} by hf`)
  }
})

t.test('a small picture lies portrait by orig and landscape by hf', async t => {
  const picture = { width: 300, height: 200 }
  t.equal(size(planImage(picture, nextSpec('orig')).canvas), '336x672')
  t.equal(size(planImage(picture, nextSpec('hf')).canvas), '672x336')
  t.equal(map(planImage(picture, nextSpec('hf'))), '24x36')
})

t.test('where the canvases agree, orig and hf differ in 58 sizes up to 2048, 704x396 among them', async t => {
  const differing = new Set<string>()
  for (let width = 1; width <= 2048; width++) {
    for (let height = 1; height <= 2048; height++) {
      const picture = { width, height }
      const canvas = selectCanvas(picture, RELEASED_PINPOINTS)
      const map = { width: canvas.width / 14, height: canvas.height / 14 }
      const wide = width / height > map.width / map.height
      const kept = wide ? height * (map.width / width) : width * (map.height / height)
      // Truncation and rounding to seven digits can only differ next to a whole number.
      if (Math.abs(kept - Math.round(kept)) > 1e-6) continue
      const [orig, hf] = [unpad(picture, map, 'orig'), unpad(picture, map, 'hf')]
      if (orig.rows !== hf.rows || orig.columns !== hf.columns) differing.add(`${width}x${height}`)
    }
  }
  t.equal(differing.size, 58)
  for (const known of ['704x396', '752x423', '1408x792', '352x110']) t.ok(differing.has(known), known)
})

t.test('anyres_max_9 reduces large maps and lets factors up to 1.1 pass', async t => {
  const grids = (tile: number) =>
    Array.from({ length: 36 }, (_, index) => ({
      width: (Math.floor(index / 6) + 1) * tile,
      height: ((index % 6) + 1) * tile,
    }))
  const bounded = (tile: number, side: number) =>
    nextSpec('orig', { tileSize: tile, side, featuresPerTile: side * side, pinpoints: grids(tile), maxTiles: 9 })
  const cases: [number, number, number, string, string, number][] = [
    [336, 640, 480, '672x672', '36x48', 2340],
    [336, 1024, 899, '1344x1008', '72x82', 6552],
    [336, 1920, 1080, '2016x1344', '54x95', 5760],
    [336, 2000, 2000, '2016x2016', '72x72', 5832],
    [336, 4000, 500, '2016x336', '18x144', 3186],
    [336, 336, 336, '336x336', '24x24', 1176],
    [384, 640, 480, '768x768', '40x54', 2929],
    [384, 1920, 1080, '1920x1152', '60x108', 7269],
    [384, 2000, 2000, '2304x2304', '81x81', 7371],
  ]
  for (const [tile, width, height, canvas, rowsColumns, tokens] of cases) {
    const plan = planImage({ width, height }, bounded(tile, tile === 336 ? 24 : 27))
    t.strictSame(
      [size(plan.canvas), map(plan), plan.tokens],
      [canvas, rowsColumns, tokens],
      `${tile}: ${width}x${height}`,
    )
  }
})

t.test('a bilinear reduction weighs four neighbours, with weights that add up to one', async t => {
  const pinpoints = [{ width: 672, height: 672 }]
  const spec = nextSpec('orig', { pinpoints, maxTiles: 1 })
  const plan = planImage({ width: 672, height: 672 }, spec)
  t.equal(map(plan), '24x24')
  const { rows, weights } = plan.packing as Extract<Packing, { kind: 'blend' }>
  for (let token = 0; token < plan.tokens; token++) {
    const sum = [0, 1, 2, 3].reduce((sum, tap) => sum + weights[token * 4 + tap]!, 0)
    t.ok(Math.abs(sum - 1) < 1e-12)
  }
  // 48 to 24 is the mean of each 2 x 2 block: the first one lies in the corner of the first tile.
  t.strictSame(rows.slice(576 * 4, 576 * 4 + 4), [576, 577, 600, 601])
  t.strictSame(weights.slice(576 * 4, 576 * 4 + 4), [0.25, 0.25, 0.25, 0.25])
})

t.test('single-tile modes: scaled size, crop and pad offsets', async t => {
  const crops: [number, number, string, number, number][] = [
    [640, 480, '448x336', 56, 0],
    [1024, 899, '382x336', 23, 0],
    [500, 4000, '336x2688', 0, 1176],
    [333, 500, '336x504', 0, 84],
    [337, 336, '337x336', 0, 0],
  ]
  for (const [width, height, scaled, x, y] of crops) {
    const plan = planImage({ width, height }, specOf())
    t.strictSame([size(plan.resized), plan.crop, plan.tokens], [scaled, { x, y }, 576], `${width}x${height}`)
  }
  const squashed = planImage({ width: 640, height: 480 }, specOf({ fit: 'squash' }))
  t.strictSame([size(squashed.resized), squashed.crop], ['336x336', { x: 0, y: 0 }])
  const padded = planImage({ width: 640, height: 480 }, specOf({ aspect: 'pad' }))
  t.strictSame([size(padded.resized), padded.paste, padded.tokens], ['336x336', { x: 0, y: 80 }, 576])
})

t.test('token counts of the other kinds of packing', async t => {
  const square = { width: 672, height: 672 }
  t.equal(planImage(square, specOf({ merge: 'spatial_unpad', newline: true })).tokens, 577)
  t.equal(planImage(square, specOf({ featuresPerTile: 577 })).tokens, 577)
  t.equal(planImage(square, nextSpec('orig', { merge: 'flat' })).tokens, 5 * 576)
  t.equal(planImage(square, nextSpec('orig', { merge: 'spatial' })).tokens, 5 * 576)
  t.equal(planImage(square, nextSpec('orig', { merge: 'spatial_maxpool2x2' })).tokens, 576 + 24 * 24)
  const bare = planImage(square, nextSpec('orig', { base: 'none' }))
  t.strictSame([bare.tokens, bare.views, bare.baseView], [48 * 49, 4, -1])
})

t.test('1.5-HD: 448x448 is 1312 tokens with the whole picture last', async t => {
  const pinpoints = highDefinitionPinpoints(224)
  t.equal(pinpoints.length, 14)
  const spec = nextSpec('orig', { tileSize: 224, side: 16, featuresPerTile: 256, pinpoints, base: 'last' })
  const plan = planImage({ width: 448, height: 448 }, spec)
  t.strictSame([plan.tokens, plan.views, plan.baseView], [1312, 5, 4])
  t.equal(plan.packing.kind, 'gather')
  t.equal(plan.packing.rows?.[0], 0)
  t.strictSame(
    plan.packing.rows?.slice(-256),
    Array.from({ length: 256 }, (_, index) => 4 * 256 + index),
  )
})

t.test('spatial order runs through the rows of the map, across the tiles', async t => {
  const plan = planImage({ width: 672, height: 672 }, nextSpec('orig', { merge: 'spatial' }))
  t.equal(plan.packing.kind, 'gather')
  const grid = plan.packing.rows?.slice(576) ?? []
  t.strictSame(grid.slice(22, 27), [576 + 22, 576 + 23, 1152, 1153, 1154], 'the first row goes from tile 1 into tile 2')
  t.equal(grid[48], 576 + 24, 'the second row begins in tile 1')
  t.equal(grid[24 * 48], 576 + 2 * 576, 'row 24 begins in tile 3')
})

const side = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 12_000 }))

t.test('tokens of the plan are the rows of its packing, for any size, each row within the views', async t => {
  const specs = [
    specOf(),
    specOf({ aspect: 'pad' }),
    specOf({ merge: 'spatial_unpad', newline: true }),
    nextSpec('orig'),
    nextSpec('hf'),
    nextSpec('orig', { merge: 'spatial_maxpool2x2' }),
    nextSpec('orig', { maxTiles: 1 }),
    nextSpec('orig', { base: 'last' }),
    nextSpec('orig', { base: 'none', merge: 'spatial' }),
  ]
  let sizes = 0
  fc.assert(
    fc.property(side, side, fc.constantFrom(...specs), (width, height, spec) => {
      sizes++
      const plan = planImage({ width, height }, spec)
      const limit = plan.views * spec.featuresPerTile
      const rows = plan.packing.rows ?? []
      return rowsOf(plan, spec) === plan.tokens && rows.every(row => row >= -1 && row < limit) && plan.tokens > 0
    }),
    { numRuns: 10_000, seed: 20 },
  )
  t.equal(sizes, 10_000)
})

t.test('swapping width and height swaps the plan of a spec without ties', async t => {
  const square = nextSpec('orig', { pinpoints: [{ width: 672, height: 672 }] })
  const swapped = fc.property(side, side, (width, height) => {
    const plan = planImage({ width, height }, square)
    const turned = planImage({ width: height, height: width }, square)
    const sameMap = plan.mapRows === turned.mapColumns && plan.mapColumns === turned.mapRows
    return sameMap && plan.paste.x === turned.paste.y && plan.resized.width === turned.resized.height
  })
  t.doesNotThrow(() => fc.assert(swapped, { numRuns: 2000, seed: 21 }))
})
