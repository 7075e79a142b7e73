import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inspectModel, openCheckpoint } from '../../kernels/checkpoint/index.js'
import { prepareDecoder } from '../../kernels/graphs/index.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { decodeSafetensors, writeSafetensors } from '../support/safetensors.js'

const MODEL = 'llava-clip-llama'

/** A copy of the model with other weights, config or files. */
function variant(
  folder: string,
  edit: (tensors: ReturnType<typeof decodeSafetensors>) => void,
  editConfig: (config: { text_config: Record<string, unknown>; [field: string]: unknown }) => void = () => {},
): string {
  const path = join(folder, 'variant')
  rmSync(path, { recursive: true, force: true })
  cpSync(checkpointPath(MODEL), path, { recursive: true })
  const file = join(path, 'model.safetensors')
  const tensors = decodeSafetensors(readFileSync(file))
  edit(tensors)
  writeSafetensors(file, tensors)
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))
  editConfig(config)
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
  return path
}

t.test('a checkpoint that lacks a tensor, or has one of another shape, is damaged', async t => {
  const folder = t.testdir()
  const missing = variant(folder, tensors => {
    delete tensors['language_model.model.layers.1.mlp.up_proj.weight']
  })
  await t.rejects(inspectModel(missing), {
    code: 'MODEL_CORRUPT',
    message:
      /the tensor language_model\.model\.layers\.1\.mlp\.up_proj\.weight \(or model\.language_model\.layers\.1\.mlp\.up_proj\.weight\) is missing in model\.safetensors\./,
  })
  const shaped = variant(
    folder,
    () => {},
    config => {
      config.text_config.intermediate_size = 128
    },
  )
  await t.rejects(inspectModel(shaped), {
    code: 'MODEL_CORRUPT',
    message: /layers\.0\.mlp\.gate_proj\.weight has the shape \[96, 64\]; the configuration asks for \[128, 64\]/,
  })
  const typed = variant(folder, tensors => {
    tensors['language_model.model.norm.weight'] = { dtype: 'I16', shape: [64], bytes: new Uint8Array(128) }
  })
  await t.rejects(inspectModel(typed), { code: 'MODEL_UNSUPPORTED', message: /norm\.weight is stored as I16; F32/ })
  const doubled = variant(folder, tensors => {
    tensors['lm_head.weight'] = tensors['language_model.lm_head.weight']!
  })
  await t.rejects(inspectModel(doubled), { code: 'MODEL_CORRUPT', message: /lm_head\.weight .*are the same tensor/ })
})

t.test('the unused last block of the tower may be absent', async t => {
  const path = variant(t.testdir(), tensors => {
    for (const name of Object.keys(tensors)) if (name.includes('encoder.layers.2.')) delete tensors[name]
  })
  t.equal((await inspectModel(path)).family, 'llava')
})

t.test('a weight that is no number stops the building and names the tensor', async t => {
  const cases: readonly (readonly [name: string, message: RegExp])[] = [
    ['layers.0.self_attn.k_proj.weight', /layers\.0\.self_attn\.k_proj\.weight holds NaN at element 5/],
    ['embed_tokens.weight', /embedding of token 0 holds NaN at element 5/],
  ]
  for (const [suffix, message] of cases) {
    const path = variant(t.testdir(), tensors => {
      const name = `language_model.model.${suffix}`
      const bytes = Buffer.from(tensors[name]!.bytes)
      bytes.writeUInt16LE(0x7e00, 2 * 5)
      tensors[name] = { ...tensors[name]!, bytes }
    })
    const options = { precision: 'float32', cachePath: join(t.testdirName, 'cache'), slotCapacity: 64 } as const
    await t.rejects(prepareDecoder(path, options), { code: 'MODEL_CORRUPT', data: { path }, message })
    await t.rejects(prepareDecoder(path, options), { code: 'MODEL_CORRUPT' }, 'nothing of it was kept')
  }
})

