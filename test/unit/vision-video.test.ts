import fc from 'fast-check'
import t from 'tap'
import { bilinearGroups } from '../../kernels/graphs/pooling.js'
import type { VisionFacts } from '../../runtime/vision/spec.js'
import {
  fitVideo,
  frameSpec,
  planVideo,
  sampleFrames,
  sampleSeconds,
  type VideoSpec,
  videoTokens,
} from '../../runtime/vision/video.js'
import { videoSpec } from '../../runtime/vision/video-spec.js'
import { nextSpec } from '../support/pictures.js'

const clip = (fields: Partial<VideoSpec> = {}): VideoSpec => ({
  profile: 'hf',
  side: 24,
  poolMode: 'average',
  poolStride: 2,
  poolPlace: 'before',
  newline: 'none',
  ...fields,
})

t.test('orig samples evenly with the last frame, hf at the beginning of equal stretches', async t => {
  t.strictSame(sampleFrames(100, 8, 'orig'), [0, 14, 28, 42, 56, 70, 84, 99])
  t.strictSame(sampleFrames(300, 16, 'orig'), [0, 19, 39, 59, 79, 99, 119, 139, 159, 179, 199, 219, 239, 259, 279, 299])
  t.strictSame(sampleFrames(1, 8, 'orig'), new Array(8).fill(0))
  t.strictSame(sampleFrames(10, 16, 'orig'), [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 7, 7, 8, 9])
  t.equal(sampleFrames(76, 56, 'orig')[11], 14, 'a double just below 15')
  t.strictSame(sampleFrames(5, 1, 'orig'), [0])
  t.strictSame(sampleFrames(100, 8, 'hf'), [0, 12, 25, 37, 50, 62, 75, 87])
})

t.test('samples lie within the clip, in order', async t => {
  const length = fc.integer({ min: 1, max: 3000 })
  const inOrder = fc.property(
    length,
    fc.integer({ min: 1, max: 128 }),
    fc.constantFrom('orig', 'hf'),
    (total, count, by) => {
      const indices = sampleFrames(total, count, by as 'orig' | 'hf')
      const sorted = indices.every((value, at) => value >= (indices[at - 1] ?? 0) && value < total)
      return sorted && indices.length === count && (by === 'hf' || count === 1 || indices.at(-1) === total - 1)
    },
  )
  t.doesNotThrow(() => fc.assert(inOrder, { numRuns: 2000, seed: 6 }))
})

t.test('one frame a second, thinned where there are too many', async t => {
  t.strictSame(sampleSeconds(100, 25, 8), [0, 25, 50, 75])
  t.strictSame(sampleSeconds(100, 29.97, 8), [0, 30, 60, 90])
  t.strictSame(sampleSeconds(100, 10, 8), sampleFrames(100, 8, 'orig'))
})

t.test('token counts by frames and newline position', async t => {
  const rows: [number, number, number, number, number][] = [
    [4, 576, 577, 580, 624],
    [8, 1152, 1153, 1160, 1248],
    [16, 2304, 2305, 2320, 2496],
    [28, 4032, 4033, 4060, 4368],
    [32, 4608, 4609, 4640, 4992],
    [56, 8064, 8065, 8120, 8736],
    [64, 9216, 9217, 9280, 9984],
  ]
  for (const [frames, none, oneToken, frame, grid] of rows) {
    const counts = (['none', 'one-token', 'frame', 'grid'] as const).map(newline =>
      videoTokens(frames, clip({ newline })),
    )
    t.strictSame(counts, [none, oneToken, frame, grid], `${frames} frames`)
  }
  t.equal(videoTokens(64, clip({ poolStride: 4 })), 2304)
  t.equal(videoTokens(16, clip({ poolStride: 1 })), 9216)
  t.equal(videoTokens(1, clip({ side: 27, poolMode: 'bilinear' })), 196)
  t.equal(videoTokens(1, clip({ side: 27 })), 169)
})

