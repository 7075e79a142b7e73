import { z } from 'zod'
import type { AnswerHoles, InputHole, PromptHoles, Slot } from '../../frontend/dsl/types.js'
import {
  assistant,
  type Backend,
  fork,
  gen,
  image,
  input,
  json,
  program,
  ref,
  repeat,
  schema,
  select,
  session,
  type TypeMessage,
  user,
  when,
} from '../../frontend/index.js'
import { same } from './equal.js'

// What cannot be is refused with a sentence where the compiler has room for one.
same<
  PromptHoles<[Slot<'x', string>]>,
  [TypeMessage<'only an assistant turn can generate "x"; refer to it with ref(x)'>]
>()
same<AnswerHoles<[InputHole<'image'>]>, [TypeMessage<'an assistant turn holds no pictures; put it into a user turn'>]>()

program('refusals', { photo: input.image(), clip: input.video(), text: input.text() }, ({ photo, clip, text }) => {
  const kind = select('kind', ['yes', 'no'])
  // @ts-expect-error only an assistant turn can generate
  user`${kind}`
  // @ts-expect-error an assistant turn holds no pictures
  assistant`${photo}`
  // @ts-expect-error nor videos
  assistant`${clip}`
  // @ts-expect-error an object is no hole
  user`${{ text }}`
  // @ts-expect-error nor is undefined
  user`${undefined}`
  // @ts-expect-error pictures of a program are its inputs
  user`${image('x.png')}`
  // @ts-expect-error a select needs at least one choice
  select('none', [])
  // @ts-expect-error a case is missing
  when(kind, { yes: [] })
  // @ts-expect-error a case too many
  when(kind, { yes: [], no: [], maybe: [] })
  // @ts-expect-error only a select has cases
  when(ref(kind), { yes: [], no: [] })
  // @ts-expect-error text is no turn
  fork('f', ['a'], () => ['text'])
  // @ts-expect-error a slot is no turn
  fork('f', ['a'], () => [kind])
  // @ts-expect-error that is no choice
  repeat('r', { atMost: 2, until: { slot: kind, is: 'maybe' } }, () => [assistant`${kind}`])
  // @ts-expect-error a bare schema has no type; schema({...}) gives it one
  json('j', { type: 'object' })
  // @ts-expect-error there is no such option
  gen('g', { temprature: 1 })
  // @ts-expect-error an input is referred to by itself
  ref(text)
  return [assistant`${kind}`]
})
// @ts-expect-error there is no such input
program('p', { photo: input.image() }, ({ phto }) => [user`${phto}`, assistant`${gen('x')}`])
// @ts-expect-error a body is a list of turns
program('p', {}, () => 'text')

// Runs take exactly the inputs that were declared, and give exactly what was captured.
declare const backend: Backend
const read = program('read', { photo: input.image(), text: input.text() }, ({ photo, text }) => [
  user`${photo} ${text}`,
  assistant`${json('receipt', schema({ type: 'object', properties: { total: { type: 'number' } }, required: ['total'] }))}`,
])
export async function runs(): Promise<void> {
  // @ts-expect-error an input is missing
  read.run(backend, { photo: 'a.png' })
  // @ts-expect-error an input has another type
  read.run(backend, { photo: 7, text: '' })
  // @ts-expect-error an input too many
  read.run(backend, { photo: 'a.png', text: '', more: 1 })
  const run = read.run(backend, { photo: 'a.png', text: '' })
  // @ts-expect-error there is no such capture
  run.stream('total')
  run.stream('receipt')
  for await (const event of run) {
    if (event.type === 'capture-end')
      same<
        typeof event,
        { readonly type: 'capture-end'; readonly capture: 'receipt'; readonly value: { total: number } }
      >()
    if (event.type === 'run-end') same<typeof event.result, { readonly receipt: { total: number } }>()
  }
  for await (const item of read.runAll(backend, [{ photo: 'a.png', text: '' }])) {
    // @ts-expect-error an item may have failed
    item.result
    if (item.ok) same<typeof item.result.receipt.total, number>()
  }
}

export async function chats(): Promise<void> {
  const chat = session(backend)
  chat.user`${image('x.png')} What is it?`
  same<Awaited<ReturnType<typeof picked>>, 'a' | 'b'>()
  const picked = () => chat.select(['a', 'b'])
  const answer = await chat.assistant`It is ${gen('what')} of ${select('kind', ['x', 'y'])}.`
  same<typeof answer, { readonly what: string; readonly kind: 'x' | 'y' }>()
  const length = await chat.json(z.object({ length: z.string().transform(text => text.length) }))
  same<typeof length, { length: number }>()
  const notes = await chat.send(fork('notes', ['a', 'b'], () => [assistant`${gen('note')}`]))
  same<typeof notes.notes.a, { readonly note: string }>()
  // @ts-expect-error only the assistant generates
  chat.user`${gen('x')}`
}
