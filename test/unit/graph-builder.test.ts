import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { float, GraphBuilder, MICROSOFT } from '../../kernels/graphs/graph-builder.js'
import { cacheKey, findOrBuild } from '../../kernels/graphs/graph-cache.js'
import { describeModel, prepareDecoder, prepareVision } from '../../kernels/graphs/index.js'
import {
  decodeModel,
  ELEMENT_TYPES,
  EXTERNAL_LOCATION,
  type TensorMessage,
} from '../../kernels/graphs/onnx-messages.js'
import { WeightFile } from '../../kernels/graphs/weight-file.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

t.test('a graph comes out of its bytes as it was put together', async t => {
  const weights = await WeightFile.create(join(t.testdir(), 'weights.bin'))
  t.teardown(() => weights.close())
  const builder = new GraphBuilder('sample', weights)
  const input = builder.input('x', 'float32', ['rows', 4])
  const weight = await builder.weight('w', [4, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8))
  const product = builder.node('MatMul', [input, weight])
  builder.nodeTo(['y'], 'QuickGelu', [product], { domain: MICROSOFT, attributes: { alpha: float(1), sides: [3, -4] } })
  builder.output('y', 'float32', ['rows', 2])
  t.equal(builder.integers([5, -1]), builder.integers([5, -1]), 'equal constants are stored once')

  const model = decodeModel(builder.encode())
  t.same(model.opsetImport, [
    { domain: '', version: 20 },
    { domain: MICROSOFT, version: 1 },
  ])
  const { node, initializer } = model.graph
  t.match(model.graph.input, [
    { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'rows' }, { dimValue: 4 }] } } } },
  ])
  t.same(
    node.map(({ opType, input, output, domain }) => ({ opType, input, output, domain })),
    [
      { opType: 'MatMul', input: ['x', 'w'], output: [product], domain: '' },
      { opType: 'QuickGelu', input: [product], output: ['y'], domain: MICROSOFT },
    ],
  )
  t.match(node[1]!.attribute, [
    { name: 'alpha', type: 1, f: 1 },
    { name: 'sides', type: 7, ints: [3, -4] },
  ])
  const [stored, constant] = initializer as readonly [TensorMessage, TensorMessage]
  t.match(stored, { name: 'w', dims: [4, 2], dataType: ELEMENT_TYPES.float32, dataLocation: EXTERNAL_LOCATION })
  const { rawData } = constant
  t.same([...new BigInt64Array(rawData!.buffer.slice(rawData!.byteOffset, rawData!.byteOffset + 16))], [5n, -1n])
  await t.rejects(builder.weight('short', [3], Float32Array.of(1, 2)), { message: /2 values for the shape \[3\]/ })
})

t.test('weights lie aligned, one after the other', async t => {
  const file = join(t.testdir(), 'weights.bin')
  const weights = await WeightFile.create(file)
  const small = await weights.append(Float32Array.of(1, 2, 3))
  const odd = await weights.append(Uint8Array.of(9))
  const large = await weights.append(new Float32Array(1024).fill(7))
  await weights.close()
  t.same(small, { location: 'weights.bin', offset: 0, length: 12 })
  t.same(odd, { location: 'weights.bin', offset: 64, length: 1 })
  t.same(large, { location: 'weights.bin', offset: 4096, length: 4096 })
  const bytes = readFileSync(file)
  t.equal(bytes.length, 8192)
  t.same([bytes.readFloatLE(8), bytes[64], bytes.readFloatLE(4096), bytes.readFloatLE(8188)], [3, 9, 7, 7])
})

const KEY = cacheKey({ what: 'a test' })

function writer(text: string): (folder: string) => Promise<void> {
  return async folder => writeFileSync(join(folder, 'graph.onnx'), text)
}

function mustNotBuild(): Promise<void> {
  throw new Error('built although the entry is whole')
}

t.test('a graph is built once and found afterwards', async t => {
  const cachePath = join(t.testdir(), 'made', 'on', 'demand')
  const built = await findOrBuild(cachePath, KEY, writer('one'))
  t.equal(built.cached, false)
  const found = await findOrBuild(cachePath, KEY, mustNotBuild)
  t.same(found, { folder: built.folder, cached: true })
  t.equal(readFileSync(join(found.folder, 'graph.onnx'), 'utf8'), 'one')
  t.equal((await findOrBuild(cachePath, cacheKey({ what: 'another' }), writer('two'))).cached, false)
})

