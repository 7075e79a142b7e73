import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import t from 'tap'
import { z } from 'zod'
import type { JsonOptions, JsonSchema } from '../../runtime/protocol/backend.js'
import { JsonLanguage } from '../support/json-language.js'

const Address = z.object({
  street: z.string().min(1).max(40),
  city: z.string(),
  zip: z.string().regex(/^\d{5}(-\d{4})?$/),
})

const Invoice = z.object({
  number: z.string().regex(/^[A-Z]{2}-\d{4,8}$/),
  issued: z.iso.date(),
  due: z.iso.datetime().optional(),
  currency: z.enum(['EUR', 'USD', 'GBP']),
  seller: Address,
  buyer: Address.nullable(),
  contact: z.union([z.email(), z.object({ phone: z.string().max(20) })]),
  lines: z
    .array(z.object({ text: z.string().max(60), quantity: z.int().min(1).max(999), price: z.number().nonnegative() }))
    .min(1)
    .max(5),
  tags: z.record(z.string().max(8), z.union([z.string(), z.boolean()])),
  kind: z.discriminatedUnion('type', [
    z.object({ type: z.literal('paid'), on: z.iso.date() }),
    z.object({ type: z.literal('open'), days: z.int().max(90) }),
  ]),
  pair: z.tuple([z.number(), z.string()]),
})

interface Category {
  readonly name: string
  readonly children: readonly Category[]
}
const Category: z.ZodType<Category> = z.lazy(() =>
  z.object({ name: z.string().max(10), children: z.array(Category).max(2) }),
)

const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  invoice: z.toJSONSchema(Invoice) as JsonSchema,
  'recursive category': z.toJSONSchema(Category) as JsonSchema,
  'patterns for keys': {
    type: 'object',
    patternProperties: { '^[a-z]+$': { type: 'integer' }, '^x': { minimum: 0 } },
    additionalProperties: { type: 'null' },
    propertyNames: { maxLength: 6 },
    minProperties: 1,
    maxProperties: 4,
  },
  'counts that meet': {
    type: 'array',
    contains: { type: 'integer', minimum: 5 },
    minContains: 2,
    maxContains: 3,
    items: { type: ['integer', 'string'], maxLength: 3 },
    minItems: 3,
    maxItems: 6,
  },
  'overlapping oneOf': {
    oneOf: [
      { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false },
      { type: 'object', properties: { a: { minimum: 3 }, b: { type: 'string' } }, additionalProperties: false },
    ],
  },
  conditional: {
    type: 'object',
    properties: { country: { enum: ['US', 'CA'] }, code: { type: 'string' } },
    required: ['country', 'code'],
    if: { properties: { country: { const: 'US' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { code: { pattern: '^\\d{5}$' } } },
    else: { properties: { code: { pattern: '^[A-Z]\\d[A-Z]$' } } },
    additionalProperties: false,
  },
  'every format': {
    type: 'object',
    properties: Object.fromEntries(
      ['date', 'time', 'date-time', 'duration', 'ipv4', 'ipv6', 'uuid', 'json-pointer', 'uri-reference'].map(format => [
        format,
        { type: 'string', format },
      ]),
    ),
    additionalProperties: false,
    minProperties: 5,
  },
}

const OPTIONS: readonly JsonOptions[] = [
  {},
  { propertyOrder: 'any' },
  { whitespace: { indent: 2 } },
  { whitespace: { max: 2 } },
]
const SAMPLES = 12

for (const [name, schema] of Object.entries(SCHEMAS)) {
  t.test(`whatever is generated for ${name} is valid`, t => {
    const oracle = formats.default(new Ajv2020({ strict: false, logger: false })).compile(schema)
    for (const options of OPTIONS) {
      const language = new JsonLanguage(schema, options)
      for (let seed = 0; seed < SAMPLES; seed++) {
        const text = language.generate(seed, 60 + seed * 40)
        if (!oracle(JSON.parse(text)))
          t.fail(`${JSON.stringify(options)}, seed ${seed}: ${text}`, { errors: oracle.errors })
        if (!language.accepts(text)) t.fail(`not in its own language: ${text}`)
      }
    }
    t.end()
  })
}

t.test('generation is a matter of the seed alone', t => {
  const language = new JsonLanguage(SCHEMAS.invoice!)
  t.equal(language.generate(5), new JsonLanguage(SCHEMAS.invoice!).generate(5))
  t.not(language.generate(5), language.generate(6))
  t.end()
})
