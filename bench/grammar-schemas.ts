import type { JsonSchema } from '../runtime/protocol/backend.js'

const address = {
  type: 'object',
  properties: {
    street: { type: 'string', maxLength: 120 },
    city: { type: 'string' },
    postalCode: { type: 'string', pattern: '^[0-9A-Z -]{3,10}$' },
    country: { type: 'string', minLength: 2, maxLength: 2 },
  },
  required: ['street', 'city', 'country'],
  additionalProperties: false,
} as const

export const invoiceSchema = {
  type: 'object',
  properties: {
    invoiceNumber: { type: 'string', pattern: '^[A-Z]{2,4}-[0-9]{4,8}$' },
    issuedOn: { type: 'string', format: 'date' },
    currency: { enum: ['EUR', 'USD', 'GBP', 'CHF'] },
    seller: address,
    buyer: address,
    lines: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: {
        type: 'object',
        properties: {
          description: { type: 'string', maxLength: 200 },
          quantity: { type: 'integer', minimum: 1 },
          unitPrice: { type: 'number', minimum: 0 },
          taxRate: { anyOf: [{ type: 'number', minimum: 0, maximum: 1 }, { type: 'null' }] },
        },
        required: ['description', 'quantity', 'unitPrice', 'taxRate'],
        additionalProperties: false,
      },
    },
    total: { type: 'number' },
    paid: { type: 'boolean' },
  },
  required: ['invoiceNumber', 'issuedOn', 'currency', 'seller', 'buyer', 'lines', 'total', 'paid'],
  additionalProperties: false,
} as const

export const smallSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer' },
    email: { type: 'string' },
    active: { type: 'boolean' },
    score: { type: 'number' },
  },
  required: ['name', 'age', 'email', 'active', 'score'],
  additionalProperties: false,
} as const

const box = {
  type: 'array',
  prefixItems: [
    { $ref: '#/$defs/share' },
    { $ref: '#/$defs/share' },
    { $ref: '#/$defs/share' },
    { $ref: '#/$defs/share' },
  ],
  items: false,
  minItems: 4,
} as const
const share = { type: 'number', minimum: 0, maximum: 1 } as const

/** What people ask of pictures and documents: the schemas that are walked in where no suites are at hand. */
export const REALISTIC_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  invoice: invoiceSchema,
  'small object': smallSchema,
  'objects in a picture': {
    type: 'array',
    maxItems: 20,
    items: {
      type: 'object',
      properties: {
        label: { type: 'string', minLength: 1, maxLength: 30 },
        box,
        confidence: { $ref: '#/$defs/share' },
      },
      required: ['label', 'box'],
      additionalProperties: false,
    },
    $defs: { share },
  },
  'identity card': {
    type: 'object',
    properties: {
      documentNumber: { type: 'string', pattern: '^[A-Z0-9]{9}$' },
      surname: { type: 'string', minLength: 1 },
      givenNames: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 4 },
      birthDate: { type: 'string', format: 'date' },
      sex: { enum: ['F', 'M', 'X', null] },
      validUntil: { type: ['string', 'null'], format: 'date' },
    },
    required: ['documentNumber', 'surname', 'birthDate'],
    additionalProperties: false,
  },
  'chart with series': {
    type: 'object',
    properties: {
      title: { type: 'string' },
      kind: { enum: ['bar', 'line', 'pie'] },
      series: {
        type: 'object',
        additionalProperties: { type: 'array', items: { type: ['number', 'null'] } },
        propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9 ]{0,19}$' },
        maxProperties: 4,
      },
    },
    required: ['kind', 'series'],
  },
  'tool call': {
    oneOf: [
      {
        type: 'object',
        properties: {
          tool: { const: 'search' },
          query: { type: 'string' },
          limit: { type: 'integer', minimum: 1, maximum: 50 },
        },
        required: ['tool', 'query'],
        additionalProperties: false,
      },
      {
        type: 'object',
        properties: {
          tool: { const: 'click' },
          at: { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 2 },
        },
        required: ['tool', 'at'],
        additionalProperties: false,
      },
      { type: 'object', properties: { tool: { const: 'done' } }, required: ['tool'], additionalProperties: false },
    ],
  },
  'comments with replies': {
    $ref: '#/$defs/comment',
    $defs: {
      comment: {
        type: 'object',
        properties: {
          author: { type: 'string', format: 'email' },
          at: { type: 'string', format: 'date-time' },
          text: { type: 'string', maxLength: 280 },
          replies: { type: 'array', items: { $ref: '#/$defs/comment' }, maxItems: 3 },
        },
        required: ['author', 'text'],
        additionalProperties: false,
      },
    },
  },
  'payment by kind': {
    type: 'object',
    properties: {
      kind: { enum: ['card', 'transfer'] },
      amount: { type: 'number', exclusiveMinimum: 0, multipleOf: 0.01 },
    },
    required: ['kind', 'amount'],
    if: { properties: { kind: { const: 'card' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { last4: { type: 'string', pattern: '^\\d{4}$' } }, required: ['last4'] },
    else: { properties: { iban: { type: 'string', pattern: '^[A-Z]{2}\\d{2}[A-Z0-9]{11,30}$' } }, required: ['iban'] },
    unevaluatedProperties: false,
  },
  'form with dependent fields': {
    type: 'object',
    properties: {
      smoker: { type: 'boolean' },
      cigarettesPerDay: { type: 'integer', minimum: 0, maximum: 100 },
      allergies: { type: 'array', items: { enum: ['nuts', 'milk', 'wheat', 'fish'] }, uniqueItems: true },
    },
    dependentRequired: { cigarettesPerDay: ['smoker'] },
    additionalProperties: false,
  },
  'merged record': {
    allOf: [
      { type: 'object', properties: { id: { type: 'string', format: 'uuid' } }, required: ['id'] },
      {
        type: 'object',
        properties: { tags: { type: 'array', items: { type: 'string', maxLength: 12 }, contains: { const: 'new' } } },
      },
    ],
    unevaluatedProperties: { type: 'integer' },
  },
  'table of cells': {
    type: 'object',
    properties: {
      header: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 5 },
      rows: { type: 'array', items: { type: 'array', items: { type: ['string', 'number', 'null'] }, maxItems: 5 } },
    },
    required: ['header', 'rows'],
    additionalProperties: false,
  },
  'network hosts': {
    type: 'object',
    patternProperties: {
      '^host-[0-9]+$': {
        anyOf: [
          { type: 'string', format: 'ipv4' },
          { type: 'string', format: 'ipv6' },
        ],
      },
    },
    properties: { gateway: { type: 'string', format: 'hostname' }, docs: { type: 'string', format: 'uri' } },
    additionalProperties: false,
    minProperties: 1,
  },
}