t.test('what is not a checkpoint is not found, or not supported, for a stated reason', async t => {
  const folder = t.testdir({ file: '', empty: {}, configOnly: { 'config.json': readConfig() } })
  await t.rejects(inspectModel(join(folder, 'absent')), { code: 'MODEL_NOT_FOUND', message: /nothing is there/ })
  await t.rejects(inspectModel(join(folder, 'file')), { code: 'MODEL_NOT_FOUND', message: /not a folder/ })
  await t.rejects(inspectModel(join(folder, 'empty')), { code: 'MODEL_NOT_FOUND', message: /no config\.json/ })
  const configOnly = join(folder, 'configOnly')
  await t.rejects(inspectModel(configOnly), { code: 'MODEL_NOT_FOUND', message: /neither model\.safetensors nor/ })
  writeFileSync(join(configOnly, 'pytorch_model.bin'), '')
  await t.rejects(inspectModel(configOnly), { code: 'MODEL_UNSUPPORTED', message: /pytorch_model\.bin/ })
  writeFileSync(join(configOnly, 'config.json'), '{"model_type": ')
  await t.rejects(inspectModel(configOnly), { code: 'MODEL_CORRUPT', message: /config\.json is not JSON/ })
})

function readConfig(): string {
  return readFileSync(join(checkpointPath(MODEL), 'config.json'), 'utf8')
}

/** The model in two files with an index. */
function shard(folder: string, edit: (map: Record<string, unknown>) => void): string {
  const path = join(folder, 'sharded')
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  writeFileSync(join(path, 'config.json'), readConfig())
  const tensors = Object.entries(decodeSafetensors(readFileSync(join(checkpointPath(MODEL), 'model.safetensors'))))
  const map: Record<string, unknown> = {}
  for (const half of [0, 1]) {
    const file = `model-0000${half + 1}-of-00002.safetensors`
    const part = tensors.filter((_, i) => i % 2 === half)
    writeSafetensors(join(path, file), Object.fromEntries(part))
    for (const [name] of part) map[name] = file
  }
  edit(map)
  writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  return path
}

t.test('several files with an index are one checkpoint', async t => {
  const folder = t.testdir()
  const whole = await openCheckpoint(checkpointPath(MODEL))
  const sharded = await openCheckpoint(shard(folder, () => {}))
  for (const name of ['text.embed_tokens.weight', 'text.layers.1.mlp.up_proj.weight', 'projector.1.bias']) {
    t.same(await sharded.readFloats(name), await whole.readFloats(name), name)
  }
  const away = shard(folder, map => {
    map['language_model.lm_head.weight'] = '../../secret.safetensors'
  })
  await t.rejects(inspectModel(away), { code: 'MODEL_CORRUPT', message: /lies in "\.\.\/\.\.\/secret\.safetensors"/ })
  const absent = shard(folder, map => {
    map['language_model.lm_head.weight'] = 'model-3.safetensors'
  })
  await t.rejects(inspectModel(absent), { code: 'MODEL_CORRUPT', message: /model-3\.safetensors is listed/ })
  const elsewhere = shard(folder, map => {
    map.phantom = 'model-00001-of-00002.safetensors'
  })
  await t.rejects(inspectModel(elsewhere), { code: 'MODEL_CORRUPT', message: /phantom is listed and is not in/ })
})

t.test('the fingerprint follows configuration and weights, not the folder', async t => {
  const folder = t.testdir()
  const original = (await inspectModel(checkpointPath(MODEL))).fingerprint
  t.match(original, /^[0-9a-f]{32}$/)
  const copy = join(folder, 'copy')
  cpSync(checkpointPath(MODEL), copy, { recursive: true })
  t.equal((await inspectModel(copy)).fingerprint, original)
  const reweighted = variant(folder, tensors => {
    const bytes = Buffer.from(tensors['language_model.model.norm.weight']!.bytes)
    bytes[100]! ^= 1
    tensors['language_model.model.norm.weight'] = { ...tensors['language_model.model.norm.weight']!, bytes }
  })
  t.not((await inspectModel(reweighted)).fingerprint, original)
  const reconfigured = variant(
    folder,
    () => {},
    config => {
      config.text_config.rope_theta = 20000
    },
  )
  t.not((await inspectModel(reconfigured)).fingerprint, original)
})

t.test('a file that shrinks after it was opened is reported, not read past', async t => {
  const path = variant(t.testdir(), () => {})
  const checkpoint = await openCheckpoint(path)
  truncateSync(join(path, 'model.safetensors'), 20000)
  await t.rejects(checkpoint.readFloats('head.weight'), { code: 'MODEL_CORRUPT', message: /ends inside/ })
})
