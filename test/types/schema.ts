import { type SchemaValue, schema } from '../../frontend/index.js'
import { same } from './equal.js'

const scalars = schema({
  type: 'object',
  properties: {
    text: { type: 'string' },
    count: { type: 'integer' },
    amount: { type: 'number' },
    isPaid: { type: 'boolean' },
    nothing: { type: 'null' },
  },
  required: ['text', 'count', 'amount', 'isPaid', 'nothing'],
})
same<SchemaValue<typeof scalars>, { text: string; count: number; amount: number; isPaid: boolean; nothing: null }>()

const optional = schema({
  type: 'object',
  properties: { a: { type: 'string' }, b: { type: 'string' } },
  required: ['a'],
})
same<SchemaValue<typeof optional>, { a: string; b?: string }>()
const none = schema({ type: 'object', properties: { a: { type: 'string' } } })
same<SchemaValue<typeof none>, { a?: string }>()

const nullable = schema({ type: ['string', 'null'] })
same<SchemaValue<typeof nullable>, string | null>()
const constant = schema({ const: 'receipt' })
same<SchemaValue<typeof constant>, 'receipt'>()
const choice = schema({ enum: ['EUR', 'USD', 3, null] })
same<SchemaValue<typeof choice>, 'EUR' | 'USD' | 3 | null>()
const either = schema({ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'number' } }] })
same<SchemaValue<typeof either>, string | number[]>()
const oneOf = schema({ oneOf: [{ const: 1 }, { const: 2 }] })
same<SchemaValue<typeof oneOf>, 1 | 2>()
const anything = schema(true)
same<SchemaValue<typeof anything>, unknown>()

const nested = schema({
  type: 'object',
  properties: {
    lines: {
      type: 'array',
      items: { type: 'object', properties: { price: { type: 'number' } }, required: ['price'] },
    },
  },
  required: ['lines'],
})
same<SchemaValue<typeof nested>, { lines: { price: number }[] }>()

const dictionary = schema({ type: 'object', additionalProperties: { type: 'number' } })
same<SchemaValue<typeof dictionary>, { [key: string]: number }>()
const open = schema({ type: 'object' })
same<SchemaValue<typeof open>, { [key: string]: unknown }>()
const mixed = schema({ type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false })
same<SchemaValue<typeof mixed>, (string | number)[]>()
const all = schema({
  allOf: [
    { type: 'object', properties: { a: { const: 1 } } },
    { type: 'object', additionalProperties: true },
  ],
})
same<SchemaValue<typeof all>, { a?: 1 } & { [key: string]: unknown }>()

const pointed = schema({
  $ref: '#/$defs/tree',
  $defs: {
    tree: {
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/tree' } } },
      required: ['name', 'children'],
    },
  },
})
export const depth: string | undefined = (null as unknown as SchemaValue<typeof pointed>).children[0]?.children[0]?.name

// @ts-expect-error there is no such type of JSON value
schema({ type: 'text' })
// @ts-expect-error `required` is a list of names
schema({ type: 'object', required: 'a' })
