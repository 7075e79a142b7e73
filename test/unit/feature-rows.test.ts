import fc from 'fast-check'
import t from 'tap'
import { checkRows, countRows, layOutRows } from '../../kernels/feature-rows.js'

const HIDDEN = 3
const projected = Float32Array.from({ length: 5 * HIDDEN }, (_, i) => ((i * 7) % 11) - 5)
const newline = Float32Array.of(100, -200, 300)
const source = { projected, newline, hiddenSize: HIDDEN }

function row(index: number): readonly number[] {
  return index === -1 ? [...newline] : [...projected.subarray(index * HIDDEN, (index + 1) * HIDDEN)]
}

const taps = fc
  .array(fc.integer({ min: -1, max: 4 }), { minLength: 1, maxLength: 6 })
  .map(rows => rows.flatMap(index => [index, (index + 2) % 5, index, 4]))

t.test('rows come in the order asked for', t => {
  const destination = new Float32Array(5 * HIDDEN)
  layOutRows({ gather: [4, -1, 0] }, source, destination, HIDDEN)
  t.same([...destination], [0, 0, 0, ...row(4), ...row(-1), ...row(0), 0, 0, 0])
  const all = new Float32Array(5 * HIDDEN)
  layOutRows({ gather: null }, source, all, 0)
  t.same(all, projected)
  t.equal(countRows({ gather: null }, 5), 5)
  t.equal(countRows({ gather: [1, 2] }, 5), 2)
  t.equal(countRows({ gather: [1, 2, 3, 4], combine: { kind: 'max' } }, 5), 1)
  const nine = {
    gather: [0, 1, 2, 3, 4, 0, 1, 2, 3, ...new Array<number>(9).fill(4)],
    combine: { kind: 'max', taps: 9 } as const,
  }
  t.equal(countRows(nine, 5), 2)
  const highest = new Float32Array(2 * HIDDEN)
  layOutRows(nine, source, highest, 0)
  t.same([...highest], [...row(0).map((_, i) => Math.max(...[0, 1, 2, 3, 4].map(each => row(each)[i]!))), ...row(4)])
  t.end()
})

t.test('combined rows are what their definition says, whatever lay in their place', t => {
  const property = fc.property(
    taps,
    fc.array(fc.float({ noNaN: true, min: -2, max: 2 }), { minLength: 24, maxLength: 24 }),
    (gather, all) => {
      const weights = all.slice(0, gather.length)
      const count = gather.length / 4
      const maxima = new Float32Array(count * HIDDEN).fill(1e9)
      layOutRows({ gather, combine: { kind: 'max' } }, source, maxima, 0)
      const sums = new Float32Array(count * HIDDEN).fill(1e9)
      layOutRows({ gather, combine: { kind: 'blend', weights } }, source, sums, 0)
      return Array.from({ length: count * HIDDEN }, (_, at) => {
        const [first, i] = [4 * Math.floor(at / HIDDEN), at % HIDDEN]
        const four = [0, 1, 2, 3].map(tap => row(gather[first + tap]!)[i]!)
        const sum = four.reduce((total, value, tap) => total + value * weights[first + tap]!, 0)
        return maxima[at] === Math.max(...four) && Math.abs(sums[at]! - sum) < 1e-3
      }).every(Boolean)
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200, seed: 11 }))
  t.end()
})

t.test('what does not fit together is refused', t => {
  const refuse = (item: Parameters<typeof checkRows>[0], message: RegExp, hasNewline = true): unknown =>
    t.throws(() => checkRows(item, 5, hasNewline), { name: 'RangeError', message })
  refuse({ gather: [0, 5] }, /row 5 of a picture of 5 rows/)
  refuse({ gather: [-2] }, /row -2/)
  refuse({ gather: [0, -1] }, /no image_newline/, false)
  refuse({ gather: null, combine: { kind: 'max' } }, /no rows to combine/)
  refuse({ gather: [0, 1, 2], combine: { kind: 'max' } }, /3 rows to combine; 4/)
  refuse({ gather: [0, 1, 2, 3], combine: { kind: 'blend', weights: [1] } }, /1 weights for 4 rows/)
  refuse({ gather: [0, 1, 2, 3], combine: { kind: 'max', taps: 9 } }, /4 rows to combine; 9/)
  t.doesNotThrow(() => checkRows({ gather: [0, -1, 4] }, 5, true))
  t.end()
})
