import t from 'tap'
import { highDefinitionPinpoints, type VisionFacts, visionSpec } from '../../runtime/vision/spec.js'

const PAIRS = [
  [336, 672],
  [672, 336],
  [672, 672],
  [1008, 336],
  [336, 1008],
]

function facts(
  family: string,
  config: Record<string, unknown> = {},
  preprocessor: Record<string, unknown> | null = null,
): VisionFacts {
  const vision = { tileSize: 336, patchSize: 14, featuresPerTile: 576 }
  return { path: 'models/test', family, vision, files: { config, preprocessor } }
}

const original = (config: Record<string, unknown>) =>
  facts('llava_llama', { mm_vision_tower: 'openai/clip-vit-large-patch14-336', ...config })

t.test('a converted LLaVA-1.5 crops, and pads only when its processor says so', async t => {
  const spec = visionSpec(facts('llava'))
  t.match(spec, { profile: 'hf', aspect: 'square', merge: 'flat', newline: false, side: 24, orientation: 'apply' })
  t.strictSame(spec.padColour, [122, 116, 104])
  t.equal(visionSpec(facts('llava', {}, { do_pad: true })).aspect, 'pad')
  t.equal(visionSpec(facts('llava'), { aspect: 'pad' }).aspect, 'pad')
})

t.test('a converted 1.6 reads pairs as height and width; do_pad means its batches', async t => {
  const spec = visionSpec(facts('llava_next', { image_grid_pinpoints: PAIRS }, { do_pad: true }))
  t.match(spec, { profile: 'hf', aspect: 'anyres', merge: 'spatial_unpad', newline: true, base: 'first' })
  t.strictSame(spec.pinpoints[0], { width: 672, height: 336 })
  const bare = visionSpec(facts('llava_next', { image_grid_pinpoints: PAIRS, use_image_newline_parameter: false }))
  t.equal(bare.newline, false)
})

t.test('an original layout brings its own aspect and merge fields', async t => {
  const spec = visionSpec(
    original({ image_aspect_ratio: 'anyres', mm_patch_merge_type: 'spatial_unpad', image_grid_pinpoints: PAIRS }),
  )
  t.match(spec, { profile: 'orig', aspect: 'anyres', newline: true, maxTiles: null, orientation: 'ignore' })
  t.strictSame(spec.pinpoints[0], { width: 336, height: 672 })
  t.equal(visionSpec(original({ image_aspect_ratio: 'pad' })).aspect, 'pad')
  t.equal(visionSpec(original({})).aspect, 'square')
  const bare = { image_aspect_ratio: 'anyres', mm_patch_merge_type: 'spatial_nobase', image_grid_pinpoints: PAIRS }
  t.match(visionSpec(original(bare)), { merge: 'spatial', base: 'none', newline: false })
})

t.test('pinpoints may be a range of grids or a list in a string', async t => {
  const bounded = { image_aspect_ratio: 'anyres_max_9', mm_patch_merge_type: 'spatial_unpad' }
  const range = visionSpec(original({ ...bounded, image_grid_pinpoints: '(1x1),...,(6x6)' }))
  t.match(range, { maxTiles: 9, aspect: 'anyres' })
  t.equal(range.pinpoints.length, 36)
  t.strictSame(range.pinpoints.slice(0, 2), [
    { width: 336, height: 336 },
    { width: 336, height: 672 },
  ])
  t.strictSame(range.pinpoints[6], { width: 672, height: 336 })
  const list = visionSpec(original({ ...bounded, image_grid_pinpoints: '[(336, 672), (672, 336)]' }))
  t.strictSame(list.pinpoints, [
    { width: 336, height: 672 },
    { width: 672, height: 336 },
  ])
})

t.test('1.5-HD is a choice over a 1.5 checkpoint', async t => {
  const small = { ...original({}), vision: { tileSize: 224, patchSize: 14, featuresPerTile: 256 } }
  const spec = visionSpec(small, { pinpoints: highDefinitionPinpoints(224), base: 'last' })
  t.match(spec, { aspect: 'anyres', merge: 'spatial_unpad', newline: true, base: 'last', side: 16 })
  t.strictSame(visionSpec(small, { aspect: 'hd' }), { ...spec, newline: false }, 'without a vector to end rows with')
  const withVector = { ...original({ mm_patch_merge_type: 'spatial_unpad' }), vision: small.vision }
  t.strictSame(visionSpec(withVector, { aspect: 'hd' }), spec)
})

t.test('a SigLIP tower takes the picture squashed, with its own mean', async t => {
  const converted = visionSpec(facts('llava', { vision_config: { model_type: 'siglip_vision_model' } }))
  t.match(converted, { fit: 'squash', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], padColour: [127, 127, 127] })
  const tower = { mm_vision_tower: 'google/siglip-so400m-patch14-384' }
  t.match(visionSpec({ ...facts('llava_qwen', tower) }), { fit: 'squash', profile: 'orig' })
  const bySize = visionSpec(facts('llava', {}, { size: { height: 336, width: 336 }, do_center_crop: false }))
  t.equal(bySize.fit, 'squash')
  t.equal(visionSpec(facts('llava', {}, { size: { shortest_edge: 336 } })).fit, 'crop')
  t.throws(() => visionSpec(facts('llava', {}, { size: { shortest_edge: 336 }, do_center_crop: false })), {
    code: 'MODEL_UNSUPPORTED',
    message: /cuts nothing/,
  })
})

t.test('the class token counts as a feature of the tile, outside grids', async t => {
  const full = (family: string, config = {}) => ({
    ...facts(family, config),
    vision: { tileSize: 336, patchSize: 14, featuresPerTile: 577 },
  })
  t.equal(visionSpec(full('llava')).featuresPerTile, 577)
  t.throws(() => visionSpec(full('llava_next', { image_grid_pinpoints: PAIRS })), { code: 'MODEL_UNSUPPORTED' })
})

t.test('what is not known is refused by name', async t => {
  const cases: [VisionFacts, RegExp][] = [
    [facts('llava_onevision'), /model_type is "llava_onevision"; known are llava,/],
    [original({ image_aspect_ratio: 'keep' }), /image_aspect_ratio is "keep"/],
    [original({ mm_patch_merge_type: 'resampled' }), /mm_patch_merge_type is "resampled"/],
    [facts('llava_next'), /image_grid_pinpoints is undefined/],
    [facts('llava_next', { image_grid_pinpoints: [[300, 336]] }), /\[300,336\]; both sides must be multiples of 336/],
    [facts('llava', {}, { resample: 2 }), /resample to 2; only 3/],
    [facts('llava', {}, { do_normalize: false }), /do_normalize to false/],
    [facts('llava', {}, { crop_size: { height: 224, width: 224 } }), /crop_size to .*224.*takes 336 pixels/],
    [facts('llava', {}, { image_mean: [0.5] }), /image_mean is not a list of three numbers/],
    [{ ...facts('llava'), vision: { tileSize: 336, patchSize: 14, featuresPerTile: 100 } }, /100 features/],
  ]
  for (const [given, message] of cases) {
    t.throws(() => visionSpec(given), { code: 'MODEL_UNSUPPORTED', message })
  }
})
