import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { inspectModel } from '../../kernels/checkpoint/index.js'
import { type ImagePlan, planImage } from '../../runtime/vision/plan.js'
import { visionSpec } from '../../runtime/vision/spec.js'
import { checkpointPath, readGolden } from '../support/golden-checkpoint.js'

interface PackingCase {
  /** Height, width. */
  readonly size: readonly [number, number]
  readonly tiles: number
  readonly gather?: readonly number[]
  readonly count?: number
  readonly digest?: string
}

interface PackingSet {
  readonly tile: number
  readonly patch: number
  /** Height, width. */
  readonly pinpoints: readonly (readonly [number, number])[]
  readonly cases: readonly PackingCase[]
}

/** Written by training/fixtures/make_packing.py with transformers' own code. */
const golden: { readonly tiny: PackingSet; readonly released: PackingSet } = JSON.parse(
  readFileSync(checkpointPath('next-packing.json'), 'utf8'),
)

function plan({ tile, patch, pinpoints }: PackingSet, [height, width]: PackingCase['size']): ImagePlan {
  const config = { image_grid_pinpoints: pinpoints }
  const vision = { tileSize: tile, patchSize: patch, featuresPerTile: Math.floor(tile / patch) ** 2 }
  const spec = visionSpec({ path: '', family: 'llava_next', vision, files: { config, preprocessor: null } })
  return planImage({ width, height }, spec)
}

function rowsOf({ packing }: ImagePlan): readonly number[] {
  return packing.kind === 'gather' ? (packing.rows ?? []) : []
}

for (const { size, tiles, gather } of golden.tiny.cases) {
  t.test(`a picture of ${size[1]} x ${size[0]} is packed as transformers packs it`, t => {
    const actual = plan(golden.tiny, size)
    t.equal(actual.views, tiles)
    t.same(rowsOf(actual), gather)
    t.end()
  })
}

for (const { size, tiles, count, digest } of golden.released.cases) {
  t.test(`${size[1]} x ${size[0]} on the released grid`, t => {
    const actual = plan(golden.released, size)
    t.equal(actual.views, tiles)
    t.equal(actual.tokens, count)
    t.equal(createHash('sha256').update(rowsOf(actual).join(',')).digest('hex').slice(0, 16), digest)
    t.end()
  })
}

t.test('the plan of a real checkpoint gives the rows of its golden prompt', async t => {
  for (const [name, height, width] of [
    ['next-clip-mistral', 40, 50],
    ['next-clip-qwen2', 20, 60],
  ] as const) {
    const spec = visionSpec(await inspectModel(checkpointPath(name)))
    t.same(rowsOf(planImage({ width, height }, spec)), readGolden(name).gather, name)
  }
})
