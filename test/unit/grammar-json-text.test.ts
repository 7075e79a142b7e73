import fc from 'fast-check'
import t from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { JsonText, type Whitespace } from '../../runtime/grammar/json-text.js'

function accepts(store: ExpressionStore, id: number, text: string | Uint8Array): boolean {
  let state = id
  for (const byte of Buffer.from(text as string)) state = store.derivative(state, byte)
  return store.isNullable(state)
}

t.test('any JSON accepts exactly what JSON.parse accepts, whitespace and lone surrogates apart', async t => {
  const store = new ExpressionStore()
  const value = new JsonText(store).value()
  const good = ['0', '-0', '1.5e-7', '[]', '{}', '{"a":[1,{"b":null}]}', '"\\ud83d\\ude00\\n\\/"', '"\x7fé😀"', 'true']
  for (const text of good) t.equal(accepts(store, value, text), true, text)
  const bad = [
    '01',
    '1.',
    '.5',
    '+1',
    '[1,]',
    '{"a"}',
    '"\n"',
    '"\\x"',
    '"\\ud800"',
    '"\\ude00\\ud83d"',
    'nul',
    '',
    ' 1',
  ]
  for (const text of bad) t.equal(accepts(store, value, text), false, text)
  t.equal(accepts(store, value, Uint8Array.from([0x22, 0xc0, 0x80, 0x22])), false)
})

t.test(
  'what JSON.stringify writes is accepted in the layout that it was asked for, and in no stricter one',
  async t => {
    const layouts: { whitespace: Whitespace; write: (value: unknown) => string }[] = [
      { whitespace: 'compact', write: value => JSON.stringify(value) },
      { whitespace: { indent: 2 }, write: value => JSON.stringify(value, null, 2) },
      { whitespace: { max: 40 }, write: value => JSON.stringify(value, null, 2) },
    ]
    for (const { whitespace, write } of layouts) {
      const store = new ExpressionStore()
      const value = new JsonText(store, whitespace).value()
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 4 }), sample => {
          const text = write(sample).replace(/\\ud[89a-f]../g, 'x')
          return accepts(store, value, text)
        }),
        { seed: 7, numRuns: 200 },
      )
    }
    const store = new ExpressionStore()
    t.equal(accepts(store, new JsonText(store, { indent: 2 }).value(), '{"a":1}'), false)
    t.equal(accepts(store, new JsonText(store, { max: 1 }).value(), '[ 1 , 2 ]'), true)
    t.equal(accepts(store, new JsonText(store, { max: 1 }).value(), '[  1]'), false)
    t.equal(accepts(store, new JsonText(store, 'spaced').value(), '{"a": [1, 2]}'), true)
  },
)

t.test('string lengths count characters, whatever their spelling', async t => {
  const store = new ExpressionStore()
  const two = new JsonText(store).string(2, 2)
  for (const text of ['"ab"', '"é😀"', '"\\ud83d\\ude00\\n"']) t.equal(accepts(store, two, text), true, text)
  for (const text of ['"a"', '"abc"', '"\\ud83d\\ude00"']) t.equal(accepts(store, two, text), false, text)
})

t.test('an unknown whitespace mode is refused', async t => {
  t.throws(() => new JsonText(new ExpressionStore(), { max: -1 }), { code: 'GRAMMAR_INVALID' })
  t.throws(() => new JsonText(new ExpressionStore(), { indent: 1.5 }), { code: 'GRAMMAR_INVALID' })
})