t.test('pooled rows are taken in order, newlines at their places', async t => {
  t.strictSame(planVideo(2, clip()).packing, { kind: 'gather', rows: null })
  const small = { side: 4, newline: 'grid' } as const
  t.strictSame(planVideo(2, clip(small)).packing, { kind: 'gather', rows: [0, 1, -1, 2, 3, -1, 4, 5, -1, 6, 7, -1] })
  t.strictSame(planVideo(2, clip({ ...small, newline: 'frame' })).packing.rows, [0, 1, 2, 3, -1, 4, 5, 6, 7, -1])
  t.strictSame(planVideo(2, clip({ ...small, newline: 'one-token' })).packing.rows, [0, 1, 2, 3, 4, 5, 6, 7, -1])
})

t.test('pooling after the connector weighs squares of four, within their frame', async t => {
  const plan = planVideo(2, clip({ poolPlace: 'after', newline: 'frame' }))
  t.equal(plan.packing.kind, 'blend')
  t.strictSame(plan.packing.rows?.slice(0, 8), [0, 1, 24, 25, 2, 3, 26, 27])
  const ramp = plan.packing.rows!.slice(0, 4).reduce((sum, row) => sum + row / 4, 0)
  t.equal(ramp, 12.5, 'the first cell of a 24 x 24 ramp')
  t.strictSame(plan.packing.rows?.slice(144 * 4, 144 * 4 + 8), [-1, -1, -1, -1, 576, 577, 600, 601])
  t.equal(planVideo(1, clip({ poolPlace: 'after', poolMode: 'max' })).packing.kind, 'max')
})

t.test('a square has as many taps as the stride squared, and what is left over is dropped', async t => {
  const plan = planVideo(2, clip({ side: 7, poolPlace: 'after', poolStride: 3, newline: 'frame' }))
  t.match(plan, { tokens: 10, pooledSide: 2, packing: { kind: 'blend', taps: 9 } })
  t.strictSame(plan.packing.rows?.slice(0, 9), [0, 1, 2, 7, 8, 9, 14, 15, 16])
  t.strictSame(plan.packing.rows?.slice(4 * 9, 6 * 9), [
    ...new Array(9).fill(-1),
    ...[49, 50, 51, 56, 57, 58, 63, 64, 65],
  ])
})

