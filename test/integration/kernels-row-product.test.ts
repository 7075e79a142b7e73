import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Checkpoint } from '../../kernels/checkpoint/index.js'
import { GraphBuilder } from '../../kernels/graphs/graph-builder.js'
import { addRoundedRows, addRowProduct, quantizeRows } from '../../kernels/graphs/row-product.js'
import { WeightFile } from '../../kernels/graphs/weight-file.js'
import { boundTensor, openSession, type Session } from '../../kernels/ort/index.js'

const INPUTS = 48
const OUTPUTS = 20

/** Numbers from -1 to 1 that look random and are the same each time. */
function wave(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * i * step + i))
}

async function openProduct(folder: string, weights: Float32Array, binding: 'c-api' | 'node'): Promise<Session> {
  const file = await WeightFile.create(join(folder, 'weights.bin'))
  const builder = new GraphBuilder('product', file)
  const checkpoint = { readFloats: async () => weights, shapeOf: () => [OUTPUTS, INPUTS] } as unknown as Checkpoint
  const source = { builder, checkpoint, storage: '8x8' } as const
  const input = builder.input('input', 'float32', ['tiles', 'rows', INPUTS])
  const product = await addRowProduct(source, addRoundedRows(source, input), ['matrix'])
  builder.nodeTo(['output'], 'Identity', [product])
  builder.output('output', 'float32', ['tiles', 'rows', OUTPUTS])
  await file.close()
  const path = join(folder, 'graph.onnx')
  writeFileSync(path, builder.encode())
  return openSession(path, binding, { device: 'cpu', threads: 1, spinUs: 0 })
}

async function multiply(session: Session, values: Float32Array, tiles: number): Promise<Float32Array> {
  const rows = values.length / INPUTS / tiles
  const feed = Float32Array.from(values)
  const result = new Float32Array(tiles * rows * OUTPUTS)
  await session.run(
    { input: boundTensor('float32', [tiles, rows, INPUTS], feed.buffer, 0, false) },
    { output: boundTensor('float32', [tiles, rows, OUTPUTS], result.buffer, 0, false) },
  )
  return result
}

/** The same rounding in plain arithmetic: levels of both sides, multiplied exactly, then both scales. */
function multiplyNaively(values: Float32Array, weights: Float32Array): Float32Array {
  const { levels, scales } = quantizeRows(weights, OUTPUTS, INPUTS)
  const result = new Float32Array((values.length / INPUTS) * OUTPUTS)
  for (let row = 0; row < values.length / INPUTS; row++) {
    const own = values.subarray(row * INPUTS, (row + 1) * INPUTS)
    const scale = Math.fround(Math.max(1e-30, ...own.map(Math.abs)) * Math.fround(1 / 127))
    const rounded = own.map(value => roundHalfToEven(Math.fround(value / scale)))
    for (let output = 0; output < OUTPUTS; output++) {
      const sum = rounded.reduce((total, level, i) => total + level * levels[i * OUTPUTS + output]!, 0)
      result[row * OUTPUTS + output] = sum * scales[output]! * scale
    }
  }
  return result
}

function roundHalfToEven(value: number): number {
  const down = Math.floor(value)
  if (value - down !== 0.5) return Math.round(value)
  return down % 2 === 0 ? down : down + 1
}

for (const binding of ['c-api', 'node'] as const) {
  t.test(`through ${binding}, rounded rows multiply as plain arithmetic says`, async t => {
    const weights = wave(OUTPUTS * INPUTS, 0.37)
    const session = await openProduct(t.testdir({}), weights, binding)
    t.teardown(() => session.close())
    const values = wave(6 * INPUTS, 0.91)
    // Rows of very different size, and one of zeros: each has a scale of its own.
    for (let i = 0; i < INPUTS; i++) {
      values[i]! *= 1000
      values[INPUTS + i]! *= 1e-6
      values[2 * INPUTS + i] = 0
    }
    const [found, expected] = [await multiply(session, values, 2), multiplyNaively(values, weights)]
    for (const [i, value] of expected.entries()) {
      t.ok(Math.abs(found[i]! - value) <= 1e-5 * Math.abs(value), `element ${i}: ${found[i]} for ${value}`)
    }
    t.same(found.subarray(2 * OUTPUTS, 3 * OUTPUTS), new Float32Array(OUTPUTS))
  })
}

t.test('a row comes out the same to the last bit whatever lies beside it', async t => {
  const session = await openProduct(t.testdir({}), wave(OUTPUTS * INPUTS, 0.37), 'c-api')
  t.teardown(() => session.close())
  const values = wave(40 * INPUTS, 0.53).map((value, i) => value * (1 + (i >> 9)))
  const together = await multiply(session, values, 8)
  for (let row = 0; row < 40; row++) {
    const alone = await multiply(session, values.subarray(row * INPUTS, (row + 1) * INPUTS), 1)
    t.same(alone, together.subarray(row * OUTPUTS, (row + 1) * OUTPUTS), `row ${row}`)
  }
})

t.test('no weight moves by more than half a step of its row', async t => {
  const weights = wave(OUTPUTS * INPUTS, 0.11).map((value, i) => value * 10 ** ((i % 7) - 3))
  weights.fill(0, 0, INPUTS)
  const { levels, scales } = quantizeRows(weights, OUTPUTS, INPUTS)
  t.equal(scales[0], 0, 'a row of zeros')
  for (const [i, value] of weights.entries()) {
    const [output, input] = [Math.floor(i / INPUTS), i % INPUTS]
    const restored = levels[input * OUTPUTS + output]! * scales[output]!
    t.ok(Math.abs(restored - value) <= (scales[output]! / 2) * (1 + 1e-5))
  }
})
