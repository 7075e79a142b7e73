import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { inspectModel } from '../../kernels/checkpoint/index.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { type KernelModel, largestDifference, loadKernelModel } from '../support/kernel-model.js'

/** Written by training/fixtures/make_rope_goldens.py: transformers, position by position beyond the first 40. */
const golden: {
  readonly checkpoint: string
  readonly fields: { readonly max_position_embeddings: number; readonly rope_scaling: { readonly factor: number } }
  readonly ids: readonly number[]
  readonly positions: readonly number[]
  readonly logits: readonly (readonly number[])[]
} = JSON.parse(readFileSync(checkpointPath('dynamic-rope.json'), 'utf8'))

const TRAINED = golden.fields.max_position_embeddings
const TOLERANCE = 1e-4
const prompt = { ids: golden.ids, placeholder: -1 }

function modified(folder: string, edit: Edit): string {
  cpSync(checkpointPath(golden.checkpoint), folder, { recursive: true })
  const path = join(folder, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  edit(config.text_config)
  writeFileSync(path, JSON.stringify(config))
  return folder
}

type Edit = (text: Record<string, unknown>) => void

async function load(t: Test, folder: string, edit: Edit, slotCapacity: number): Promise<KernelModel> {
  const path = modified(folder, edit)
  const info = await inspectModel(path)
  const options = { binding: 'auto', precision: 'float32', cachePath: join(path, 'cache'), numSlots: 2 } as const
  const model = await loadKernelModel({ info, ...options, slotCapacity, maxTiles: 1 })
  t.teardown(() => model.close())
  return model
}

const scale = (text: Record<string, unknown>): unknown => Object.assign(text, golden.fields)

/** Largest difference of the logits of positions from `start` on that the golden tells. */
function differenceFrom(logits: Float32Array, start: number, end: number, width: number): number {
  const told = golden.positions.map((at, index) => [at, golden.logits[index]!] as const)
  const inside = told.filter(([at]) => at >= start && at < end)
  return Math.max(
    ...inside.map(([at, row]) =>
      largestDifference(logits.subarray((at - start) * width, (at - start + 1) * width), row),
    ),
  )
}

t.test('a text on both sides of the trained length has the logits of transformers, however it is cut', async t => {
  const model = await load(t, join(t.testdir(), 'scaled'), scale, golden.ids.length)
  const { vocabRows } = model.info.text
  t.equal(model.info.text.contextLength, TRAINED * golden.fields.rope_scaling.factor)
  for (const cuts of [
    [golden.ids.length],
    [40, golden.ids.length],
    [TRAINED - 1, TRAINED + 1, golden.ids.length],
    Array.from({ length: golden.ids.length }, (_, at) => at + 1),
  ]) {
    let start = 0
    let worst = 0
    for (const end of cuts) {
      worst = Math.max(worst, differenceFrom(await model.prefill(0, prompt, start, end), start, end, vocabRows))
      start = end
    }
    t.ok(worst < TOLERANCE, `${cuts.length} pieces: logits within ${worst}`)
  }
  await model.prefill(1, prompt, 0, 60)
  const logits = await model.step({
    decode: { firstSlot: 0, tokenIds: [golden.ids[88]!, golden.ids[60]!], lengths: [88, 60] },
  })
  const expected = golden.logits[golden.positions.indexOf(88)]!
  t.ok(largestDifference(logits.subarray(0, vocabRows), expected) < TOLERANCE, 'and so has a step of several rows')
})

t.test('within the trained length nothing is scaled, whatever the context that is asked for', async t => {
  const folder = t.testdir()
  const plain = await load(
    t,
    join(folder, 'plain'),
    text => Object.assign(text, { max_position_embeddings: TRAINED }),
    TRAINED,
  )
  const expected = await plain.prefill(0, prompt, 0, TRAINED)
  for (const slotCapacity of [TRAINED, TRAINED + 1, 2 * TRAINED]) {
    const model = await load(t, join(folder, `scaled-${slotCapacity}`), scale, slotCapacity)
    t.same(await model.prefill(0, prompt, 0, TRAINED), expected, `a context of ${slotCapacity}`)
  }
})