t.test('a damaged entry is built anew and removed', async t => {
  const damages: Readonly<Record<string, (folder: string, entry: string) => void>> = {
    'a file cut short': folder => truncateSync(join(folder, 'graph.onnx'), 1),
    'a file gone': folder => renameSync(join(folder, 'graph.onnx'), join(folder, 'elsewhere')),
    'the entry empty': (_, entry) => truncateSync(entry, 0),
    'the entry leads out of the cache': (_, entry) => {
      writeFileSync(entry, JSON.stringify({ folder: '../victim', files: [{ name: 'graph.onnx', size: 1 }] }))
    },
  }
  for (const [name, damage] of Object.entries(damages)) {
    const folder = t.testdir({ victim: { 'graph.onnx': 'x' }, cache: {} })
    const cachePath = join(folder, 'cache')
    const first = await findOrBuild(cachePath, KEY, writer('first'))
    damage(first.folder, join(cachePath, `${KEY}.json`))
    const second = await findOrBuild(cachePath, KEY, writer('second'))
    t.equal(second.cached, false, name)
    t.equal(readFileSync(join(second.folder, 'graph.onnx'), 'utf8'), 'second')
    t.equal((await findOrBuild(cachePath, KEY, mustNotBuild)).folder, second.folder)
    t.equal(readFileSync(join(folder, 'victim', 'graph.onnx'), 'utf8'), 'x')
    const isFound = readdirSync(cachePath).includes(first.folder.slice(cachePath.length + 1))
    t.equal(isFound, name.startsWith('the entry'), 'a folder that an entry names goes with it')
  }
})

t.test('builders at the same time agree on one folder', async t => {
  const cachePath = t.testdir()
  let waiting = 0
  let open: () => void = () => {}
  const all = new Promise<void>(resolve => {
    open = resolve
  })
  const results = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      findOrBuild(cachePath, KEY, async folder => {
        await writer(String(i))(folder)
        if (++waiting === 5) open()
        await all
      }),
    ),
  )
  t.equal(new Set(results.map(result => result.folder)).size, 1)
  t.equal(results.filter(result => !result.cached).length, 1)
  t.equal(readdirSync(cachePath).length, 2, 'the losers left nothing')
})

t.test('processes at the same time agree on one folder', async t => {
  const script = `
    const { prepareDecoder } = await import(process.argv[1])
    const [path, cachePath] = process.argv.slice(2)
    const { graphPath } = await prepareDecoder(path, { precision: 'int8', cachePath, slotCapacity: 64 })
    process.stdout.write(graphPath)`
  const module = new URL('../../kernels/graphs/index.js', import.meta.url).href
  const cachePath = t.testdir()
  const parameters = ['--input-type=module', '-e', script, module, checkpointPath('llava-clip-llama'), cachePath]
  const run = promisify(execFile)
  const results = await Promise.all([1, 2, 3].map(() => run(process.execPath, parameters)))
  const paths = new Set(results.map(result => result.stdout))
  t.equal(paths.size, 1)
  t.ok(existsSync([...paths][0]!))
  t.equal(readdirSync(cachePath).length, 2, 'one entry and its folder')
})

t.test('a failed build leaves nothing, and an abandoned one is cleared away later', async t => {
  const cachePath = t.testdir()
  const abandoned = join(cachePath, 'building-0123456789abcdef')
  mkdirSync(abandoned)
  const failing = async (folder: string): Promise<void> => {
    await writer('half')(folder)
    throw new Error('the weights are damaged')
  }
  await t.rejects(findOrBuild(cachePath, KEY, failing), { message: 'the weights are damaged' })
  t.same(readdirSync(cachePath), ['building-0123456789abcdef'])
  const longAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
  utimesSync(abandoned, longAgo, longAgo)
  await findOrBuild(cachePath, KEY, writer('whole'))
  t.notOk(readdirSync(cachePath).includes('building-0123456789abcdef'))
})

