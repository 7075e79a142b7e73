/**
 * One program over a folder of pictures: a few at a time, in order, and a picture that cannot be read spoils no other.
 * On a terminal a progress line shows how far it is.
 */
import { readdir } from 'node:fs/promises'
import { assistant, type Backend, input, program, select, user } from '../frontend/index.js'

const classify = program('classify', { photo: input.image() }, ({ photo }) => [
  user`${photo}What kind of document is this?`,
  assistant`${select('kind', ['receipt', 'label', 'price tag'])}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const names = (await readdir(pictures)).filter(name => name.endsWith('.png')).sort()
  const inputs = [...names, 'missing.png'].map(name => ({ photo: `${pictures}/${name}` }))
  const counts = new Map<string, number>()
  for await (const item of classify.runAll(backend, inputs, { inFlight: 8, retries: 2 })) {
    if (!item.ok) {
      print(`${inputs[item.index]?.photo.split('/').at(-1)}: ${item.error.code}\n`)
      continue
    }
    counts.set(item.result.kind, (counts.get(item.result.kind) ?? 0) + 1)
  }
  print(`${[...counts].map(([kind, count]) => `${count} x ${kind}`).join(', ')}\n`)
}
