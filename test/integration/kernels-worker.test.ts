import { join } from 'node:path'
import { Piscina } from 'piscina'
import t, { type Test } from 'tap'
import {
  controlBytes,
  EMPTY_PLAN,
  pageBytesPerLayer,
  type StepPlan,
  slotBytesPerLayer,
  writePlan,
} from '../../kernels/layout.js'
import type {
  DecoderGeometry,
  KernelReply,
  KernelRequest,
  ModelInfo,
  ReplyOf,
  SessionOptions,
} from '../../kernels/protocol.js'
import { repositoryRoot } from '../support/paths.js'
import { waves } from '../support/tiny-graphs.js'

const path = join(repositoryRoot(), 'models', 'pocket-v0')
const cachePath = t.testdir()
const session: SessionOptions = { device: 'cpu', binding: 'auto', precision: 'float32', threads: 1, cachePath }
const geometry: DecoderGeometry = {
  numSlots: 3,
  slotCapacity: 64,
  numPages: 2,
  pageSize: 16,
  maxChunk: 32,
  maxLogitRows: 8,
}

const greedy = { vocabularySize: 259, forbidden: [4] }
const filename = new URL('../../kernels/worker.js', import.meta.url).href
const pool = new Piscina<KernelRequest, KernelReply>({ filename, minThreads: 1, maxThreads: 1 })
t.teardown(() => pool.destroy())

t.test('requests come back as replies of their own kind, failures as data', async t => {
  const early = await pool.run({ op: 'step' })
  t.match(early, {
    ok: false,
    error: { code: 'KERNEL_FAILED', data: { pool: 'decoder', what: 'nothing is loaded; "load-decoder" comes first' } },
  })
  const missing = await pool.run({ op: 'inspect', path: join(path, 'nowhere') })
  t.match(missing, { ok: false, error: { code: 'MODEL_NOT_FOUND', data: { path: join(path, 'nowhere') } } })
  const unknown = await pool.run({ op: 'dance' } as unknown as KernelRequest)
  t.match(unknown, { ok: false, error: { code: 'KERNEL_FAILED', message: 'unknown request "dance"' } })
  t.same(await pool.run({ op: 'release' }), { ok: true, value: null }, 'with nothing loaded too')
})

t.test('a decoder answers alike alone, in a batch, after a move and from pages', async t => {
  const info = (await request({ op: 'inspect', path })) as ModelInfo
  const memory = decoderMemory(info)
  const load: KernelRequest = { op: 'load-decoder', path, session, geometry, memory, greedy }
  t.match(await request(load), { binding: 'c-api', cached: false })
  const { vocabRows } = info.text
  const logits = new Float32Array(memory.logits)
  const row = (index: number): number[] => Array.from(logits.subarray(index * vocabRows, (index + 1) * vocabRows))
  const step = async (plan: Partial<StepPlan>): Promise<void> => {
    writePlan(new Int32Array(memory.control), { ...EMPTY_PLAN, ...plan })
    t.match(await request({ op: 'step' }), { forwardMs: Number })
  }
  const ids = Array.from({ length: 20 }, (_, i) => 10 + 7 * i)
  const tokens = (from: number, to: number) => [{ kind: 'tokens' as const, ids: ids.slice(from, to) }]

  await step({ prefills: [{ slot: 0, start: 0, segments: tokens(0, 20), logitRows: [18, 19] }] })
  const [before, last] = [row(0), row(1)]
  t.ok(last.every(Number.isFinite) && new Set(last).size > vocabRows / 2, 'real numbers come out')

  await step({
    prefills: [
      { slot: 1, start: 0, segments: tokens(0, 16), logitRows: [] },
      { slot: 1, start: 16, segments: tokens(16, 19), logitRows: [2] },
      { slot: 2, start: 0, segments: tokens(3, 9), logitRows: [] },
    ],
  })
  close(t, row(0), before, 'in chunks')
  await step({ decode: { firstSlot: 0, tokenIds: [1, ids[19]!, 2], lengths: [20, 19, 6], steps: 1 } })
  close(t, row(1), last, 'one token in a batch of three')
  await step({
    stores: [{ slot: 1, position: 0, page: 1 }],
    moves: [{ from: 1, to: 0, length: 19 }],
    loads: [{ page: 1, slot: 2, position: 0 }],
    prefills: [{ slot: 2, start: 16, segments: tokens(16, 20), logitRows: [3] }],
    decode: { firstSlot: 0, tokenIds: [ids[19]!], lengths: [19], steps: 1 },
  })
  close(t, row(0), last, 'from a page')
  close(t, row(1), last, 'after a move')

  t.match(await request(load), { cached: true }, 'loading again replaces what was loaded')
  await request({ op: 'release' })
  t.match(await pool.run({ op: 'step' }), { ok: false })
})