t.test('a cache folder that cannot be written is reported as such', async t => {
  const folder = t.testdir({ file: 'not a folder' })
  await t.rejects(findOrBuild(join(folder, 'file'), KEY, writer('')), {
    code: 'KERNEL_FAILED',
    message: /the folder of built graphs, .*file, cannot be written \(E/,
  })
})

t.test('the decoder has the inputs and outputs that the runner binds', async t => {
  const path = checkpointPath('llava-clip-llama')
  const options = { precision: 'int4', cachePath: t.testdir(), slotCapacity: 100 } as const
  const prepared = await prepareDecoder(path, options)
  const { graph } = decodeModel(readFileSync(prepared.graphPath))
  t.same(
    graph.input.map(value => value.name),
    [
      'embeds',
      'seqlens',
      'total_length',
      'logit_rows',
      ...['past_key_0', 'past_value_0', 'past_key_1', 'past_value_1'],
    ],
  )
  t.same(
    graph.output.map(value => value.name),
    ['logits', 'present_key_0', 'present_value_0', 'present_key_1', 'present_value_1'],
  )
  const products = graph.node.filter(node => node.opType === 'MatMulNBits')
  const bits = products.map(node => node.attribute.find(attribute => attribute.name === 'bits')!.i)
  t.same(bits, [...Array(10).fill(4), 8], 'four bits everywhere but in the head')
  t.equal((await prepareDecoder(path, options)).cached, true)
  t.equal((await prepareDecoder(path, { ...options, slotCapacity: 300 })).cached, true, 'a capacity within the context')
  t.equal((await prepareDecoder(path, { ...options, slotCapacity: 600 })).cached, false, 'one beyond it')
})

t.test('the tower stops at the block whose output is used', async t => {
  const prepared = await prepareVision(checkpointPath('llava-clip-llama'), {
    precision: 'float32',
    cachePath: t.testdir(),
  })
  const { graph } = decodeModel(readFileSync(prepared.graphPath))
  t.equal(graph.node.filter(node => node.opType === 'MultiHeadAttention').length, 2, 'of three blocks')
  t.notOk(graph.initializer.some(tensor => tensor.name.includes('layers.2')))
  t.equal(prepared.newline, null)
})

t.test('embedding rows come out as float32, in order, where they are wanted', async t => {
  const options = { precision: 'float32', cachePath: t.testdir(), slotCapacity: 16 } as const
  const { embeddings } = await prepareDecoder(checkpointPath('llava-clip-llama'), options)
  const all = new Float32Array(264 * 64)
  embeddings.copyRows(
    Array.from({ length: 264 }, (_, id) => id),
    all,
    0,
  )
  const some = new Float32Array(4 * 64)
  embeddings.copyRows(Int32Array.of(7, 263), some, 2)
  t.same(some.subarray(0, 128), new Float32Array(128))
  t.same(some.subarray(128, 192), all.subarray(7 * 64, 8 * 64))
  t.same(some.subarray(192), all.subarray(263 * 64))
  t.throws(() => embeddings.copyRows([264], some, 0), { name: 'RangeError', message: /token 264/ })
  t.throws(() => embeddings.copyRows([-1], some, 0), { name: 'RangeError' })
})

t.test('the summary of a model agrees with the files that are built from it', async t => {
  for (const name of ['llava-clip-llama', 'next-clip-qwen2', 'llava-siglip-qwen2', 'video-clip-llama']) {
    const path = checkpointPath(name)
    const { memory } = await describeModel(path)
    for (const precision of ['float32', 'int8', 'int8x8', 'int4'] as const) {
      const options = { precision, cachePath: t.testdir(), slotCapacity: 64 }
      const decoder = await prepareDecoder(path, options)
      const vision = await prepareVision(path, options)
      const { contextLength, headDim } = decoder.info.text
      const tables = contextLength * headDim * 4
      t.equal(usedBytes(decoder.graphPath) - tables, memory[precision].decoderBytes, `${name}, decoder, ${precision}`)
      const newline = (vision.newline?.length ?? 0) * 4
      // The class row lies in the graph as part of the positions, and stays out of it on its own.
      const classRow = name.includes('clip') ? 32 * 4 : 0
      t.equal(usedBytes(vision.graphPath), memory[precision].visionBytes - newline - classRow, `${name}, vision`)
    }
  }
  const summary = await describeModel(checkpointPath('video-clip-llama'))
  t.match(summary, {
    family: 'llava_next_video',
    layout: 'hugging-face',
    contextLength: 1280,
    tokensPerTile: 16,
    tokensPerFrame: 4,
    kvBytesPerToken: 2 * 2 * 16 * 4,
    parameters: { projector: 2 * (32 * 32 + 32) },
    memory: { int8: { embeddingBytes: 264 * 32 * 2 } },
  })
})

/** Bytes of the weight file that initialisers point to: alignment left out. */
function usedBytes(graphPath: string): number {
  const { initializer } = decodeModel(readFileSync(graphPath)).graph
  const lengths = initializer.flatMap(tensor => tensor.externalData?.filter(({ key }) => key === 'length') ?? [])
  return lengths.reduce((sum, { value }) => sum + Number(value), 0)
}
