import t from 'tap'
import type { Agreement, ModelVerification } from '../../runtime/engine/verify.js'
import { judge } from '../../runtime/server/command/verdict.js'

const good: Agreement = { largest: 3e-6, relative: 4e-7, agreeing: 9, rows: 9 }
const verification: ModelVerification = {
  binding: 'c-api',
  features: good,
  logits: good,
  pieces: good,
  golden: { features: good, logits: good },
}

t.test('everything that was compared is told, with the largest difference', async t => {
  const { lines, failure } = judge('a', 'float32', verification)
  t.equal(failure, null)
  t.strictSame(
    lines.map(([name]) => name),
    ['features', 'logits', 'in pieces', 'golden', 'golden'],
  )
  t.equal(
    lines[1]![1],
    'within 3.0e-6 (root mean square 4.0e-7 of theirs), 9 of 9 likeliest tokens the same, against plain arithmetic',
  )
  t.match(judge('a', 'float32', { ...verification, golden: null }).lines.at(-1), ['golden', /^none: no golden\.json/])
})

t.test('what the precision does not explain is a failure, of the weights or of what was made of them', async t => {
  const off: Agreement = { largest: 0.7, relative: 0.05, agreeing: 7, rows: 9 }
  t.equal(judge('a', 'int8', { ...verification, logits: off }).failure, null, 'rounded weights may be so far off')
  for (const part of ['features', 'logits'] as const) {
    const { failure } = judge('a', 'float32', { ...verification, [part]: off })
    t.match(failure, {
      code: 'KERNEL_FAILED',
      message: new RegExp(`${part}: within 0\\.70 .*7 of 9.*plain arithmetic`),
    })
  }
  const pieces = judge('a', 'int4', { ...verification, pieces: off }).failure
  t.match(pieces, { code: 'KERNEL_FAILED', message: /in pieces: within 0\.70/ })
  const golden = judge('a', 'float32', { ...verification, golden: { features: good, logits: off } }).failure
  t.match(golden, { code: 'MODEL_CORRUPT', message: /^The model at a is damaged: golden: within 0\.70/ })
  const nothing: Agreement = { largest: null, relative: null, agreeing: 0, rows: 3 }
  const other = judge('a', 'int4', { ...verification, golden: { features: nothing, logits: good } }).failure
  t.match(other, {
    code: 'MODEL_CORRUPT',
    message: /golden: another number of values, against features of golden\.json/,
  })
})
