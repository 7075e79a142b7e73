import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { JsonLanguage } from '../support/json-language.js'

/** Keys of one letter, so that chance repeats them. */
const twoKeys = (schema: unknown) => ({ patternProperties: { '^[ab]$': schema }, additionalProperties: false })

t.test('a key that comes twice never leaves a value that its schema forbids', t => {
  const schemas = [
    { type: 'object', ...twoKeys({ type: ['boolean', 'null'] }), not: twoKeys({ type: 'null' }) },
    { type: 'object', ...twoKeys({ enum: [1, 2, 3] }), not: { anyOf: [twoKeys({ const: 1 }), twoKeys({ const: 2 })] } },
    { type: 'object', ...twoKeys({ type: 'boolean' }), oneOf: [twoKeys({ const: true }), twoKeys({ const: false })] },
    {
      type: 'object',
      properties: { a: { type: 'boolean' } },
      required: ['b'],
      patternProperties: { '^[abc]$': { enum: [true, null] } },
      additionalProperties: false,
      not: { patternProperties: { '^[bc]$': { const: null } } },
    },
  ]
  let repeats = 0
  for (const schema of schemas) {
    const oracle = new Ajv2020({ strict: false, logger: false }).compile(schema)
    for (const propertyOrder of ['schema', 'any'] as const) {
      const language = new JsonLanguage(schema, { propertyOrder })
      for (let seed = 0; seed < 150; seed++) {
        const text = language.generate(seed, 60)
        const value = JSON.parse(text) as object
        if ((text.match(/":/g) ?? []).length > Object.keys(value).length) repeats++
        if (!oracle(value)) t.fail(text, { schema, errors: oracle.errors })
      }
    }
  }
  t.ok(repeats > 100, `${repeats} texts repeat a key`)
  t.end()
})

t.test('what some key must have is not undone by the same key', t => {
  const language = new JsonLanguage({ type: 'object', not: { additionalProperties: { type: 'integer' } } })
  for (const text of ['{"a":"x"}', '{"b":1,"a":"x"}', '{"a":"x","b":"y"}']) t.ok(language.accepts(text), text)
  for (const text of ['{"a":"x","a":1}', '{"a":"x","\\u0061":1}', '{"b":1}', '{}'])
    t.notOk(language.accepts(text), text)
  t.end()
})

t.test('a declared key comes once, in no disguise', t => {
  const declared = new JsonLanguage({ type: 'object', properties: { a: { type: 'integer' } } })
  const required = new JsonLanguage({ type: 'object', required: ['a'], additionalProperties: { type: 'integer' } })
  for (const language of [declared, required]) {
    t.ok(language.accepts('{"a":1,"b":2}'))
    for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"\\u0061":2}']) t.notOk(language.accepts(text), text)
  }
  t.end()
})

t.test('numbers are such that a reader makes finite ones of them', t => {
  const finite = ['1.7976931348623157e308', '1e+308', '1.0E0308', '123e65', '5e-999', '0e307', `${'9'.repeat(208)}e99`]
  const infinite = [
    '1.8e308',
    '1.7976931348623159e308',
    '1e309',
    '12e308',
    '1e999',
    '9'.repeat(309),
    `${'9'.repeat(210)}e99`,
  ]
  for (const schema of [{ type: 'number' }, true]) {
    const language = new JsonLanguage(schema)
    for (const text of finite) t.ok(language.accepts(text) && Number.isFinite(JSON.parse(text)), text)
    for (const text of infinite) {
      t.notOk(language.accepts(text), text)
      t.notOk(language.accepts(`-${text}`), `-${text}`)
    }
  }
  const bounds = [
    { minimum: 5 },
    { maximum: -5 },
    { minimum: 1e308 },
    { maximum: -1e308 },
    { minimum: 0, type: 'integer' },
  ]
  for (const bound of bounds) {
    const language = new JsonLanguage({ type: 'number', ...bound })
    const sign = 'maximum' in bound ? '-' : ''
    for (const text of ['9'.repeat(309), '9.9e308', '1e999']) t.notOk(language.accepts(sign + text), sign + text)
  }
  const far = new JsonLanguage({ type: 'number', minimum: 1e308 })
  for (const text of ['1e308', '1.7976931348623157e308', String(BigInt(1e308))]) t.ok(far.accepts(text), text)
  t.end()
})