t.test('a bilinear reduction is the same on both sides of the connector', async t => {
  for (const [side, poolStride] of [
    [24, 2],
    [27, 2],
    [27, 4],
    [5, 3],
    [4, 1],
  ] as const) {
    const spec = clip({ side, poolStride, poolMode: 'bilinear', poolPlace: 'after' })
    const { packing } = planVideo(1, spec)
    const { indices, weights, size } = bilinearGroups(side, Math.ceil(side / poolStride))
    t.strictSame([...indices].map(Number), packing.rows, `${side} by ${poolStride}`)
    t.strictSame(weights, Float32Array.from(packing.kind === 'blend' ? packing.weights : []))
    const cells = Array.from({ length: weights!.length / size }, (_, cell) =>
      weights!.slice(cell * size, (cell + 1) * size),
    )
    t.ok(cells.every(cell => Math.abs(cell.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-6))
  }
})

t.test('rows of the packing are the tokens of the plan', async t => {
  const places = fc.constantFrom('none', 'grid', 'frame', 'one-token') as fc.Arbitrary<VideoSpec['newline']>
  const agree = fc.property(fc.integer({ min: 1, max: 20 }), places, fc.boolean(), (frames, newline, before) => {
    const { tokens, packing } = planVideo(frames, clip({ newline, poolPlace: before ? 'before' : 'after' }))
    const rows = packing.rows?.length ?? frames * 144
    return tokens === rows / (packing.kind === 'gather' ? 1 : 4)
  })
  t.doesNotThrow(() => fc.assert(agree, { seed: 8 }))
})

t.test('a clip that does not fit is told what would', async t => {
  const budget = { contextLength: 4096, otherTokens: 256, reserve: 1 }
  t.match(fitVideo(16, clip(), budget), { fits: true, frames: 26, factor: 1, message: null })
  const long = fitVideo(64, clip(), budget)
  t.match(long, { fits: false, frames: 26, factor: 3 })
  t.equal(
    long.message,
    '64 frames take 9216 tokens (144 a frame); beside 256 tokens of text and 1 for the answer, the context of 4096 has room for 26 frames. All would fit with positions scaled by 3.',
  )
  t.equal(fitVideo(26, clip({ newline: 'one-token' }), budget).fits, true)
  t.equal(fitVideo(27, clip({ newline: 'one-token' }), budget).fits, false)
  t.equal(fitVideo(1, clip(), { contextLength: 100, otherTokens: 90, reserve: 20 }).frames, 0)
})

t.test('frames are cropped tiles, whatever the pictures go through', async t => {
  t.match(frameSpec(nextSpec('hf')), { aspect: 'square', merge: 'flat', newline: false, pinpoints: [] })
})

t.test('the checkpoint says how its clips are pooled', async t => {
  const facts = (config: Record<string, unknown>, family = 'llava_next_video'): VisionFacts => ({
    path: 'models/test',
    family,
    vision: { tileSize: 336, patchSize: 14, featuresPerTile: 576 },
    files: { config, preprocessor: null },
  })
  const read = (config: Record<string, unknown>, family?: string) => videoSpec(facts(config, family), nextSpec('hf'))
  const converted = { vision_config: {}, text_config: {} }
  t.equal(read(converted, 'llava_next'), null)
  t.match(read(converted), { poolMode: 'average', poolStride: 2, poolPlace: 'before', newline: 'none', side: 24 })
  const first = { mm_resampler_type: 'spatial_pool', mm_patch_merge_type: 'spatial_unpad' }
  t.match(read({ ...first, mm_spatial_pool_mode: 'max' }), { poolMode: 'max', poolPlace: 'before', newline: 'none' })
  const later = { mm_patch_merge_type: 'spatial_unpad', mm_spatial_pool_mode: 'average' }
  t.match(read({ ...later, mm_newline_position: 'grid' }), { poolPlace: 'after', newline: 'grid' })
  t.match(read({ ...first, mm_newline_position: 'frame' }), { poolPlace: 'after', newline: 'frame' })
  t.match(read({ ...later, mm_newline_position: 'one_token' }), { newline: 'one-token' })
  t.match(read({ ...later, mm_newline_position: 'no_token' }), { newline: 'none' })
  t.match(read(later), { poolPlace: 'after', newline: 'one-token' })
  t.match(read({ ...first, mm_spatial_pool_mode: 'bilinear' }), { poolPlace: 'after', newline: 'one-token' })
  t.match(read({ ...later, mm_pooling_position: 'before' }), { poolPlace: 'before', newline: 'one-token' })
  t.match(read({ ...first, mm_pooling_position: 'after' }), { poolPlace: 'after', newline: 'none' })
  t.match(read({ mm_newline_position: 'grid' }), { newline: 'none' }, 'a flat list of features has no rows to end')
  t.match(read({ mm_newline_position: 'one_token', mm_patch_merge_type: 'spatial' }), { newline: 'none' })
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ ...converted, rope_scaling: { type: 'linear', factor: 2.5 } }, /rope_scaling stands outside text_config/],
    [{ ...converted, spatial_pool_mode: 'conv' }, /pool mode is "conv"; known are average, max/],
    [{ ...converted, spatial_pool_stride: 0 }, /pool stride is 0/],
    [{ mm_newline_position: 'row' }, /mm_newline_position is "row"/],
    [{ mm_newline_position: 'grid', mm_patch_merge_type: 'spatial' }, /"spatial", whose files have no newline vector/],
    [{ mm_pooling_position: 'inside' }, /mm_pooling_position is "inside"/],
    [{ mm_spatial_pool_mode: 'conv' }, /pool mode is "conv"; known are average, max, bilinear/],
    [{ mm_newline_position: 'grid', add_faster_video: true }, /add_faster_video/],
  ]
  for (const [config, message] of refused) t.throws(() => read(config), { code: 'MODEL_UNSUPPORTED', message })
})
