/** Events as they happen: text piece by piece, each capture when it is whole - and a run that is stopped half way. */
import { assistant, type Backend, EngineError, gen, input, program, select, user } from '../frontend/index.js'

const describe = program('describe', { photo: input.image() }, ({ photo }) => [
  user`${photo}Is this a label?`,
  assistant`${select('isLabel', ['yes', 'no'])}`,
  user`Read all text.`,
  assistant`${gen('text', { maxTokens: 120 })}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const photo = `${pictures}/006.png`
  const run = describe.run(backend, { photo })
  for await (const event of run) {
    if (event.type === 'text-delta') print(event.delta)
    else if (event.type === 'capture-end') print(`  <- ${event.capture}\n`)
    else if (event.type === 'run-end') print(`${event.usage.requests} requests\n`)
  }

  const stopped = describe.run(backend, { photo })
  for await (const _delta of stopped.stream('text')) break
  stopped.cancel()
  const code = await stopped.result.then(
    () => 'it was faster',
    error => (EngineError.isInstance(error) ? error.code : 'unknown'),
  )
  print(`${code}\n`)
}
