import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { inspectModel, openCheckpoint } from '../../kernels/checkpoint/index.js'
import { convertFloats, findNonFinite } from '../../kernels/checkpoint/numbers.js'
import { readSafetensorsFile } from '../../kernels/checkpoint/safetensors.js'
import { prepareDecoder } from '../../kernels/graphs/index.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { decodeSafetensors, encodeSafetensors, floats, withHeader, writeSafetensors } from '../support/safetensors.js'

const MODEL = 'llava-clip-llama'

const PAIR = {
  a: { dtype: 'F32', shape: [2], bytes: floats([1, 2]) },
  b: { dtype: 'F32', shape: [1, 3], bytes: floats([3, 4, 5]) },
}

function header(entry: unknown): string {
  return JSON.stringify({ a: entry })
}

t.test('a header is read as it was written', async t => {
  const file = join(t.testdir(), 'model.safetensors')
  writeSafetensors(file, PAIR)
  const { tensors, size } = await readSafetensorsFile(t.testdirName, file)
  t.same(
    tensors.map(({ name, type, shape, length }) => ({ name, type, shape, length })),
    [
      { name: 'a', type: 'F32', shape: [2], length: 8 },
      { name: 'b', type: 'F32', shape: [1, 3], length: 12 },
    ],
  )
  t.equal(size, readFileSync(file).length)
})

t.test('damaged files are refused with the reason', async t => {
  const eight = floats([1, 2])
  const cases: readonly { readonly name: string; readonly bytes: Buffer; readonly what: RegExp }[] = [
    { name: 'empty', bytes: Buffer.alloc(0), what: /0 bytes are left/ },
    { name: 'short prefix', bytes: Buffer.alloc(5), what: /5 bytes are left/ },
    {
      name: 'header beyond the file',
      bytes: withHeader('{}', eight).subarray(0, 9),
      what: /claims 2 bytes and the file ends after 1/,
    },
    {
      name: 'huge header',
      bytes: Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), eight]),
      what: /claims 9223372036854775807 bytes; at most 100000000/,
    },
    { name: 'not JSON', bytes: withHeader('{"a":', eight), what: /not JSON/ },
    { name: 'a list', bytes: withHeader('[]', eight), what: /not a JSON object/ },
    { name: 'entry no object', bytes: withHeader(header(3), eight), what: /entry of a is not an object/ },
    {
      name: 'unknown type',
      bytes: withHeader(header({ dtype: 'F31', shape: [2], data_offsets: [0, 8] }), eight),
      what: /a has the type "F31"/,
    },
    {
      name: 'inherited type name',
      bytes: withHeader(header({ dtype: 'constructor', shape: [2], data_offsets: [0, 8] }), eight),
      what: /a has the type "constructor"/,
    },
    {
      name: 'negative size',
      bytes: withHeader(header({ dtype: 'F32', shape: [-2], data_offsets: [0, 8] }), eight),
      what: /shape \[-2\]/,
    },
    {
      name: 'size beyond whole numbers',
      bytes: withHeader(header({ dtype: 'F32', shape: [2 ** 60], data_offsets: [0, 8] }), eight),
      what: /shape \[1152921504606847000\]/,
    },
    {
      name: 'size and bytes disagree',
      bytes: withHeader(header({ dtype: 'F16', shape: [2], data_offsets: [0, 8] }), eight),
      what: /a takes 8 bytes; F16 of shape \[2\] needs 4/,
    },
    {
      name: 'descending offsets',
      bytes: withHeader(header({ dtype: 'F32', shape: [2], data_offsets: [8, 0] }), eight),
      what: /offsets \[8,0\]/,
    },
    {
      name: 'three offsets',
      bytes: withHeader(header({ dtype: 'F32', shape: [2], data_offsets: [0, 8, 8] }), eight),
      what: /offsets \[0,8,8\]/,
    },
    {
      name: 'cut short',
      bytes: encodeSafetensors(PAIR).subarray(0, -4),
      what: /b ends 4 bytes after the end of the file/,
    },
    {
      name: 'overlap',
      bytes: encodeSafetensors(PAIR, header => {
        header.b!.data_offsets = [4, 16]
      }),
      what: /b overlaps a/,
    },
    {
      name: 'hole',
      bytes: encodeSafetensors({ ...PAIR, c: PAIR.a }, header => {
        delete header.b
      }),
      what: /12 bytes between a and c have no owner/,
    },
    { name: 'trailing bytes', bytes: Buffer.concat([encodeSafetensors(PAIR), eight]), what: /8 bytes after b/ },
  ]
  const folder = t.testdir()
  for (const { name, bytes, what } of cases) {
    const file = join(folder, 'model.safetensors')
    writeFileSync(file, bytes)
    await t.rejects(
      readSafetensorsFile(folder, file),
      { name: 'KernelFailure', code: 'MODEL_CORRUPT', data: { path: folder }, message: what },
      name,
    )
  }
})

t.test('whatever the bytes, a file is read or refused as damaged', async t => {
  const file = join(t.testdir(), 'model.safetensors')
  const good = encodeSafetensors(PAIR)
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (place, byte, length) => {
      const bytes = Buffer.from(good)
      bytes[place] = byte
      writeFileSync(file, bytes.subarray(0, length))
      const outcome = await readSafetensorsFile(t.testdirName, file).then(
        read => (read.tensors.every(tensor => tensor.offset + tensor.length <= length) ? 'read' : 'out of bounds'),
        error => error.code,
      )
      return outcome === 'read' || outcome === 'MODEL_CORRUPT'
    }),
    { numRuns: 300, seed: 7 },
  )
  t.pass('300 damaged files')
})

t.test('half and bfloat16 numbers become the float32 they stand for', t => {
  const half = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00, 0x7e00).buffer)
  const values = new Float32Array(7)
  convertFloats('F16', half, 0, 7, values, 0)
  t.same([...values.subarray(0, 4)], [1, -2, 2 ** -24, 65504])
  t.ok(Object.is(values[4], -0))
  t.equal(values[5], Number.POSITIVE_INFINITY)
  t.ok(Number.isNaN(values[6]))
  const brain = new Uint8Array(Uint16Array.of(0x3f80, 0xc040, 0x7f80).buffer)
  const target = new Float32Array(4)
  convertFloats('BF16', brain, 1, 2, target, 2)
  t.same([...target], [0, 0, -3, Number.POSITIVE_INFINITY])
  t.end()
})

t.test('the first value that is not finite is found wherever it stands', t => {
  fc.assert(
    fc.property(
      fc.nat(9000),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      (at, bad) => {
        const values = new Float32Array(9001).fill(3e38)
        if (findNonFinite(values) !== -1) return false
        values[at] = bad
        return findNonFinite(values) === at
      },
    ),
    { numRuns: 50, seed: 3 },
  )
  t.end()
})

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
    message: /the tensor text\.layers\.1\.mlp\.up_proj\.weight .* is missing/,
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
  const path = variant(t.testdir(), tensors => {
    const name = 'language_model.model.layers.0.self_attn.k_proj.weight'
    const bytes = Buffer.from(tensors[name]!.bytes)
    bytes.writeUInt16LE(0x7e00, 2 * 5)
    tensors[name] = { ...tensors[name]!, bytes }
  })
  const options = { precision: 'float32', cachePath: join(t.testdirName, 'cache'), slotCapacity: 64 } as const
  await t.rejects(prepareDecoder(path, options), {
    code: 'MODEL_CORRUPT',
    message: /layers\.0\.self_attn\.k_proj\.weight holds NaN at element 5/,
  })
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
