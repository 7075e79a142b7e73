import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { JsonValidator } from '../../runtime/grammar/json-schema/validator.js'
import type { JsonSchema } from '../../runtime/protocol/backend.js'
import { JsonLanguage } from '../support/json-language.js'

interface Example {
  readonly schema: JsonSchema
  readonly valid: readonly unknown[]
  readonly invalid: readonly unknown[]
  /** Ajv cannot be asked about draft 4 and draft 7 spellings, nor where it departs from the standard. */
  readonly withoutAjv?: boolean
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'type with a list': { schema: { type: ['string', 'null'] }, valid: ['a', null], invalid: [1, [], {}, true] },
  'integer takes a fraction of zero': { schema: { type: 'integer' }, valid: [1, -7, 1e21], invalid: [1.5, '1'] },
  'enum compares by value': {
    schema: { enum: [1, 'a', [2, { b: null }], { x: 1, y: 2 }] },
    valid: [1, 'a', [2, { b: null }], { x: 1, y: 2 }],
    invalid: [2, 'b', [2], { x: 1 }, true],
  },
  'const tells 0 from false': { schema: { const: 0 }, valid: [0], invalid: [false, null, '0', 0.5] },
  'bounds of both kinds': {
    schema: { type: 'number', minimum: -2.5, exclusiveMaximum: 10 },
    valid: [-2.5, -1, 0, 9.999],
    invalid: [-2.51, 10, 11, 1e30],
  },
  'draft 4 bounds': {
    schema: { type: 'integer', minimum: 3, exclusiveMinimum: true, maximum: 12 },
    valid: [4, 12],
    invalid: [3, 13],
    withoutAjv: true,
  },
  'multipleOf with decimals': {
    schema: { type: 'number', multipleOf: 0.05, minimum: 0 },
    valid: [0, 0.05, 1.15, 7],
    invalid: [0.01, 1.151, -0.05],
    withoutAjv: true,
  },
  'multipleOf inside a range': {
    schema: { type: 'integer', multipleOf: 7, minimum: 10, maximum: 5000 },
    valid: [14, 700, 4998],
    invalid: [7, 15, 5005],
  },
  'length counts code points': {
    schema: { type: 'string', minLength: 2, maxLength: 3 },
    valid: ['ab', '😀😀', 'é"\\'],
    invalid: ['a', '😀', 'abcd'],
  },
  'pattern is looked for anywhere': {
    schema: { type: 'string', pattern: 'b+c' },
    valid: ['bc', 'xbbcx', '"bc"'],
    invalid: ['b', 'cb'],
  },
  'pattern, length and format together': {
    schema: { type: 'string', pattern: '^2', format: 'date', maxLength: 10 },
    valid: ['2024-02-29'],
    invalid: ['1999-01-01', '2023-02-29', '2024'],
    withoutAjv: true,
  },
  'items after prefixItems': {
    schema: { prefixItems: [{ type: 'string' }, { type: 'number' }], items: { type: 'null' } },
    valid: [[], ['a'], ['a', 1], ['a', 1, null, null], 5],
    invalid: [[1], ['a', 'b'], ['a', 1, 2]],
  },
  'items as a list with additionalItems': {
    schema: { type: 'array', items: [{ type: 'integer' }], additionalItems: { type: 'boolean' } },
    valid: [[], [1], [1, true]],
    invalid: [['a'], [1, 2]],
    withoutAjv: true,
  },
  'counts of items': {
    schema: { type: 'array', minItems: 2, maxItems: 3 },
    valid: [
      [1, 2],
      [1, 2, 3],
    ],
    invalid: [[], [1], [1, 2, 3, 4]],
  },
  'contains with counts': {
    schema: { type: 'array', contains: { type: 'string' }, minContains: 2, maxContains: 3 },
    valid: [
      ['a', 'b'],
      [1, 'a', 2, 'b', 'c'],
    ],
    invalid: [[], ['a', 1], ['a', 'b', 'c', 'd']],
  },
  'uniqueItems of an enum': {
    schema: { type: 'array', items: { enum: ['a', 'b', 3] }, uniqueItems: true, minItems: 1 },
    valid: [['a'], [3, 'a'], ['b', 3, 'a']],
    invalid: [[], ['a', 'a'], [3, 'b', 3], ['c']],
  },
  'required and additionalProperties': {
    schema: {
      type: 'object',
      properties: { a: { type: 'integer' }, b: {} },
      required: ['a'],
      additionalProperties: false,
    },
    valid: [{ a: 1 }, { a: 1, b: [] }],
    invalid: [{}, { b: 1 }, { a: 'x' }, { a: 1, c: 2 }],
  },
  'patternProperties that overlap': {
    schema: {
      patternProperties: { '^a': { type: 'integer' }, b$: { minimum: 5 } },
      additionalProperties: { type: 'string' },
    },
    valid: [{ a: 1, b: 9, ab: 6, c: 'x' }],
    invalid: [{ ab: 4 }, { ab: 'x' }, { c: 1 }, { b: 4 }],
  },
  propertyNames: {
    schema: { propertyNames: { pattern: '^[a-z]{1,2}$' } },
    valid: [{ a: 1, bc: 2 }],
    invalid: [{ A: 1 }, { abc: 1 }],
  },
  'counts of keys': {
    schema: { minProperties: 1, maxProperties: 2 },
    valid: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { a: 1, b: 2, c: 3 }],
  },
  'counts of declared keys': {
    schema: { properties: { a: {}, b: {}, c: {} }, additionalProperties: false, minProperties: 2 },
    valid: [
      { a: 1, b: 2 },
      { a: 1, c: 3 },
      { a: 1, b: 2, c: 3 },
    ],
    invalid: [{}, { b: 1 }],
  },
  dependentRequired: {
    schema: { dependentRequired: { a: ['b'] } },
    valid: [{}, { b: 1 }, { a: 1, b: 1 }],
    invalid: [{ a: 1 }],
  },
  'dependencies of both kinds': {
    schema: { dependencies: { a: ['b'], c: { properties: { d: { type: 'string' } } } } },
    valid: [{ a: 1, b: 1 }, { d: 'x', c: 1 }, { d: 1 }],
    invalid: [{ a: 1 }, { d: 1, c: 1 }],
    withoutAjv: true,
  },
  'allOf meets its siblings': {
    schema: {
      type: 'object',
      properties: { a: { type: 'number' } },
      allOf: [{ properties: { a: { minimum: 3 } }, required: ['a'] }],
    },
    valid: [{ a: 3 }],
    invalid: [{ a: 2 }, {}],
  },
  'anyOf that overlaps': {
    schema: { anyOf: [{ type: 'integer' }, { minimum: 2 }] },
    valid: [1, 2.5, 'x'],
    invalid: [1.5],
  },
  'oneOf takes exactly one': {
    schema: { oneOf: [{ type: 'integer' }, { minimum: 2 }] },
    valid: [1, 2.5],
    invalid: [3, 1.5],
  },
  'oneOf by a discriminator': {
    schema: {
      oneOf: [
        { properties: { kind: { const: 'a' }, x: { type: 'string' } }, required: ['kind', 'x'] },
        { properties: { kind: { const: 'b' }, y: { type: 'number' } }, required: ['kind', 'y'] },
      ],
    },
    valid: [
      { kind: 'a', x: '' },
      { kind: 'b', y: 1 },
    ],
    invalid: [{ kind: 'a', y: 1 }, { kind: 'c' }, {}],
  },
  'not of a type and of a pattern': {
    schema: { not: { anyOf: [{ type: 'number' }, { type: 'string', pattern: '^x' }] } },
    valid: ['yx', null, []],
    invalid: [1, 'x'],
  },
  'not of properties': {
    schema: { type: 'object', not: { properties: { a: { type: 'string' } } } },
    valid: [{ a: 1 }, { a: null, b: 2 }],
    invalid: [{}, { a: 'x' }, { b: 1 }],
  },
  'if, then and else': {
    schema: {
      if: { properties: { k: { const: 1 } }, required: ['k'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['t'] },
      else: { required: ['e'] },
    },
    valid: [{ k: 1, t: 0 }, { k: 2, e: 0 }, { e: 0 }],
    invalid: [{ k: 1, e: 0 }, { k: 2, t: 0 }, {}],
  },
  'unevaluatedProperties beside anyOf': {
    schema: {
      properties: { a: {} },
      anyOf: [{ properties: { b: { type: 'string' } }, required: ['b'] }, { properties: { c: {} } }],
      unevaluatedProperties: false,
    },
    valid: [{ a: 1 }, { a: 1, b: 'x' }, { a: 1, c: 2 }],
    invalid: [{ d: 1 }, { a: 1, b: 2 }],
  },
  'unevaluatedItems beside prefixItems': {
    schema: { allOf: [{ prefixItems: [{ type: 'string' }] }], unevaluatedItems: { type: 'number' } },
    valid: [['a'], ['a', 1, 2]],
    invalid: [['a', 'b'], [1]],
  },
  'boolean schemas': { schema: { properties: { a: true, b: false } }, valid: [{ a: 1 }, {}], invalid: [{ b: 1 }] },
}

for (const [name, { schema, valid, invalid, withoutAjv }] of Object.entries(EXAMPLES)) {
  t.test(name, t => {
    const language = new JsonLanguage(schema)
    const validator = new JsonValidator(schema)
    const oracle = withoutAjv === true ? null : new Ajv2020({ strict: false, logger: false }).compile(schema)
    for (const [values, expected] of [
      [valid, true],
      [invalid, false],
    ] as const) {
      for (const value of values) {
        const text = JSON.stringify(value)
        t.equal(language.accepts(text), expected, `automaton: ${text}`)
        t.equal(validator.validate(value).length === 0, expected, `validator: ${text}`)
        if (oracle !== null) t.equal(oracle(value), expected, `Ajv: ${text}`)
      }
    }
    t.end()
  })
}
