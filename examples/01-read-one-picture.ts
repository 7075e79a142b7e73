/**
 * One picture in, one typed object out. The schema is the contract twice over: nothing else can be generated, and
 * `receipt.total` is a number to the compiler.
 */
import { assistant, type Backend, input, json, program, schema, user } from '../frontend/index.js'

const Receipt = schema({
  type: 'object',
  properties: {
    merchant: { type: 'string', maxLength: 32 },
    date: { type: 'string', maxLength: 10 },
    total: { type: 'number' },
  },
  required: ['merchant', 'date', 'total'],
})

const readReceipt = program('read-receipt', { photo: input.image() }, ({ photo }) => [
  user`${photo}Extract merchant, date, total as JSON.`,
  assistant`${json('receipt', Receipt, { maxTokens: 120 })}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const run = readReceipt.run(backend, { photo: `${pictures}/000.png` })
  const { receipt } = await run.result
  print(`${receipt.merchant} took ${receipt.total.toFixed(2)} on ${receipt.date}\n`)
  print(`${run.usage.promptTokens} tokens read, ${run.usage.completionTokens} written\n`)
}
