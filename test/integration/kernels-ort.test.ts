import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KernelFailure } from '../../kernels/failure.js'
import { type BoundTensor, openSession, type SessionSettings } from '../../kernels/ort/index.js'
import { writeGraph, writeTinyDecoder, writeTinyTower } from '../support/tiny-graphs.js'

const settings: SessionSettings = { device: 'cpu', threads: 1, spinUs: 0 }
const folder = t.testdir()
const tower = await writeTinyTower(folder)
const corrupt = join(folder, 'corrupt.onnx')
writeFileSync(corrupt, 'these are no bytes of a model')

for (const binding of ['c-api', 'node'] as const) {
  t.test(`${binding}: feeds are read and fetches written where they lie`, async t => {
    for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
      const session = await openSession(tower, binding, settings)
      t.equal(session.binding, binding)
      t.same([session.inputNames, session.outputNames], [['pixels'], ['features']])
      const buffer = new Memory(1024)
      const elements = new Float32Array(buffer)
      for (let i = 0; i < 24; i++) elements[16 + i] = i
      const pixels = floats([2, 3, 2, 2], buffer, 64)
      await session.run({ pixels }, { features: floats([2, 4, 3], buffer, 512) })
      const first = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
      t.same(Array.from(elements.subarray(128, 152)), [...first, ...first.map(value => value + 12)])
      t.ok(
        elements.subarray(152).every(value => value === 0),
        'nothing is written behind the fetch',
      )
      session.checkIntegrity()
      await session.close()
    }
  })

  t.test(`${binding}: a run that cannot be is refused with the reason, and the next one works`, async t => {
    const session = await openSession(tower, binding, settings)
    const buffer = new ArrayBuffer(48)
    const pixels = floats([1, 3, 2, 2], buffer, 0)
    const features = floats([1, 4, 3], new ArrayBuffer(48), 0)
    const refused = { name: 'KernelFailure', code: 'KERNEL_FAILED' }
    await t.rejects(session.run({}, { features }), { ...refused, message: /nothing is bound to "pixels"/ })
    await t.rejects(session.run({ pixels }, {}), { ...refused, message: /nothing is bound to "features"/ })
    const large = floats([2, 3, 2, 2], buffer, 0)
    await t.rejects(session.run({ pixels: large }, { features }), { ...refused, message: /does not fit its memory/ })
    const misplaced = floats([1, 3, 2, 2], buffer, 2)
    await t.rejects(session.run({ pixels: misplaced }, { features }), {
      ...refused,
      message: /does not fit its memory/,
    })
    const flat = floats([12], buffer, 0)
    await t.rejects(session.run({ pixels: flat }, { features }), { ...refused, message: /pixels|rank/i })
    const narrow = floats([1, 4, 2], new ArrayBuffer(48), 0)
    await t.rejects(session.run({ pixels }, { features: narrow }), { ...refused, message: /shape|dimensions/i })
    session.checkIntegrity()
    await session.run({ pixels }, { features })
    await session.close()
    await session.close()
    await t.rejects(session.run({ pixels }, { features }), { ...refused, message: 'the session is closed' })
  })

  t.test(`${binding}: a graph that cannot be loaded says why`, async t => {
    const missing = join(folder, 'nowhere.onnx')
    await t.rejects(openSession(missing, binding, settings), { code: 'MODEL_NOT_FOUND', data: { path: missing } })
    await t.rejects(openSession(corrupt, binding, settings), { code: 'MODEL_CORRUPT', data: { path: corrupt } })
    const unknown = await writeGraph(t.testdir(), 'unknown', async builder => {
      builder.nodeTo(['output'], 'NoSuchOperator', [builder.input('input', 'float32', [1])])
      builder.output('output', 'float32', [1])
    })
    await t.rejects(openSession(unknown, binding, settings), { code: 'MODEL_CORRUPT', message: /NoSuchOperator/ })
  })
}

t.test('tensors that are kept stay few whatever the number of shapes', async t => {
  const session = await openSession(tower, 'c-api', settings)
  const buffer = new ArrayBuffer(96)
  new Float32Array(buffer).fill(1, 0, 12)
  const features = { ...floats([1, 4, 3], buffer, 48), kept: true }
  for (let i = 0; i < 20_000; i++)
    await session.run({ pixels: { ...floats([1, 3, 2, 2], buffer, 0), kept: true } }, { features })
  session.checkIntegrity()
  t.same(
    Array.from(new Float32Array(buffer)),
    Array.from({ length: 24 }, () => 1),
  )
  await session.close()
})

t.test('the binding is chosen by device and reach', async t => {
  const session = await openSession(tower, 'auto', settings)
  t.equal(session.binding, 'c-api')
  await session.close()
  const webgpu = openSession(tower, 'c-api', { ...settings, device: 'webgpu' })
  await t.rejects(webgpu, { code: 'KERNEL_FAILED', message: /serves the device "cpu", not "webgpu"/ })
})

t.test('many sessions of one graph live and die beside each other', async t => {
  const { graphPath } = await writeTinyDecoder(t.testdir())
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(graphPath, 'c-api', settings)))
  t.ok(sessions.every(session => session.inputNames.length === 8))
  for (const session of sessions) await session.close()
})

t.test('a failure keeps its cause', async t => {
  const error = await openSession(corrupt, 'c-api', settings).catch((error: unknown) => error)
  t.ok(error instanceof KernelFailure)
  t.match((error as KernelFailure).cause, { ortCode: 7 })
})

function floats(shape: readonly number[], buffer: ArrayBuffer | SharedArrayBuffer, byteOffset: number): BoundTensor {
  return { type: 'float32', shape, buffer, byteOffset, kept: false }
}
