/**
 * Pages whose print is too small for one look: the model sees them whole and in tiles (AnyRes).
 */
import { assistant, type Backend, input, json, program, schema, user } from '../frontend/index.js'

const Invoice = schema({
  type: 'object',
  properties: {
    invoice_number: { type: 'string', minLength: 1, maxLength: 16 },
    date: { type: 'string', minLength: 8, maxLength: 10 },
    total: { type: 'number', minimum: 0 },
    currency: { type: 'string', enum: ['USD', 'EUR', 'GBP', 'CHF', 'SEK', 'PLN'] },
  },
  required: ['invoice_number', 'date', 'total', 'currency'],
  additionalProperties: false,
})
const Bars = schema({
  type: 'object',
  properties: { Tam: { type: 'number' }, Cheese: { type: 'number' } },
  required: ['Tam', 'Cheese'],
  additionalProperties: false,
})

const readInvoice = program('read-invoice', { page: input.image() }, ({ page }) => [
  user`${page}Extract invoice_number, date, total, currency as JSON.`,
  assistant`${json('invoice', Invoice)}`,
])
const readChart = program('read-chart', { page: input.image() }, ({ page }) => [
  user`${page}Extract Tam, Cheese as JSON.`,
  assistant`${json('bars', Bars)}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const pages = `${pictures}/../pages`
  const first = readInvoice.run(backend, { page: `${pages}/invoice.png` })
  const { invoice } = await first.result
  print(`${invoice.invoice_number} of ${invoice.date}: ${invoice.total.toFixed(2)} ${invoice.currency}\n`)
  const { bars } = await readChart.run(backend, { page: `${pages}/chart.png` }).result
  print(`Tam is ${bars.Tam}, Cheese ${bars.Cheese}\n`)
}
