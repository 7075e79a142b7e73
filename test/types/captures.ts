import { z } from 'zod'
import {
  assistant,
  type Captures,
  fork,
  gen,
  type ImageValue,
  input,
  join,
  json,
  program,
  ref,
  repeat,
  schema,
  select,
  system,
  user,
  type VideoValue,
  when,
} from '../../frontend/index.js'
import { same } from './equal.js'

type ResultOf<P> = P extends { run(...given: never[]): { readonly result: Promise<infer O> } } ? O : never
type InputsOf<P> = P extends { run(backend: never, inputs: infer I, options?: never): unknown } ? I : never

// Captures are an exact object, in whatever turns they stand.
const two = program('two', { topic: input.text() }, ({ topic }) => {
  const first = gen('first')
  return [
    system`Be brief.`,
    user`${topic}`,
    assistant`${first} and ${select('second', ['a', 'b'])}`,
    user`${ref(first)}`,
  ]
})
same<ResultOf<typeof two>, { readonly first: string; readonly second: 'a' | 'b' }>()
same<InputsOf<typeof two>, { readonly topic: string }>()

// Every input has the type that its declaration says.
const inputs = program(
  'inputs',
  { text: input.text(), photo: input.image(), clip: input.video(), count: input.number() },
  holes => [user`${holes.photo} ${holes.clip} ${holes.text} ${holes.count}`, assistant`${gen('x')}`],
)
same<
  InputsOf<typeof inputs>,
  { readonly text: string; readonly photo: ImageValue; readonly clip: VideoValue; readonly count: number }
>()

// A program without captures has no fields; choices that are not literals are strings.
same<keyof Captures<readonly []>, never>()
const loose: string[] = ['a']
same<Captures<readonly [ReturnType<typeof loosely>]>, { readonly kind: string }>()
function loosely() {
  return assistant`${select('kind', loose)}`
}

// A fork has one entry for each key, each with the captures of a branch.
const notes = program('notes', {}, () => {
  const notes = fork('notes', ['clarity', 'evidence'], key => [
    user`${key}`,
    assistant`${gen('note')} ${select('ok', ['y', 'n'])}`,
  ])
  return [notes, user`${join(notes, (key, { note, ok }) => [key satisfies 'clarity' | 'evidence', note, ok])}`]
})
same<ResultOf<typeof notes>['notes']['clarity'], { readonly note: string; readonly ok: 'y' | 'n' }>()
same<keyof ResultOf<typeof notes>['notes'], 'clarity' | 'evidence'>()

// A repeat is an array of rounds.
const tips = program('tips', {}, () => {
  const more = select('more', ['yes', 'no'])
  return [
    repeat('tips', { atMost: 3, until: { slot: more, is: 'no' } }, round => [
      user`${round}`,
      assistant`${gen('tip')} ${more}`,
    ]),
  ]
})
same<ResultOf<typeof tips>, { readonly tips: readonly { readonly tip: string; readonly more: 'yes' | 'no' }[] }>()

// The choice narrows: each case is a member of the union with what only it captures.
const Report = z.object({ grade: z.enum(['A', 'B']), length: z.string().transform(text => text.length) })
const judge = program('judge', {}, () => {
  const related = select('related', ['yes', 'no'])
  return [
    user`Related?`,
    assistant`${related}`,
    when(related, { no: [], yes: [assistant`${json('report', Report)}`] }),
    user`!`,
  ]
})
same<
  ResultOf<typeof judge>,
  { readonly related: 'no' } | { readonly related: 'yes'; readonly report: { grade: 'A' | 'B'; length: number } }
>()
export function grade(result: ResultOf<typeof judge>): 'A' | 'B' | null {
  // @ts-expect-error without the test there may be no report
  result.report
  return result.related === 'yes' ? result.report.grade : null
}

// A choice of an outer body narrows inside a branch as well.
const outer = program('outer', {}, () => {
  const kind = select('kind', ['x', 'y'])
  return [assistant`${kind}`, fork('f', ['a'], () => [when(kind, { x: [assistant`${gen('why')}`], y: [] })])]
})
same<ResultOf<typeof outer>['f']['a'], { readonly kind: 'x'; readonly why: string } | { readonly kind: 'y' }>()

// Literal schemas and validators type their slots.
const typed = program('typed', {}, () => [
  assistant`${json('a', schema({ type: 'array', items: { type: 'integer' } }))}`,
  user`and`,
  assistant`${json('b', z.object({ on: z.boolean() }))}`,
])
same<ResultOf<typeof typed>, { readonly a: number[]; readonly b: { on: boolean } }>()

// Parts made by a function keep their types; names that are not literals give an index.
const ask = (question: string) => [user`${question}`, assistant`${gen('answer')}`] as const
const composed = program('composed', {}, () => [...ask('Why?'), user`Yes?`, assistant`${select('ok', ['y', 'n'])}`])
same<ResultOf<typeof composed>, { readonly answer: string; readonly ok: 'y' | 'n' }>()
const dynamic = program('dynamic', {}, () => ['a', 'b'].map(name => assistant`${gen(name)}`))
same<ResultOf<typeof dynamic>, { readonly [name: string]: string }>()

// A body, a turn or a hole that is one of two captures one of two things, not both.
declare const flag: boolean
const branches = program('branches', { topic: input.text() }, ({ topic }) => [
  fork('notes', ['a', 'b'], key =>
    key === 'a' ? [user`${topic}`, assistant`${gen('x')}`] : [user`${topic}`, assistant`${gen('y')}`],
  ),
])
same<
  ResultOf<typeof branches>,
  {
    readonly notes: {
      readonly a: { readonly x: string } | { readonly y: string }
      readonly b: { readonly x: string } | { readonly y: string }
    }
  }
>()
const oneHole = program('one-hole', {}, () => [user`q`, assistant`${flag ? gen('x') : gen('y')}${gen('z')}`])
same<
  ResultOf<typeof oneHole>,
  { readonly x: string; readonly z: string } | { readonly y: string; readonly z: string }
>()
const oneBody = program('one-body', {}, () =>
  flag ? [user`q`, assistant`${gen('x')}`] : [user`q`, assistant`${select('y', ['yes', 'no'])}`],
)
same<ResultOf<typeof oneBody>, { readonly x: string } | { readonly y: 'yes' | 'no' }>()
