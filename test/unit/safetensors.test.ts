import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { convertFloats, findNonFinite } from '../../kernels/checkpoint/numbers.js'
import { readSafetensorsFile } from '../../kernels/checkpoint/safetensors.js'
import { encodeSafetensors, floats, withHeader, writeSafetensors } from '../support/safetensors.js'

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
