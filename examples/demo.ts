/**
 * The demo: twelve pictures, two questions about each. The first asks what kind of document it is, the second reads its
 * fields into typed JSON. `npm run demo` runs it; with paths behind `--`, it reads your pictures instead.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { assistant, input, json, program, schema, select, user } from '../frontend/index.js'
import { createEngine } from '../runtime/index.js'

const text = { type: 'string', minLength: 1, maxLength: 32 } as const
const date = { type: 'string', minLength: 8, maxLength: 10 } as const
const currency = { type: 'string', enum: ['USD', 'EUR', 'GBP', 'CHF', 'SEK', 'PLN'] } as const
const amount = { type: 'number', minimum: 0 } as const

const kindOf = program('kind', { photo: input.image() }, ({ photo }) => [
  user`${photo}What kind of document is this?`,
  assistant`${select('kind', ['receipt', 'label', 'price tag'])}`,
])

const readers = {
  receipt: program('receipt', { photo: input.image() }, ({ photo }) => [
    user`${photo}Extract merchant, date, total as JSON.`,
    assistant`${json('fields', schema({ type: 'object', properties: { merchant: text, date, total: amount }, required: ['merchant', 'date', 'total'], additionalProperties: false }))}`,
  ]),
  label: program('label', { photo: input.image() }, ({ photo }) => [
    user`${photo}Extract name, id, city as JSON.`,
    assistant`${json('fields', schema({ type: 'object', properties: { name: text, id: text, city: text }, required: ['name', 'id', 'city'], additionalProperties: false }))}`,
  ]),
  'price tag': program('price-tag', { photo: input.image() }, ({ photo }) => [
    user`${photo}Extract product, price, currency as JSON.`,
    assistant`${json('fields', schema({ type: 'object', properties: { product: text, price: amount, currency }, required: ['product', 'price', 'currency'], additionalProperties: false }))}`,
  ]),
}

// `npm run` starts in the repository's top folder.
const shipped = 'examples/pictures'
const given = process.argv.slice(2)
const pictures =
  given.length > 0
    ? given
    : readdirSync(shipped)
        .filter(name => name.endsWith('.png'))
        .sort()
        .map(name => join(shipped, name))
const printed = given.length > 0 ? new Map() : labels()

const started = performance.now()
const engine = await createEngine()
const loaded = performance.now()
let right = 0
let asked = 0
const lines = await Promise.all(
  pictures.map(async photo => {
    const { kind } = await kindOf.run(engine, { photo }).result
    const { fields } = await readers[kind].run(engine, { photo }).result
    for (const [key, value] of Object.entries(printed.get(basename(photo)) ?? {})) {
      if (key in fields) asked++
      if ((fields as Record<string, unknown>)[key] === value) right++
    }
    return `${basename(photo).padEnd(10)} ${kind.padEnd(10)} ${JSON.stringify(fields)}`
  }),
)
const seconds = (performance.now() - loaded) / 1000
console.log(lines.join('\n'))

const { promptTokens, cachedTokens, imageEncodes, generatedTokens, forcedTokens, decodeSteps } = engine.status()
const share = (part: number, whole: number): string => `${part} of ${whole} (${Math.round((100 * part) / whole)} %)`
console.log(`
${pictures.length} pictures, ${2 * pictures.length} questions in ${seconds.toFixed(2)} s (model loaded in ${((loaded - started) / 1000).toFixed(2)} s)
pictures encoded:          ${imageEncodes}; the second question about a picture needs no encode
prompt tokens from cache:  ${share(cachedTokens, promptTokens)}
tokens the schema dictates: ${share(forcedTokens, generatedTokens)}, appended without a decode step
decode steps:              ${decodeSteps} for ${generatedTokens} generated tokens`)
if (asked > 0)
  console.log(`fields as printed:         ${share(right, asked)} by labels.jsonl; a tiny model, and it misreads some`)
await engine.close()

/** What is printed in the pictures that the repository ships, by file name. */
function labels(): Map<string, Record<string, unknown>> {
  const rows = readFileSync(join(shipped, 'labels.jsonl'), 'utf8').trim().split('\n')
  return new Map(rows.map(row => JSON.parse(row)).map(row => [row.image, row.expected]))
}
