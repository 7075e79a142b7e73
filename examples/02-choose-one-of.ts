/** A choice is scored, not sampled: every option gets a probability, and the answer is always one of them. */
import { assistant, type Backend, input, program, select, user } from '../frontend/index.js'

const classify = program('classify', { photo: input.image() }, ({ photo }) => [
  user`${photo}What kind of document is this?`,
  assistant`${select('kind', ['receipt', 'label', 'price tag'])}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const run = classify.run(backend, { photo: `${pictures}/001.png` })
  const { kind } = await run.result
  print(`It is a ${kind}.\n`)
  for (const { choice, probability } of run.details.get('kind')?.scores ?? []) {
    print(`  ${choice}: ${(100 * probability).toFixed(1)} %\n`)
  }
}
