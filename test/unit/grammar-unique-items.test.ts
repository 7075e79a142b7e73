import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t from 'tap'
import { JsonLanguage } from '../support/json-language.js'

const unique = (items: unknown, more: object = {}) => ({ type: 'array', items, uniqueItems: true, ...more })

t.test('equal items are impossible, however they are spelled', t => {
  const numbers = new JsonLanguage(unique({ type: 'number' }))
  for (const text of [
    '[]',
    '[1]',
    '[1,2]',
    '[10,1,100]',
    '[0.1,0.10000000000000002]',
    '[1e21,1e22]',
    '[-1,1]',
    '[1.5,1.05,15]',
    '[9007199254740992,9007199254740994]',
    '[5e-324,0]',
    '[1e-7,1e-8]',
  ])
    t.ok(numbers.accepts(text), text)
  for (const text of [
    '[1,1]',
    '[1,1.0]',
    '[1.000,1]',
    '[1,1e0]',
    '[1e+00,1]',
    '[0,-0]',
    '[-0.0,0]',
    '[100,1e2]',
    '[2,1,2]',
    '[0.1,1e-1]',
    '[0.1,0.100000000000000001]',
    '[9007199254740992,9007199254740993]',
    '[1e21,1000000000000000000000]',
    '[0,1e-324]',
    '[1.5,3,15e-1]',
  ])
    t.notOk(numbers.accepts(text), text)
  const integers = new JsonLanguage(unique({ type: 'integer' }))
  t.ok(integers.accepts('[1,2,3,0,-1,12345678901234567890]'))
  for (const text of ['[1,1]', '[1,1.0]', '[0,-0]', '[-7,3,-7.00]', '[1e21,1000000000000000000000]'])
    t.notOk(integers.accepts(text), text)
  const strings = new JsonLanguage(unique({ type: 'string' }))
  t.ok(strings.accepts('["","a","aa","\\n","n","😀","\\\\","[1,1]"]'))
  for (const text of [
    '["a","a"]',
    '["",""]',
    '["\\n","\\u000a"]',
    '["\\u000A","\\u000a"]',
    '["é","x","é"]',
    '["\\"","\\""]',
  ])
    t.notOk(strings.accepts(text), text)
  const mixed = new JsonLanguage(unique({ type: ['string', 'integer', 'null', 'boolean'] }))
  t.ok(mixed.accepts('["1",1,"true",true,null,"null",false]'))
  for (const text of ['[null,null]', '[true,1,true]', '["1",1,"1"]']) t.notOk(mixed.accepts(text), text)
  t.end()
})

t.test('a range that is used up closes the array, and is not entered where too little is left', t => {
  const few = new JsonLanguage(unique({ type: 'string', pattern: '^[ab]$' }))
  t.ok(few.accepts('["b","a"]'))
  t.notOk(few.accepts('["b","a"'))
  const state = [...Buffer.from('["b","a"')].reduce((from, byte) => few.store.derivative(from, byte), few.root)
  t.equal(few.store.derivative(state, 0x2c), few.store.fail, 'no comma is left')
  t.equal(Buffer.from(few.store.shortest(state)!).toString(), ']')
  const both = new JsonLanguage(unique({ type: 'string', pattern: '^[ab]$' }, { minItems: 2 }))
  t.notOk(both.accepts('["a"]'))
  t.ok(both.accepts('["a","b"]'))
  t.throws(() => new JsonLanguage(unique({ type: 'string', pattern: '^[ab]$' }, { minItems: 3 })), {
    code: 'GRAMMAR_UNSUPPORTED',
    message: /uniqueItems/,
  })
  const thousand = new JsonLanguage(unique({ type: 'integer', minimum: 1, maximum: 600 }, { minItems: 600 }))
  const all = Array.from({ length: 600 }, (_, index) => 600 - index)
  t.ok(thousand.acceptsValue(all))
  t.notOk(thousand.acceptsValue([...all, 1]))
  t.notOk(thousand.acceptsValue(all.slice(1)))
  t.end()
})

t.test('arrays inside others remember their own items', t => {
  const language = new JsonLanguage({ type: 'array', items: unique({ type: 'integer' }), minItems: 1 })
  t.ok(language.accepts('[[1,2],[1,2],[2,1]]'))
  t.notOk(language.accepts('[[1,2],[1,1]]'))
  const tuple = new JsonLanguage({
    ...unique({ type: 'string' }, { minItems: 2, maxItems: 3 }),
    prefixItems: [{ const: 'a' }, { type: 'integer' }],
  })
  t.ok(tuple.accepts('["a",1,"b"]'))
  for (const text of ['["a",1,"a"]', '["a"]', '["a",1,"b","c"]']) t.notOk(tuple.accepts(text), text)
  t.throws(
    () => new JsonLanguage({ ...unique(false, { minItems: 2 }), prefixItems: [{ type: 'integer' }, { const: 1 }] }),
    {
      code: 'GRAMMAR_UNSUPPORTED',
    },
  )
  t.end()
})

t.test('random texts have no item twice', t => {
  const ajv = new Ajv2020({ strict: false, logger: false })
  addFormats.default(ajv)
  const schemas = [
    unique({ type: 'integer', minimum: 0, maximum: 700 }, { minItems: 2 }),
    unique({ type: 'number', minimum: 0, maximum: 3 }, { minItems: 1, maxItems: 6 }),
    unique({ type: ['number', 'null', 'boolean'] }),
    unique({ type: 'string', maxLength: 1 }, { minItems: 3 }),
    unique({ type: 'string', pattern: '^[ab]{0,2}$' }, { minItems: 4 }),
    unique({ type: 'string', format: 'date' }, { minItems: 2 }),
    unique({
      anyOf: [
        { type: 'string', minLength: 2, maxLength: 3 },
        { type: 'integer', multipleOf: 5 },
      ],
    }),
    unique({ type: 'number', multipleOf: 0.25 }, { minItems: 3 }),
    { anyOf: [unique({ type: 'integer' }, { minItems: 2 }), unique({ type: 'string' })] },
  ]
  for (const schema of schemas) {
    const valid = ajv.compile(schema)
    for (const whitespace of ['compact', 'spaced', { max: 1 }] as const) {
      const language = new JsonLanguage(schema, { whitespace })
      for (let seed = 0; seed < 12; seed++) {
        const text = language.generate(seed, 30)
        if (!valid(JSON.parse(text))) t.fail(text, { schema })
      }
    }
    t.pass(JSON.stringify(schema))
  }
  t.end()
})
