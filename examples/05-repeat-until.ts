/** The same question with other words, until the answer is yes. Each round sees the rounds before it. */
import { assistant, type Backend, input, program, repeat, select, user } from '../frontend/index.js'

const KINDS = ['price tag', 'label', 'receipt']

const guess = program('guess', { photo: input.image() }, ({ photo }) => {
  const answer = select('answer', ['yes', 'no'])
  return [
    repeat('guesses', { atMost: KINDS.length, until: { slot: answer, is: 'yes' } }, round => [
      round === 0 ? user`${photo}Is this a ${KINDS[round]!}?` : user`Is this a ${KINDS[round]!}?`,
      assistant`${answer}`,
    ]),
  ]
})

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  print(guess.explain())
  const { guesses } = await guess.run(backend, { photo: `${pictures}/001.png` }).result
  guesses.forEach(({ answer }, round) => {
    print(`Is this a ${KINDS[round]}? ${answer}\n`)
  })
}
