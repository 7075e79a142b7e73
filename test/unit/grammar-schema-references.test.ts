import t, { type Test } from 'tap'
import { JsonValidator } from '../../runtime/grammar/json-schema/validator.js'
import type { JsonSchema } from '../../runtime/protocol/backend.js'
import { JsonLanguage } from '../support/json-language.js'

function check(t: Test, schema: JsonSchema, valid: readonly unknown[], invalid: readonly unknown[]): void {
  const language = new JsonLanguage(schema)
  const validator = new JsonValidator(schema)
  for (const [values, expected] of [
    [valid, true],
    [invalid, false],
  ] as const) {
    for (const value of values) {
      t.equal(language.acceptsValue(value), expected, `automaton: ${JSON.stringify(value)}`)
      t.equal(validator.validate(value).length === 0, expected, `validator: ${JSON.stringify(value)}`)
    }
  }
}

t.test('references by pointer, with escapes, siblings and odd places', t => {
  const schema = {
    $defs: { 'a/b%"~': { type: 'integer' }, list: { items: { $ref: '#/$defs/a~1b%25%22~0' } } },
    properties: {
      x: { $ref: '#/$defs/list', maxItems: 2 },
      y: { $ref: '#/properties/x/maxItems/../items' },
    },
  }
  t.throws(() => new JsonLanguage(schema), { code: 'GRAMMAR_INVALID', message: /there is nothing at/ })
  const { y: _, ...properties } = schema.properties
  check(t, { ...schema, properties }, [{ x: [1, 2] }, {}], [{ x: ['a'] }, { x: [1, 2, 3] }])
  t.end()
})

t.test('identifiers and anchors', t => {
  const schema = {
    $id: 'https://example.org/root.json',
    properties: {
      a: { $ref: 'item.json' },
      b: { $ref: 'item.json#small' },
      c: { $ref: '#word' },
      d: { $ref: 'urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed' },
    },
    $defs: {
      item: { $id: 'item.json', type: 'integer', $defs: { small: { $anchor: 'small', type: 'integer', maximum: 9 } } },
      word: { $anchor: 'word', type: 'string' },
      urn: { $id: 'urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed', type: 'null' },
    },
  }
  check(t, schema, [{ a: 70, b: 7, c: 'x', d: null }], [{ a: 'x' }, { b: 70 }, { c: 1 }, { d: 1 }])
  t.end()
})

t.test('draft 4 takes its identifiers from "id"', t => {
  const schema = {
    $schema: 'http://json-schema.org/draft-04/schema#',
    id: 'http://example.org/base/',
    properties: { a: { $ref: 'node' }, id: { type: 'string' } },
    definitions: { node: { id: 'node', enum: ['n'] } },
  }
  check(t, schema, [{ a: 'n', id: 'x' }], [{ a: 'm' }, { id: 1 }])
  t.end()
})

t.test('recursion, direct and through one another', t => {
  const tree = {
    type: 'object',
    properties: {
      value: { type: 'integer' },
      left: { $ref: '#' },
      right: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
    },
    required: ['value'],
    additionalProperties: false,
  }
  check(
    t,
    tree,
    [{ value: 1 }, { value: 1, left: { value: 2, right: null } }],
    [{}, { value: 1, left: {} }, { value: 1, right: 2 }],
  )
  const mutual = {
    $ref: '#/$defs/even',
    $defs: {
      even: { type: 'array', items: { $ref: '#/$defs/odd' } },
      odd: { type: 'object', additionalProperties: { $ref: '#/$defs/even' } },
    },
  }
  check(t, mutual, [[], [{}], [{ a: [{ b: [] }] }]], [{}, [[]], [{ a: {} }]])
  t.end()
})

t.test('names of keys may be described by a schema that comes back to them', t => {
  const schema = {
    type: ['object', 'string'],
    maxLength: 2,
    properties: { a: { $ref: '#' } },
    propertyNames: { maxLength: 1, properties: { b: { $ref: '#' } } },
  }
  check(t, schema, [{ a: { a: 'xy' }, c: 1 }], [{ a: 'xyz' }, { ab: 1 }])
  t.throws(() => new JsonLanguage({ propertyNames: { $ref: '#' } }), { code: 'GRAMMAR_UNSUPPORTED' })
  t.end()
})

t.test('a dynamic reference goes to the outermost anchor of its name', t => {
  const schema = {
    $id: 'https://example.org/strict-tree',
    $dynamicAnchor: 'node',
    $ref: 'tree',
    unevaluatedProperties: false,
    $defs: {
      tree: {
        $id: 'https://example.org/tree',
        $dynamicAnchor: 'node',
        type: 'object',
        properties: { data: true, children: { type: 'array', items: { $dynamicRef: '#node' } } },
      },
    },
  }
  check(t, schema, [{ children: [{ data: 1 }] }], [{ children: [{ daat: 1 }] }, { x: 1 }])
  t.end()
})

t.test('branches that contain the whole again are told apart, and proofs about them guess nothing', async t => {
  const tagged = (op: string, more: Record<string, unknown>) => ({
    type: 'object',
    properties: { op: { const: op }, ...more },
    required: ['op', ...Object.keys(more)],
    additionalProperties: false,
  })
  const self = { $ref: '#/$defs/expression' }
  const expression = {
    oneOf: [tagged('num', { value: { type: 'number' } }), tagged('add', { left: self, right: self })],
  }
  const number = (value: number) => ({ op: 'num', value })
  const sum = (left: unknown, right: unknown) => ({ op: 'add', left, right })
  check(
    t,
    { $defs: { expression }, ...self },
    [number(1), sum(number(1), sum(number(2), number(3)))],
    [{ op: 'add', left: number(1) }, sum(number(1), 2)],
  )
  const plain = (properties: Record<string, unknown>) => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  })
  check(
    t,
    { oneOf: [plain({ value: { type: 'number' } }), plain({ left: { $ref: '#' }, right: { $ref: '#' } })] },
    [{ value: 1 }, { left: { value: 1 }, right: { left: { value: 2 }, right: { value: 3 } } }],
    [{ left: { value: 1 } }, {}],
  )
  check(
    t,
    {
      oneOf: [
        { type: 'string' },
        { type: 'array', items: { $ref: '#' }, minItems: 1 },
        { type: 'array', items: { type: 'number' } },
      ],
    },
    ['a', ['a', ['b']], [1], [], [[1]]],
    [[1, 'a'], 2],
  )
  check(
    t,
    {
      type: 'object',
      required: ['c'],
      properties: { t: { type: 'string' }, c: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      if: { properties: { c: { required: ['t'] } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['t'] },
    },
    [{ t: 'a', c: null }],
    [{ c: null }, { c: { c: null } }],
  )
  check(
    t,
    {
      type: 'array',
      minItems: 1,
      items: { oneOf: [{ $ref: '#' }, { type: 'array', minItems: 1, maxItems: 2 }, { type: 'null' }] },
    },
    [[null], [[null, null, null]]],
    [[[null]], []],
  )
  const child = {
    oneOf: [
      { $ref: '#' },
      { type: 'object', required: ['k'], properties: { k: { type: 'integer' } } },
      { type: 'null' },
    ],
  }
  check(
    t,
    { type: 'object', required: ['child'], properties: { k: { type: 'integer' }, child } },
    [{ child: null }, { child: { k: 1 } }, { child: { child: null } }],
    [{ child: { child: null, k: 1 } }],
  )
})
