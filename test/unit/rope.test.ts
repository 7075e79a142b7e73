import t from 'tap'
import { inverseFrequencies, ropeTables } from '../../kernels/graphs/rope.js'

const ROPE = { theta: 10000, factor: 1, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 64 }

t.test('rotary angles grow by position and shrink by dimension', t => {
  const { cos, sin } = ropeTables({ ...ROPE, type: 'default' }, 8, 3)
  t.same([...cos.subarray(0, 4)], [1, 1, 1, 1], 'position 0 is not turned')
  t.same([...sin.subarray(0, 4)], [0, 0, 0, 0])
  for (const [i, frequency] of [1, 0.1, 0.01, 0.001].entries()) {
    t.ok(Math.abs(sin[8 + i]! - Math.sin(2 * frequency)) < 1e-7)
    t.ok(Math.abs(cos[8 + i]! - Math.cos(2 * frequency)) < 1e-7)
  }
  t.end()
})

t.test('scaled rotary embeddings stretch as their type says', t => {
  const plain = inverseFrequencies({ ...ROPE, type: 'default' }, 16, 64)
  const linear = inverseFrequencies({ ...ROPE, type: 'linear', factor: 4 }, 16, 64)
  t.same(
    linear,
    plain.map(frequency => frequency / 4),
  )
  const dynamic = { ...ROPE, type: 'dynamic', factor: 2 } as const
  t.same(inverseFrequencies(dynamic, 16, 64), plain, 'dynamic changes nothing within the trained positions')
  const stretched = inverseFrequencies(dynamic, 16, 128)
  t.equal(stretched[0], 1)
  const unscaled = ropeTables({ ...ROPE, type: 'default' }, 16, 64)
  const grown = ropeTables(dynamic, 16, 128)
  t.same(grown.cos.subarray(0, 64 * 8), unscaled.cos, 'positions that fit are not turned otherwise by a longer table')
  const last = stretched.map(frequency => Math.sin(Math.fround(127 * frequency)))
  t.same(grown.sin.subarray(127 * 8), last, 'a position has the base of the sequence that ends with it')
  const base = 10000 * (2 * (128 / 64) - 1) ** (16 / 14)
  t.ok(Math.abs(stretched[7]! / base ** (-14 / 16) - 1) < 1e-6)
  const llama3 = inverseFrequencies({ ...ROPE, type: 'llama3', factor: 8 }, 16, 64)
  t.equal(llama3[0], plain[0], 'short wavelengths stay')
  t.equal(llama3[7], plain[7]! / 8, 'long ones are stretched by the factor')
  t.ok(
    llama3.every((frequency, i) => frequency <= plain[i]! && frequency >= plain[i]! / 8),
    'all lie between',
  )
  t.end()
})
