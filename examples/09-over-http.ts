/**
 * The same programs against a server elsewhere (`radiant serve`). httpBackend() is a backend like any other: streaming,
 * cancelling and errors are as in process, and the pictures travel with the requests.
 */
import { assistant, httpBackend, input, json, program, schema, user } from '../frontend/index.js'

const Label = schema({
  type: 'object',
  properties: { name: { type: 'string', maxLength: 32 }, city: { type: 'string', maxLength: 24 } },
  required: ['name', 'city'],
})

const readLabel = program('read-label', { photo: input.image() }, ({ photo }) => [
  user`${photo}Extract name, city as JSON.`,
  assistant`${json('label', Label, { maxTokens: 120 })}`,
])

export async function main(url: string, pictures: string, print: (text: string) => void): Promise<void> {
  const backend = httpBackend(url)
  await readLabel.check(backend)
  const run = readLabel.run(backend, { photo: `${pictures}/001.png` }, { signal: AbortSignal.timeout(60_000) })
  for await (const delta of run.stream('label')) print(delta)
  const { label } = await run.result
  print(`\nFor ${label.name} in ${label.city}\n`)
}