t.test('both bindings give the same numbers for the same model', async t => {
  const info = (await request({ op: 'inspect', path })) as ModelInfo
  const memory = decoderMemory(info)
  const results: number[][] = []
  for (const binding of ['c-api', 'node'] as const) {
    const load: KernelRequest = { op: 'load-decoder', path, session: { ...session, binding }, geometry, memory, greedy }
    t.match(await request(load), { binding })
    const segments = [{ kind: 'tokens' as const, ids: [1, 50, 60, 70] }]
    const prefills = [{ slot: 1, start: 0, segments, logitRows: [3] }]
    const decode = { firstSlot: 1, tokenIds: [80, 90], lengths: [4, 0], steps: 1 }
    writePlan(new Int32Array(memory.control), { ...EMPTY_PLAN, prefills, decode })
    await request({ op: 'step' })
    results.push(Array.from(new Float32Array(memory.logits, 0, 3 * info.text.vocabRows)))
    new Float32Array(memory.logits).fill(0)
  }
  t.same(results[0], results[1], 'bit for bit: the library is one')
  await request({ op: 'release' })
})

t.test('the vision tower encodes what lies in shared memory', async t => {
  const info = (await request({ op: 'inspect', path })) as ModelInfo
  const { tileSize, featuresPerTile } = info.vision
  const { hiddenSize } = info.text
  const tileElements = 3 * tileSize * tileSize
  const memory = {
    pixels: new SharedArrayBuffer(2 * tileElements * 4),
    features: new SharedArrayBuffer(3 * featuresPerTile * hiddenSize * 4),
  }
  t.match(await request({ op: 'load-vision', path, session, memory }), { cached: false })
  new Float32Array(memory.pixels).set(waves(2 * tileElements, 3, 1))
  const item = (tile: number, tiles: number, row: number): KernelRequest & { op: 'encode' } => ({
    op: 'encode',
    items: [
      {
        pixels: handle('pixels', tile * tileElements, [tiles, 3, tileSize, tileSize]),
        gather: null,
        features: handle('features', row * hiddenSize, [tiles * featuresPerTile, hiddenSize]),
      },
    ],
  })
  t.match(await request(item(0, 2, 0)), { tiles: 2, encodeMs: Number })
  await request(item(1, 1, 2 * featuresPerTile))
  const features = new Float32Array(memory.features)
  const size = featuresPerTile * hiddenSize
  const part = (index: number): number[] => Array.from(features.subarray(index * size, (index + 1) * size))
  close(t, part(2), part(1), 'a tile alone and beside another')
  const [first, second] = [part(0), part(1)]
  t.ok(first.filter((value, i) => value !== second[i]).length > size / 2, 'different tiles give different features')
  t.match(await pool.run({ op: 'encode', items: [] }), { ok: true, value: { tiles: 0 } })
  await request({ op: 'release' })
})

t.test('a decoder that cannot be loaded leaves nothing loaded', async t => {
  const nowhere = join(cachePath, 'no-model')
  const info = (await request({ op: 'inspect', path })) as ModelInfo
  const load = { op: 'load-decoder' as const, path: nowhere, session, geometry, greedy, memory: decoderMemory(info) }
  t.match(await pool.run(load), { ok: false, error: { code: 'MODEL_NOT_FOUND', data: { path: nowhere } } })
  t.match(await pool.run({ op: 'step' }), { ok: false, error: { code: 'KERNEL_FAILED' } })
  const short: KernelRequest = { ...load, path, memory: { ...load.memory, logits: new SharedArrayBuffer(8) } }
  t.match(await pool.run(short), { ok: false, error: { message: 'logits region of 8 bytes for 8 rows' } })
  t.match(await pool.run({ op: 'step' }), { ok: false, error: { code: 'KERNEL_FAILED' } })
})

async function request<Request extends KernelRequest>(message: Request): Promise<ReplyOf<Request['op']>> {
  const reply = await pool.run(message)
  if (!reply.ok) throw new Error(`${reply.error.code}: ${reply.error.message}`)
  return reply.value as ReplyOf<Request['op']>
}

function decoderMemory(info: ModelInfo): Extract<KernelRequest, { op: 'load-decoder' }>['memory'] {
  const { numSlots, slotCapacity, numPages, pageSize, maxLogitRows } = geometry
  return {
    control: new SharedArrayBuffer(controlBytes({ ...geometry, maxPrefills: 4 })),
    logits: new SharedArrayBuffer(maxLogitRows * info.text.vocabRows * 4),
    features: new SharedArrayBuffer(info.text.hiddenSize * 4),
    kv: Array.from({ length: info.text.numLayers }, () => ({
      slots: new SharedArrayBuffer(slotBytesPerLayer(info.text, numSlots, slotCapacity)),
      pages: new SharedArrayBuffer(pageBytesPerLayer(info.text, numPages, pageSize)),
    })),
  }
}

function handle(region: 'pixels' | 'features', element: number, shape: number[]) {
  return { device: 'cpu', region, offset: element * 4, type: 'float32', shape } as const
}

/** Sums of float32 run in another order in another shape; 1e-3 is far below the gap between neighbouring logits. */
function close(t: Test, actual: number[], expected: number[], message: string): void {
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))
  t.ok(worst < 1e-3, `${message}: the largest difference is ${worst}`)
}
