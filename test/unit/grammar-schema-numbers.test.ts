import t from 'tap'
import { compareDecimals, decimalOf, isMultiple, parseDecimal } from '../../runtime/grammar/json-schema/decimal.js'
import { createRandom, JsonLanguage } from '../support/json-language.js'

const random = createRandom(20)

function randomNumber(): number {
  const kind = random()
  if (kind < 0.3) return Math.floor(random() * 41) - 20
  if (kind < 0.6) return Number((random() * 40 - 20).toFixed(Math.floor(random() * 4)))
  if (kind < 0.8) return Number(((random() - 0.5) * 10 ** Math.floor(random() * 30 - 10)).toPrecision(3))
  return (random() < 0.5 ? -1 : 1) * 10 ** Math.floor(random() * 50 - 25)
}

t.test('ranges hold exactly the numbers between their bounds', t => {
  for (let round = 0; round < 150; round++) {
    const [a, b] = [randomNumber(), randomNumber()]
    const low = Math.min(a, b)
    const high = Math.max(a, b)
    const lowKey = random() < 0.5 ? 'minimum' : 'exclusiveMinimum'
    const highKey = random() < 0.5 ? 'maximum' : 'exclusiveMaximum'
    if (low === high) continue
    const language = new JsonLanguage({ type: 'number', [lowKey]: low, [highKey]: high })
    const near = [low, high].flatMap(each => [each, each * 1.001, each * 0.999, each + 0.001, each - 0.001, -each])
    for (const value of [...near, 0, (low + high) / 2, ...Array.from({ length: 12 }, randomNumber)]) {
      const aboveLow = compareDecimals(decimalOf(value), decimalOf(low))
      const belowHigh = compareDecimals(decimalOf(high), decimalOf(value))
      const expected =
        (lowKey === 'minimum' ? aboveLow >= 0 : aboveLow > 0) &&
        (highKey === 'maximum' ? belowHigh >= 0 : belowHigh > 0)
      if (language.accepts(String(value)) !== expected)
        t.fail(`${value} with ${lowKey} ${low} and ${highKey} ${high} should be ${expected ? 'in' : 'out'}`)
    }
  }
  t.end()
})

t.test('integer ranges hold every integer inside and none outside', t => {
  for (const [low, high] of [
    [-12, 7],
    [0, 100],
    [95, 1205],
    [-1005, -998],
    [9, 10],
  ] as const) {
    const language = new JsonLanguage({ type: 'integer', minimum: low, maximum: high })
    for (let value = low - 20; value <= high + 20; value++)
      if (language.accepts(String(value)) !== (value >= low && value <= high)) t.fail(`${value} in [${low}, ${high}]`)
    t.notOk(language.accepts(`${low}.5`))
    t.ok(language.accepts(`${high}.0`))
  }
  t.end()
})

t.test('multiples are told by their digits', t => {
  for (const step of [1, 2, 3, 7, 10, 25, 0.1, 0.25, 0.01, 1.5, 1000, 0.003]) {
    const language = new JsonLanguage({ type: 'number', multipleOf: step })
    for (let round = 0; round < 200; round++) {
      const text = String(Number((random() * 500 - 250).toFixed(Math.floor(random() * 4))))
      const other = String(Number((Math.floor(random() * 300 - 150) * step).toFixed(6)))
      for (const each of [text, other])
        if (language.accepts(each) !== isMultiple(parseDecimal(each)!, decimalOf(step))) t.fail(`${each} by ${step}`)
    }
  }
  t.end()
})

t.test('multiples have no more digits than their reader keeps', t => {
  const language = new JsonLanguage({ type: 'number', multipleOf: 3 })
  for (const text of ['999999999999999', '-3', '12.000000']) t.ok(language.accepts(text), text)
  t.notOk(language.accepts('91797178555048335'), 'a double would read it as 91797178555048340')
  t.throws(() => new JsonLanguage({ multipleOf: 123_457, maximum: 1e9 }), { code: 'GRAMMAR_TOO_COMPLEX' })
  t.ok(new JsonLanguage({ type: 'integer', multipleOf: 123_457 }).accepts('246914'))
  t.end()
})

t.test('several conditions on one number meet', t => {
  const language = new JsonLanguage({
    multipleOf: 4,
    allOf: [{ multipleOf: 6 }, { not: { multipleOf: 36 } }],
    type: 'integer',
    minimum: 1,
    maximum: 100,
  })
  const members = Array.from({ length: 120 }, (_, value) => value).filter(value => language.accepts(String(value)))
  t.same(members, [12, 24, 48, 60, 84, 96])
  const fraction = new JsonLanguage({ type: 'number', not: { type: 'integer' }, minimum: 0 })
  t.ok(fraction.accepts('0.5'))
  for (const text of ['1', '1.0', '-0.5']) t.notOk(fraction.accepts(text), text)
  t.end()
})

t.test('no text is accepted that its reader finds on an excluded bound or beyond', t => {
  const cases: readonly (readonly [schema: object, accepted: readonly string[], refused: readonly string[]])[] = [
    [{ exclusiveMaximum: 1 }, ['0.9999999999999999', '0.99', '-3'], ['0.99999999999999999999', '1', '1.0']],
    [{ exclusiveMinimum: 0 }, ['1e-323', '1e-10', '0.000000000000000000000001', '5'], ['1e-324', '0', '-0.0']],
    [{ exclusiveMinimum: 0.1 }, ['0.10000000000000002', '0.11'], ['0.1000000000000000000001', '0.1']],
    [
      { exclusiveMinimum: -1.5, exclusiveMaximum: 1.5 },
      ['-1.4999999999999998', '0'],
      ['-1.49999999999999999999', '1.5'],
    ],
    [{ not: { enum: [1, 2] } }, ['1.5', '0.9999999999999999', '3'], ['1.00000000000000000000001', '1', '2.0']],
    [
      { exclusiveMinimum: 1, exclusiveMaximum: 1.0000000000000004 },
      ['1.0000000000000002'],
      ['1', '1.0000000000000004'],
    ],
  ]
  for (const [schema, accepted, refused] of cases) {
    const language = new JsonLanguage({ type: 'number', ...schema })
    for (const text of accepted) t.ok(language.accepts(text), `${JSON.stringify(schema)}: ${text}`)
    for (const text of refused) t.notOk(language.accepts(text), `${JSON.stringify(schema)}: ${text}`)
  }
  const large = new JsonLanguage({ type: 'integer', exclusiveMinimum: 2 ** 53 })
  t.notOk(large.accepts('9007199254740993'), 'read as 2 ** 53')
  t.ok(large.accepts('9007199254740994'))
  t.end()
})
