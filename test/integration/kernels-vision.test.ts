import t from 'tap'
import { openSession } from '../../kernels/ort/index.js'
import type { EncodeItem, TensorHandle } from '../../kernels/protocol.js'
import { VisionRunner } from '../../kernels/vision-runner.js'
import { waves, writeTinyTower } from '../support/tiny-graphs.js'

/** Of the tiny tower: feature row p of a tile is its pixel p, so what should come out can be read off the pixels. */
const TILE = { tileSize: 2, featuresPerTile: 4, hiddenSize: 3 }
const TILE_BYTES = 3 * 2 * 2 * 4
const ROW_BYTES = TILE.hiddenSize * 4

const graphPath = await writeTinyTower(t.testdir())
const newline = Float32Array.of(100, 200, 300)

for (const binding of ['c-api', 'node'] as const) {
  t.test(`${binding}: pictures of several tiles are encoded together and laid out as each asks`, async t => {
    const { runner, pixels, features } = await openRunner(binding, 8, 64)
    pixels.set(waves(pixels.length, 1, 1))
    const items: EncodeItem[] = [
      { pixels: tiles(5, 2), gather: null, features: rows(40, 8) },
      { pixels: tiles(0, 1), gather: [3, -1, 0, 3], features: rows(1, 4) },
      { pixels: tiles(2, 3), gather: [11, -1, 4], features: rows(20, 3) },
    ]
    t.equal(await runner.encode(items), 6)
    const expected = new Float32Array(features.length)
    for (const { pixels: handle, gather, features: target } of items) {
      const all = Array.from({ length: handle.shape[0]! * 4 }, (_, row) => row)
      ;(gather ?? all).forEach((row, i) => {
        const first = handle.offset / 4 + Math.floor(row / 4) * 12 + (row % 4)
        const source = row === -1 ? newline : [0, 4, 8].map(channel => pixels[first + channel]!)
        expected.set(source, target.offset / 4 + i * 3)
      })
    }
    t.same(features, expected, 'and nothing else is written')
    runner.checkIntegrity()
    await runner.close()
  })
}

t.test('more tiles than go into one run give the same rows', async t => {
  const { runner, pixels, features } = await openRunner('c-api', 2500, 10_000)
  pixels.set(waves(pixels.length, 2, 1))
  t.equal(await runner.encode([{ pixels: tiles(0, 2500), gather: null, features: rows(0, 10_000) }]), 2500)
  const wrong = features.findIndex((value, i) => {
    const [row, channel] = [Math.floor(i / 3), i % 3]
    return value !== pixels[Math.floor(row / 4) * 12 + channel * 4 + (row % 4)]
  })
  t.equal(wrong, -1)
  await runner.close()
})

t.test('an item that does not fit is refused before anything is written', async t => {
  const { runner, features } = await openRunner('c-api', 4, 16, null)
  const good: EncodeItem = { pixels: tiles(0, 1), gather: null, features: rows(0, 4) }
  const refuse = (item: Partial<EncodeItem>, message: RegExp): Promise<unknown> =>
    t.rejects(runner.encode([good, { ...good, ...item }]), { name: 'RangeError', message })
  await refuse({ pixels: { ...tiles(0, 1), shape: [1, 3, 2, 3] } }, /expected \[tiles, 3, 2, 2\]/)
  await refuse({ pixels: tiles(4, 1) }, /pixels \[1,3,2,2\] at byte 192 lie outside the region/)
  await refuse({ features: rows(0, 5) }, /features \[5,3\]; expected \[4, 3\]/)
  await refuse({ features: rows(13, 4) }, /features \[4,3\] at byte 156 lie outside the region/)
  await refuse({ gather: [0, 4], features: rows(0, 2) }, /row 4 of a picture of 4 rows/)
  await refuse({ gather: [0, -1], features: rows(0, 2) }, /no image_newline/)
  t.ok(features.every(value => value === 0))
  await runner.close()
})

async function openRunner(
  binding: 'c-api' | 'node',
  numTiles: number,
  numRows: number,
  newlineVector: Float32Array | null = newline,
): Promise<{ runner: VisionRunner; pixels: Float32Array; features: Float32Array }> {
  const session = await openSession(graphPath, binding, { device: 'cpu', threads: 1, spinUs: 0 })
  const memory = {
    pixels: new SharedArrayBuffer(numTiles * TILE_BYTES),
    features: new SharedArrayBuffer(numRows * ROW_BYTES),
  }
  const runner = new VisionRunner({ session, ...TILE, newline: newlineVector, memory })
  return { runner, pixels: new Float32Array(memory.pixels), features: new Float32Array(memory.features) }
}

function tiles(first: number, count: number): TensorHandle {
  const shape = [count, 3, 2, 2]
  return { device: 'cpu', region: 'pixels', offset: first * TILE_BYTES, type: 'float32', shape }
}

function rows(first: number, count: number): TensorHandle {
  const shape = [count, TILE.hiddenSize]
  return { device: 'cpu', region: 'features', offset: first * ROW_BYTES, type: 'float32', shape }
}
