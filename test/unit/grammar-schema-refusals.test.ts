import t, { type Test } from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { compileJsonSchema } from '../../runtime/grammar/json-schema/compile.js'
import type { SchemaIssue } from '../../runtime/grammar/json-schema/issues.js'
import { JsonValidator } from '../../runtime/grammar/json-schema/validator.js'
import type { JsonSchema } from '../../runtime/protocol/backend.js'
import type { EngineError } from '../../runtime/protocol/error.js'
import { acceptsText, JsonLanguage } from '../support/json-language.js'

/** The issues that an error lists, as "pointer: keyword". */
function issuesOf(t: Test, schema: JsonSchema): readonly string[] {
  const error = t.throws(() => new JsonLanguage(schema), { code: 'GRAMMAR_UNSUPPORTED' }) as EngineError
  return (error.data.issues as readonly SchemaIssue[]).map(issue => {
    t.ok(issue.hint.length > 10, `hint: ${issue.hint}`)
    t.match(error.message, issue.pointer)
    return `${issue.pointer}: ${issue.keyword}`
  })
}

const UNENFORCEABLE = {
  type: 'object',
  properties: {
    tags: { type: 'array', items: { type: ['string', 'object'] }, uniqueItems: true },
    'a/b': { type: 'string', pattern: '(a)\\1' },
    word: { allOf: [{ pattern: '(\\bword\\b)+' }] },
    more: { $ref: '#/$defs/more' },
  },
  $defs: { more: { items: { uniqueItems: true } } },
}

t.test('one error lists every keyword that cannot be enforced, with its pointer and a hint', t => {
  t.same([...issuesOf(t, UNENFORCEABLE)].sort(), [
    '/$defs/more/items/uniqueItems: uniqueItems',
    '/properties/a~1b/pattern: pattern',
    '/properties/tags/uniqueItems: uniqueItems',
    '/properties/word/allOf/0/pattern: pattern',
  ])
  t.same(issuesOf(t, { patternProperties: { a: {}, '(a)\\1/b': {}, '(?<=a)b': {} } }), [
    '/patternProperties/(a)\\1~1b: patternProperties',
    '/patternProperties/(?<=a)b: patternProperties',
  ])
  t.same(issuesOf(t, { $ref: 'https://example.org/elsewhere.json' }), ['/$ref: $ref'])
  t.same(issuesOf(t, { items: { $recursiveRef: '#' } }), ['/items/$recursiveRef: $recursiveRef'])
  t.end()
})

t.test('with validation the mask enforces the rest, and the validator finds what the mask lets through', t => {
  const store = new ExpressionStore()
  const { root, issues } = compileJsonSchema(store, UNENFORCEABLE, { unsupported: 'validate' })
  t.equal(issues.length, 4)
  const validator = new JsonValidator(UNENFORCEABLE)
  const repeated = { tags: ['a', 'a'], 'a/b': 'aa' }
  t.ok(acceptsText(store, root, JSON.stringify(repeated)))
  t.notOk(acceptsText(store, root, '{"tags":[1]}'), 'the mask still knows the type of the items')
  t.same(
    validator.validate(repeated).map(({ pointer, keyword }) => `${pointer}: ${keyword}`),
    ['/tags: uniqueItems'],
  )
  t.same(validator.validate({ tags: ['a', 'b'], 'a/b': 'aa', word: 'a word', more: [[1]] }), [])
  t.match(validator.validate({ 'a/b': 'ab', more: [[1, 1]] }), [
    { pointer: '/a~1b', keyword: 'pattern' },
    { pointer: '/more/0', keyword: 'uniqueItems' },
  ])
  t.end()
})

t.test('one pattern for keys that is left to validation leaves the other keys enforced', t => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' } },
    patternProperties: { '^(x)\\1$': { type: 'integer' }, '^y': { type: 'boolean' } },
    additionalProperties: false,
  }
  const language = new JsonLanguage(schema, { unsupported: 'validate' })
  t.ok(language.accepts('{"a":1,"yes":true,"xx":"?"}'))
  for (const text of ['{"a":"?"}', '{"yes":1}']) t.notOk(language.accepts(text), text)
  t.match(new JsonValidator(schema).validate({ xx: '?', z: 1 }), [{ pointer: '/xx' }, { pointer: '/z' }])
  t.end()
})

t.test('under "not" a keyword that is left to validation does not narrow the mask', t => {
  const schema = { type: 'array', not: { items: { type: 'integer' }, uniqueItems: true } }
  const store = new ExpressionStore()
  const { root, issues } = compileJsonSchema(store, schema, { unsupported: 'validate' })
  t.equal(issues.length, 1)
  for (const text of ['[1,1]', '["a"]', '[1,2]']) t.ok(acceptsText(store, root, text), text)
  t.same(new JsonValidator(schema).validate([1, 1]), [])
  t.match(new JsonValidator(schema).validate([1, 2]), [{ keyword: 'not' }])
  t.end()
})

t.test('what no validator could check is refused even then', t => {
  const options = { unsupported: 'validate' } as const
  t.throws(() => new JsonLanguage({ $ref: 'elsewhere.json' }, options), { code: 'GRAMMAR_UNSUPPORTED' })
  t.throws(() => new JsonLanguage({ pattern: '(' }, options), { code: 'GRAMMAR_UNSUPPORTED' })
  t.end()
})

