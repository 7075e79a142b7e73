import t from 'tap'
import type { KernelRequest, ModelInfo } from '../../kernels/protocol.js'
import { EngineError } from '../../runtime/protocol/error.js'
import type { WorkerPool } from '../../runtime/runner/pool.js'
import { VisionEncoder } from '../../runtime/runner/vision-encoder.js'

type EncodeRequest = Extract<KernelRequest, { op: 'encode' }>

interface Preprocessing {
  readonly name: string
  readonly offset: number
}

/** A pool whose calls end when the test says so. */
class FakePool<Request> {
  readonly calls: { readonly request: Request; readonly end: (error?: EngineError) => void }[] = []

  call(request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = (error?: EngineError): void => (error ? reject(error) : resolve({}))
      this.calls.push({ request, end })
    })
  }

  async end(call: number, error?: EngineError): Promise<void> {
    this.calls[call]!.end(error)
    await new Promise(resolve => setImmediate(resolve))
  }
}

const TILE_SIZE = 2
const TILE_BYTES = 3 * TILE_SIZE ** 2 * 4
const HIDDEN = 5

function makeEncoder(numTiles = 8, maxBatchTiles = 4) {
  const encoding = new FakePool<EncodeRequest>()
  const preprocessing = new FakePool<Preprocessing>()
  const info = { vision: { tileSize: TILE_SIZE }, text: { hiddenSize: HIDDEN }, path: '/m' } as ModelInfo
  const encoder = new VisionEncoder(encoding as unknown as WorkerPool, {
    preprocessing: preprocessing as unknown as WorkerPool,
    info,
    session: { device: 'cpu', binding: 'auto', precision: 'float32', threads: 1, cachePath: '/c' },
    features: new SharedArrayBuffer(1000),
    numTiles,
    maxBatchTiles,
  })
  /** Rows in the order of asking, ten apart. */
  let nextRow = 0
  const ends: string[] = []
  const encode = (name: string, tiles: number): void => {
    const row = 10 * nextRow++
    const preprocess = (_: SharedArrayBuffer, offset: number): Preprocessing => ({ name, offset })
    encoder.encode({ tiles, rowsOf: { gather: [row] }, row, rows: 3, preprocess }).then(
      () => ends.push(name),
      (error: EngineError) => ends.push(`${name}: ${error.code}`),
    )
  }
  /** Offsets into the pixels, in tiles, of the pictures of one run of the tower. */
  const batch = (call: number): number[] =>
    encoding.calls[call]!.request.items.map(item => item.pixels.offset / TILE_BYTES)
  return { encoder, encoding, preprocessing, encode, ends, batch }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('a picture is preprocessed into its tiles, then goes through the tower to its rows', async t => {
  const { encoder, encoding, preprocessing, encode, ends } = makeEncoder()
  encode('a', 2)
  encode('b', 1)
  await turn()
  t.same(
    preprocessing.calls.map(({ request }) => request),
    [
      { name: 'a', offset: 0 },
      { name: 'b', offset: 2 * TILE_BYTES },
    ],
  )
  t.same(encoding.calls, [])
  await preprocessing.end(1)
  t.match(encoding.calls[0]!.request, {
    op: 'encode',
    items: [
      {
        pixels: { region: 'pixels', offset: 2 * TILE_BYTES, shape: [1, 3, TILE_SIZE, TILE_SIZE] },
        gather: [10],
        features: { region: 'features', offset: 10 * HIDDEN * 4, shape: [3, HIDDEN] },
      },
    ],
  })
  t.same(ends, [])
  await encoding.end(0)
  t.same(ends, ['b'], 'the one that was ready first does not wait for the other')
  await preprocessing.end(0)
  await encoding.end(1)
  t.same(ends, ['b', 'a'])
  encoder.checkIntegrity()
})

t.test('pictures that get ready during a run share the next one, in order, up to the most tiles of a run', async t => {
  const { encoder, encoding, preprocessing, encode, ends, batch } = makeEncoder(10, 4)
  for (const [name, tiles] of Object.entries({ a: 1, b: 2, c: 2, d: 3, e: 1 })) encode(name, tiles)
  await turn()
  for (let call = 0; call < 5; call++) await preprocessing.end(call)
  t.same(batch(0), [0])
  await encoding.end(0)
  t.same(batch(1), [1, 3])
  await encoding.end(1)
  t.same(batch(2), [5, 8])
  await encoding.end(2)
  t.same(ends, ['a', 'b', 'c', 'd', 'e'])
  t.equal(encoding.calls.length, 3)
  encoder.checkIntegrity()
})

t.test('a picture larger than a run goes alone', async t => {
  const { encoding, preprocessing, encode, ends, batch } = makeEncoder(9, 4)
  for (const [name, tiles] of Object.entries({ a: 1, b: 6, c: 1 })) encode(name, tiles)
  await turn()
  for (let call = 0; call < 3; call++) await preprocessing.end(call)
  await encoding.end(0)
  t.same(batch(1), [1])
  await encoding.end(1)
  t.same(batch(2), [7])
  await encoding.end(2)
  t.same(ends, ['a', 'b', 'c'])
})

t.test('a picture waits for room among the tiles, and gets it when an earlier one is encoded', async t => {
  const { encoder, encoding, preprocessing, encode, ends } = makeEncoder(2, 4)
  encode('a', 2)
  encode('b', 1)
  await turn()
  t.equal(preprocessing.calls.length, 1)
  t.doesNotThrow(() => encoder.checkIntegrity(), 'an encoder at work may hold tiles')
  await preprocessing.end(0)
  t.equal(preprocessing.calls.length, 1, 'the tower still reads the tiles')
  await encoding.end(0)
  t.same(preprocessing.calls[1]?.request, { name: 'b', offset: 0 })
  await preprocessing.end(1)
  await encoding.end(1)
  t.same(ends, ['a', 'b'])
  encoder.checkIntegrity()
})

t.test(
  'a picture that cannot be read fails alone; a failed run fails its pictures, and the next ones go on',
  async t => {
    const { encoder, encoding, preprocessing, encode, ends } = makeEncoder(8, 4)
    for (const name of ['a', 'b', 'c', 'd']) encode(name, 1)
    await turn()
    await preprocessing.end(0, new EngineError('IMAGE_UNREADABLE', { label: 'a', what: 'it is torn.' }))
    t.same(ends, ['a: IMAGE_UNREADABLE'])
    for (const call of [1, 2, 3]) await preprocessing.end(call)
    await encoding.end(0)
    await encoding.end(1, new EngineError('KERNEL_FAILED', { pool: 'vision', what: 'it broke' }))
    t.same(ends, ['a: IMAGE_UNREADABLE', 'b', 'c: KERNEL_FAILED', 'd: KERNEL_FAILED'])
    encode('e', 8)
    await turn()
    await preprocessing.end(4)
    // The tower is loaded anew, then goes on.
    await encoding.end(2)
    await encoding.end(3)
    t.equal(ends.at(-1), 'e', 'no tile was lost')
    encoder.checkIntegrity()
  },
)

t.test('a picture that can never be staged fails', async t => {
  const { encoder, encode, ends } = makeEncoder(2, 4)
  encode('a', 3)
  await turn()
  t.same(ends, ['a: undefined'])
  encoder.checkIntegrity()
})

t.test('after a failure of the worker itself the tower is loaded anew, once, before the next pictures', async t => {
  const { encoding, preprocessing, encode, ends } = makeEncoder(8, 1)
  for (const name of ['a', 'b', 'c']) encode(name, 1)
  await turn()
  for (const call of [0, 1, 2]) await preprocessing.end(call)
  await encoding.end(0, new EngineError('KERNEL_FAILED', { pool: 'vision', what: 'the thread ended' }))
  t.same(ends, ['a: KERNEL_FAILED'])
  const operations = () => encoding.calls.map(({ request }) => (request as KernelRequest).op)
  t.same(operations(), ['encode', 'load-vision'])
  await encoding.end(1)
  await encoding.end(2)
  await encoding.end(3)
  t.same(operations(), ['encode', 'load-vision', 'encode', 'encode'])
  t.same(ends, ['a: KERNEL_FAILED', 'b', 'c'])
})
