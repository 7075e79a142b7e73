/**
 * What is asked next depends on what was answered first. The result is a union: once `kind` is tested, the compiler
 * knows which of the other captures are there.
 */
import { assistant, type Backend, input, json, program, schema, select, user, when } from '../frontend/index.js'

const text = { type: 'string', minLength: 1, maxLength: 32 } as const
const Receipt = schema({
  type: 'object',
  properties: { merchant: text, total: { type: 'number' } },
  required: ['merchant', 'total'],
})
const Label = schema({ type: 'object', properties: { name: text, city: text }, required: ['name', 'city'] })

const route = program('route', { photo: input.image() }, ({ photo }) => {
  const kind = select('kind', ['receipt', 'label', 'price tag'])
  return [
    user`${photo}Is this a receipt, a label or a price tag?`,
    assistant`${kind}`,
    when(kind, {
      receipt: [user`Extract merchant, total as JSON.`, assistant`${json('receipt', Receipt)}`],
      label: [user`Extract name, city as JSON.`, assistant`${json('label', Label)}`],
      'price tag': [],
    }),
  ]
})

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  for (const name of ['000.png', '001.png', '002.png']) {
    const document = await route.run(backend, { photo: `${pictures}/${name}` }).result
    if (document.kind === 'receipt') print(`${name}: ${document.receipt.merchant}, ${document.receipt.total}\n`)
    else if (document.kind === 'label') print(`${name}: ${document.label.name} of ${document.label.city}\n`)
    else print(`${name}: a price tag\n`)
  }
}