t.test('annotations and unknown formats pass', t => {
  const language = new JsonLanguage({
    $comment: 'c',
    title: 't',
    description: 'd',
    default: 1,
    examples: [1],
    deprecated: true,
    readOnly: true,
    contentEncoding: 'base64',
    contentMediaType: 'text/plain',
    'x-order': 1,
    format: 'shoe-size',
    type: 'string',
  })
  t.ok(language.acceptsValue('anything'))
  t.end()
})

t.test('a keyword whose value is undefined is not there', t => {
  const schema = { type: undefined, const: undefined, pattern: undefined, items: undefined, minLength: 1 }
  t.ok(new JsonLanguage(schema).acceptsValue([1, 'x']))
  t.same(new JsonValidator(schema).validate(7), [])
  t.notOk(new JsonLanguage(schema).acceptsValue(''))
  t.end()
})

t.test('a schema that nothing meets is an error that says so', t => {
  const schemas: readonly JsonSchema[] = [
    false,
    { type: 'string', enum: [1, 2] },
    { type: 'integer', minimum: 3, maximum: 2 },
    { type: 'object', properties: { a: false }, required: ['a'] },
    { type: 'array', items: { type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }, minItems: 1 },
    { allOf: [{ type: 'string' }, { type: 'number' }] },
    { type: 'string', pattern: '^a$', minLength: 2 },
    { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] },
    { type: 'array', items: { enum: [1, 2] }, uniqueItems: true, minItems: 3 },
    { type: 'array', contains: { const: 1 }, not: { contains: { const: 1 } } },
    {
      type: 'object',
      minProperties: 2,
      propertyNames: { const: 'a' },
      properties: { a: {} },
      additionalProperties: false,
    },
  ]
  for (const schema of schemas)
    t.throws(
      () => new JsonLanguage(schema),
      { code: 'GRAMMAR_INVALID', message: /no value can meet/ },
      JSON.stringify(schema),
    )
  t.end()
})

t.test(
  'a count that one key written twice could meet is refused, and one that declared keys alone can meet is not',
  t => {
    for (const schema of [
      { minProperties: 2 },
      { properties: { a: {} }, patternProperties: { '^b': {} }, additionalProperties: false, minProperties: 2 },
    ]) {
      t.throws(() => new JsonLanguage(schema), {
        code: 'GRAMMAR_UNSUPPORTED',
        message: /"minProperties" at \/minProperties/,
      })
    }
    t.ok(new JsonLanguage({ required: ['a', 'b'], minProperties: 2 }))
    t.end()
  },
)

t.test('a branch that nothing meets is left out, not a dead end', t => {
  const language = new JsonLanguage({
    anyOf: [
      { properties: { a: { type: 'string', pattern: '^x$', minLength: 3 } }, required: ['a'] },
      { type: 'integer' },
    ],
  })
  t.notOk(language.accepts('{"a":"x"}'))
  t.ok(language.accepts('7'))
  t.equal(language.store.derivative(language.root, 0x7b), language.store.fail, 'no object is begun')
  t.end()
})

t.test('what is no schema is refused with its place', t => {
  const cases: readonly (readonly [JsonSchema, RegExp])[] = [
    [{ type: 'text' }, /\/type/],
    [{ properties: { a: 5 as never } }, /\/properties\/a/],
    [{ properties: { a: { minLength: -1 } } }, /\/properties\/a\/minLength/],
    [{ items: { enum: 'a' } }, /\/items\/enum/],
    [{ multipleOf: 0 }, /\/multipleOf/],
    [{ required: [1] }, /\/required/],
    [{ $ref: '#/$defs/none' }, /\/\$ref/],
    [{ $ref: '#' }, /circle/],
  ]
  for (const [schema, message] of cases)
    t.throws(() => new JsonLanguage(schema), { code: 'GRAMMAR_INVALID', message }, JSON.stringify(schema))
  t.end()
})

t.test('size, depth and combinations end in an error, not in a stall or a stack overflow', t => {
  let deep: JsonSchema = {}
  for (let level = 0; level < 5000; level++) deep = { items: deep }
  t.throws(() => new JsonLanguage(deep), { code: 'GRAMMAR_TOO_COMPLEX' })
  const pairs = Array.from({ length: 14 }, (_, at) => ({ anyOf: [{ required: [`a${at}`] }, { required: [`b${at}`] }] }))
  t.throws(() => new JsonLanguage({ type: 'object', allOf: pairs }), {
    code: 'GRAMMAR_TOO_COMPLEX',
    message: /alternatives/,
  })
  const store = new ExpressionStore()
  store.setDeadline(performance.now() - 1)
  t.throws(() => compileJsonSchema(store, UNENFORCEABLE), { code: 'GRAMMAR_TOO_COMPLEX', message: /too long/ })
  t.end()
})

t.test('a least number of keys that comes of a contrary is refused where one could count twice', t => {
  const refused = { code: 'GRAMMAR_UNSUPPORTED', data: { issues: [{ keyword: 'minProperties', canValidate: true }] } }
  t.throws(() => new JsonLanguage({ type: 'object', not: { maxProperties: 1 } }), refused)
  const [small, large] = [{ required: ['small'] }, { required: ['large'] }]
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  const whether = { if: { maxProperties: 2 }, then: small, else: large }
  t.throws(() => new JsonLanguage({ type: 'object', ...whether }), refused)
  const closed = { properties: { a: {}, b: {} }, additionalProperties: false }
  const language = new JsonLanguage({ type: 'object', not: { maxProperties: 1 }, ...closed })
  t.ok(language.accepts('{"a":1,"b":2}'))
  t.notOk(language.accepts('{"a":1}'))
  t.end()
})
