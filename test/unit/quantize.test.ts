import fc from 'fast-check'
import t from 'tap'
import { type Bits, BLOCK, canQuantize, type QuantizedMatrix, quantizeMatrix } from '../../kernels/graphs/quantize.js'

const LEVELS = { 4: 8, 8: 127 } as const

/** What a quantised matrix stands for. */
function dequantizeMatrix({ data, scales }: QuantizedMatrix, bits: Bits): Float32Array {
  return Float32Array.from({ length: (data.length * 8) / bits }, (_, i) => {
    const level = bits === 8 ? data[i]! - 128 : ((data[i >> 1]! >> (4 * (i & 1))) & 15) - 8
    return level * scales[Math.floor(i / BLOCK)]!
  })
}

function blocks(): fc.Arbitrary<Float32Array> {
  return fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), {
      minLength: 2 * BLOCK,
      maxLength: 2 * BLOCK,
    })
    .map(values => Float32Array.from(values))
}

for (const bits of [4, 8] as const satisfies readonly Bits[]) {
  t.test(`${bits} bits: no value moves by more than its block's step allows`, t => {
    fc.assert(
      fc.property(blocks(), values => {
        const matrix = quantizeMatrix(values, bits)
        const restored = dequantizeMatrix(matrix, bits)
        return values.every((value, i) => {
          const step = Math.abs(matrix.scales[Math.floor(i / BLOCK)]!)
          // With 16 levels the far side ends at 7 steps: a value of +8 steps falls back by a whole one.
          const most = bits === 4 ? step : step / 2
          return Math.abs(restored[i]! - value) <= most * (1 + 1e-5) + 1e-30
        })
      }),
      { numRuns: 200, seed: 5 },
    )
    t.end()
  })

  t.test(`${bits} bits: whole multiples of the step come back exactly`, t => {
    const top = LEVELS[bits]
    const values = Float32Array.from({ length: BLOCK }, (_, i) => (i === 0 ? -top : (i % (2 * top)) - top) * 0.25)
    t.same(dequantizeMatrix(quantizeMatrix(values, bits), bits), values)
    t.end()
  })

  t.test(`${bits} bits: a block of zeros stays zeros`, t => {
    const { data, scales } = quantizeMatrix(new Float32Array(BLOCK), bits)
    t.same([...scales], [0])
    t.ok(data.every(byte => byte === (bits === 8 ? 128 : 0x88)))
    t.end()
  })
}

t.test('two 4-bit levels share a byte, the earlier in its low half', t => {
  const values = new Float32Array(BLOCK)
  values[0] = -8
  values[1] = 3
  const { data, scales } = quantizeMatrix(values, 4)
  t.equal(scales[0], 1)
  t.equal(data[0], 0 | (11 << 4))
  t.end()
})

t.test('only widths of whole blocks are quantised', t => {
  t.ok(canQuantize(64))
  t.notOk(canQuantize(48))
  t.end()
})
