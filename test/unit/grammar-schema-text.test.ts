import t from 'tap'
import { JsonLanguage } from '../support/json-language.js'

t.test('strings take every escape where nothing more is asked of them', t => {
  const language = new JsonLanguage({ type: 'string', maxLength: 3 })
  for (const text of ['"\\n\\u00e9\\/"', '"\\ud83d\\ude00ab"', '"\\"\\\\"', '"é😀"', '"\u007f"'])
    t.ok(language.accepts(text), text)
  for (const text of ['"\n"', '"\\x"', '"\\ud83d"', '"abcd"', '"\\ud83d\\ude00abc"', '"a', 'a"'])
    t.notOk(language.accepts(text), text)
  t.notOk(language.store.derivative(language.store.derivative(language.root, 0x22), 0xc0), 'no overlong UTF-8')
  t.end()
})

t.test('a pattern speaks of the decoded text, and its output escapes what JSON wants escaped', t => {
  const language = new JsonLanguage({ type: 'string', pattern: '^["\\\\\\n\\u0001é]+$' })
  for (const text of ['"\\"\\\\\\n\\u0001é"', '"\\u000a\\u000A"']) t.ok(language.accepts(text), text)
  for (const text of ['"\n"', '"""', '"\\t"', '"\\u00e9"']) t.notOk(language.accepts(text), text)
  t.end()
})

t.test('a dot is one character, whatever its bytes, and no line end', t => {
  const language = new JsonLanguage({ type: 'string', pattern: '^.$' })
  for (const value of ['a', 'é', '😀', '"', '\\', '\t']) t.ok(language.acceptsValue(value), value)
  for (const value of ['', 'ab', '\n', '\r', '\u2028', '\u2029']) t.notOk(language.acceptsValue(value), value)
  t.end()
})

t.test('numbers are compared by value, in every spelling that is offered', t => {
  const two = new JsonLanguage({ const: 2 })
  for (const text of ['2', '2.0', '2.000']) t.ok(two.accepts(text), text)
  for (const text of ['2.01', '02', '20', '2.', '-2']) t.notOk(two.accepts(text), text)
  const range = new JsonLanguage({ type: 'number', minimum: 1e-7, maximum: 1e21 })
  for (const text of ['1e-7', '1.5e-7', '0.0000001', '3', '1e21', '1E+21', '9.5e20']) t.ok(range.accepts(text), text)
  for (const text of ['9e-8', '0', '1.0000001e21', '1e22', '-1']) t.notOk(range.accepts(text), text)
  const integer = new JsonLanguage({ type: 'integer', minimum: 0 })
  for (const text of ['0', '10.0', '1e21', '1.5e300']) t.ok(integer.accepts(text), text)
  for (const text of ['0.5', '1e-1', '-1']) t.notOk(integer.accepts(text), text)
  t.end()
})

t.test('keys stand in the order of the schema, further keys last', t => {
  const schema = { properties: { a: {}, b: {} }, allOf: [{ properties: { c: {} } }], required: ['b'] }
  const language = new JsonLanguage(schema)
  for (const text of ['{"a":1,"b":2,"c":3,"z":4}', '{"b":2}', '{"b":2,"z":1,"y":2}']) t.ok(language.accepts(text), text)
  for (const text of ['{"b":2,"a":1}', '{"z":1,"b":2}', '{"b":2,"z":1,"c":3}']) t.notOk(language.accepts(text), text)
  t.end()
})

t.test('keys that are required but not declared may stand anywhere among the further keys', t => {
  const language = new JsonLanguage({ properties: { a: {} }, required: ['r', 's'] })
  for (const text of ['{"a":1,"s":1,"z":1,"r":1}', '{"r":1,"s":1}']) t.ok(language.accepts(text), text)
  for (const text of ['{"a":1,"r":1}', '{"r":1,"r":1,"s":1}']) t.notOk(language.accepts(text), text)
  t.end()
})

t.test('any order still asks for every required key once', t => {
  const schema = {
    properties: { a: { type: 'integer' }, b: {}, c: {} },
    required: ['a', 'c'],
    additionalProperties: false,
  }
  const language = new JsonLanguage(schema, { propertyOrder: 'any' })
  for (const text of ['{"c":1,"a":2}', '{"b":0,"c":1,"a":2}', '{"a":2,"c":1,"b":0}']) t.ok(language.accepts(text), text)
  for (const text of ['{"c":1}', '{"a":1,"c":1,"a":2}', '{"c":1,"a":"x"}', '{"a":1,"c":1,"d":1}'])
    t.notOk(language.accepts(text), text)
  t.end()
})

t.test('a declared key cannot slip through as a further key, escaped or not', t => {
  const language = new JsonLanguage({
    properties: { ab: { type: 'integer' } },
    additionalProperties: { type: 'string' },
  })
  for (const text of ['{"ab":1,"c":"x"}', '{"abc":"x"}', '{"a":"x"}']) t.ok(language.accepts(text), text)
  for (const text of ['{"ab":"x"}', '{"\\u0061b":"x"}', '{"ab":1,"ab":"x"}', '{"ab":1,"a\\u0062":"x"}'])
    t.notOk(language.accepts(text), text)
  t.end()
})

t.test('whitespace follows the option', t => {
  const schema = { properties: { a: { items: { type: 'integer' } }, b: { type: 'object' } } }
  const value = { a: [1, 2], b: { c: [] } }
  const spaced = '{"a": [1, 2], "b": {"c": []}}'
  const pretty = JSON.stringify(value, null, 2)
  t.ok(new JsonLanguage(schema).accepts(JSON.stringify(value)))
  t.notOk(new JsonLanguage(schema).accepts(spaced))
  t.ok(new JsonLanguage(schema, { whitespace: 'spaced' }).accepts(spaced))
  t.ok(new JsonLanguage(schema, { whitespace: { indent: 2 } }).accepts(pretty))
  t.notOk(new JsonLanguage(schema, { whitespace: { indent: 4 } }).accepts(pretty))
  for (const text of [spaced, JSON.stringify(value), '{ "a" :[1 ,2 ] }'])
    t.ok(new JsonLanguage(schema, { whitespace: { max: 1 } }).accepts(text), text)
  t.end()
})

t.test('a recursive schema keeps its indentation at every depth', t => {
  const tree = { properties: { v: { type: 'integer' }, next: { $ref: '#' } }, additionalProperties: false }
  const value = { v: 1, next: { v: 2, next: { v: 3, next: {} } } }
  const language = new JsonLanguage(tree, { whitespace: { indent: 2 } })
  t.ok(language.accepts(JSON.stringify(value, null, 2)))
  t.notOk(language.accepts(JSON.stringify(value, null, 1)))
  t.end()
})
