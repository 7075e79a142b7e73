import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { verifyModel } from '../../runtime/engine/verify.js'
import { judge } from '../../runtime/server/command/verdict.js'
import { checkpointPath, goldenNames } from '../support/golden-checkpoint.js'
import { decodeSafetensors, encodeSafetensors, type WrittenTensor } from '../support/safetensors.js'

const cachePath = t.testdir()

for (const model of goldenNames()) {
  t.test(`${model} computes what plain arithmetic and its golden numbers say`, async t => {
    const options = { model: checkpointPath(model), cachePath, threads: 1 }
    const verification = await verifyModel(options)
    t.equal(judge(model, 'float32', verification).failure, null)
    t.not(verification.golden, null)
    const { features, logits, pieces, golden } = verification
    for (const { largest, agreeing, rows } of [features, logits, pieces, golden!.features, golden!.logits]) {
      t.ok(largest! < 1e-4, `within ${largest}`)
      t.equal(agreeing, rows)
    }
  })
}

for (const precision of ['int8', 'int8x8', 'int4'] as const) {
  t.test(`${precision} stays within what its rounding explains`, async t => {
    const model = checkpointPath('next-clip-mistral')
    const verification = await verifyModel({ model, cachePath, threads: 1, precision })
    t.equal(judge(model, precision, verification).failure, null)
    t.ok(verification.logits.relative! > 1e-4, 'and rounds')
  })
}

t.test('the fallback binding computes the same', async t => {
  const verification = await verifyModel({ model: checkpointPath('next-clip-qwen2'), cachePath, binding: 'node' })
  t.equal(verification.binding, 'node')
  t.equal(judge('', 'float32', verification).failure, null)
})

type Tensors = Record<string, WrittenTensor>

function damaged(t: Test, checkpoint: string, edit: (tensors: Tensors) => void): string {
  const folder = join(t.testdir(), checkpoint)
  cpSync(checkpointPath(checkpoint), folder, { recursive: true })
  const path = join(folder, 'model.safetensors')
  const tensors = decodeSafetensors(readFileSync(path))
  edit(tensors)
  writeFileSync(path, encodeSafetensors(tensors))
  return folder
}

/** Sets 16-bit value `at`. */
function set(tensors: Tensors, name: string, at: number, bits: number): void {
  const bytes = Uint8Array.from(tensors[name]!.bytes)
  new DataView(bytes.buffer).setUint16(2 * at, bits, true)
  tensors[name] = { ...tensors[name]!, bytes }
}

t.test('a NaN among the weights is named', async t => {
  const name = 'model.language_model.layers.0.mlp.up_proj.weight'
  const model = damaged(t, 'next-clip-mistral', all => set(all, name, 7, 0x7fc0))
  await t.rejects(verifyModel({ model, cachePath }), {
    code: 'MODEL_CORRUPT',
    message: /up_proj\.weight holds NaN at element 7/,
  })
})

t.test('finite weights that overflow are told by what comes of them', async t => {
  const name = 'model.language_model.norm.weight'
  // The largest bfloat16.
  const model = damaged(t, 'next-clip-mistral', all => {
    for (let at = 0; at < 32; at++) set(all, name, at, 0x7f7f)
  })
  await t.rejects(verifyModel({ model, cachePath }), {
    code: 'MODEL_CORRUPT',
    message: /the logits hold (-?Infinity|NaN) at element \d+/,
  })
})

t.test('a matrix turned over without its shape saying so is told by the golden numbers alone', async t => {
  const model = damaged(t, 'next-clip-mistral', all => {
    const name = 'model.language_model.layers.1.self_attn.o_proj.weight'
    const { shape, bytes } = all[name]!
    const side = shape[0]!
    t.same(shape, [side, side])
    const turned = Uint8Array.from(bytes, (_, i) => {
      const value = i >> 1
      return bytes[2 * ((value % side) * side + Math.floor(value / side)) + (i & 1)]!
    })
    all[name] = { ...all[name]!, bytes: turned }
  })
  const verification = await verifyModel({ model, cachePath })
  t.ok(verification.logits.largest! < 1e-4, 'plain arithmetic has the same wrong weights')
  t.match(judge(model, 'float32', verification).failure, {
    code: 'MODEL_CORRUPT',
    message: /is damaged: golden: within .* against logits of golden\.json/,
  })
})

t.test('golden numbers that are cut short are damage', async t => {
  const model = damaged(t, 'next-clip-mistral', () => {})
  writeFileSync(join(model, 'golden.bin'), readFileSync(join(model, 'golden.bin')).subarray(0, 1000))
  await t.rejects(verifyModel({ model, cachePath }), {
    code: 'MODEL_CORRUPT',
    message: /golden\.bin lacks the pixels that golden\.json tells of/,
  })
})
