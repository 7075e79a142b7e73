/**
 * Three questions about one picture. The branches of a fork share everything before it, so that the picture is
 * encoded once; they run at the same time, and join() brings their answers back into the conversation.
 */
import { assistant, type Backend, fork, gen, input, join, program, user } from '../frontend/index.js'

const inspect = program('inspect', { photo: input.image() }, ({ photo }) => {
  const fields = fork('fields', ['merchant', 'date', 'total'], field => [
    user`${photo}What is the ${field}?`,
    assistant`${gen('value', { maxTokens: 32 })}`,
  ])
  return [fields, user`${photo}It says ${join(fields)}.\nRead all text.`, assistant`${gen('text', { maxTokens: 80 })}`]
})

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const run = inspect.run(backend, { photo: `${pictures}/003.png` })
  const { fields, text } = await run.result
  print(`merchant ${fields.merchant.value}, date ${fields.date.value}, total ${fields.total.value}\n`)
  print(`${text}\n`)
  print(`${run.usage.imageEncodes} picture encoded for ${run.usage.requests} requests\n`)
}
