/**
 * A conversation that plain code directs, step by step. The same turns and slots as in a program; what was said is
 * never computed twice, and a fork tries something without a trace in the conversation itself.
 */
import { type Backend, image, schema, session } from '../frontend/index.js'

const Tag = schema({
  type: 'object',
  properties: { product: { type: 'string', maxLength: 32 }, price: { type: 'number' } },
  required: ['product', 'price'],
})

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const chat = session(backend, { name: 'counter', sampling: { maxTokens: 100 } })
  chat.user`${image(`${pictures}/002.png`)}What kind of document is this?`
  const kind = await chat.select(['receipt', 'label', 'price tag'])
  if (kind !== 'price tag') {
    print(`A ${kind} has no price.\n`)
    return
  }
  chat.user`Extract product, price as JSON.`
  const { product, price } = await chat.json(Tag)
  print(`${product} at ${price}\n`)

  const aside = await chat.fork()
  aside.user`Is the currency EUR?`
  print(`In euro? ${await aside.select(['yes', 'no'])}\n`)
  print(chat.explain())
}
