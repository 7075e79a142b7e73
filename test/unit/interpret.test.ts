import t from 'tap'
import { z } from 'zod'
import {
  assistant,
  fork,
  gen,
  input,
  join,
  json,
  program,
  ref,
  repeat,
  type Slot,
  schema,
  select,
  system,
  user,
  when,
} from '../../frontend/index.js'
import { GREY_PICTURE } from '../programs/picture.js'
import { type Call, ScriptedBackend, tokensOf } from '../support/scripted-backend.js'
import { scripted } from '../support/scripts.js'

const generations = (backend: ScriptedBackend) =>
  backend.calls.filter((call): call is Extract<Call, { kind: 'generate' }> => call.kind === 'generate')

t.test('earlier output is repeated by its exact tokens, text and pictures as they stand', async t => {
  const kind = select('kind', ['receipt', 'label'])
  const two = program('two', { photo: input.image(), question: input.text() }, ({ photo, question }) => [
    system`Be exact.`,
    user`${photo} Kind?`,
    assistant`A ${kind} with ${gen('count')} lines.`,
    user`${question} It is a ${ref(kind)}.`,
    assistant`${gen('answer')}`,
  ])
  const backend = scripted({ 'Why?': 'Because.', 'with ': '12', 'A ': 'label' })
  const result = await two.run(backend, { photo: GREY_PICTURE, question: 'Why?' }).result
  t.same(result, { kind: 'label', count: '12', answer: 'Because.' })
  t.same(generations(backend).at(-1)?.request.prompt, {
    kind: 'chat',
    messages: [
      { role: 'system', content: [{ kind: 'text', text: 'Be exact.' }] },
      {
        role: 'user',
        content: [
          { kind: 'image', image: { bytes: GREY_PICTURE } },
          { kind: 'text', text: ' Kind?' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { kind: 'text', text: 'A ' },
          { kind: 'generated', text: 'label', tokenIds: tokensOf('label') },
          { kind: 'text', text: ' with ' },
          { kind: 'generated', text: '12', tokenIds: tokensOf('12') },
          { kind: 'text', text: ' lines.' },
        ],
      },
      { role: 'user', content: [{ kind: 'text', text: 'Why? It is a label.' }] },
    ],
  })
  t.same(generations(backend)[0]?.request.prompt, {
    kind: 'chat',
    messages: [
      { role: 'system', content: [{ kind: 'text', text: 'Be exact.' }] },
      {
        role: 'user',
        content: [
          { kind: 'image', image: { bytes: GREY_PICTURE } },
          { kind: 'text', text: ' Kind?' },
        ],
      },
    ],
    continuation: [
      { kind: 'text', text: 'A ' },
      { kind: 'generated', text: 'label', tokenIds: tokensOf('label') },
      { kind: 'text', text: ' with ' },
    ],
  })
})

t.test('options merge program, run, slot, and constraints are passed on', async t => {
  const Total = schema({ type: 'object', properties: { total: { type: 'number' } }, required: ['total'] })
  const three = program(
    'three',
    {},
    () => [
      user`Go.`,
      assistant`${gen('a', { maxTokens: 5, regex: /\d+/u })} ${gen('b', { ebnf: 'root ::= "x"', logprobs: 2 })}`,
      user`On.`,
      assistant`${json('c', Total, { whitespace: 'spaced', closeOnLength: true, stop: ['!'] })}`,
    ],
    { sampling: { maxTokens: 50, temperature: 0.5, topK: 3 } },
  )
  const backend = new ScriptedBackend(({ index }) => ['12', 'x', '{"total": 1}'][index]!)
  await three.run(backend, {}, { sampling: { temperature: 0.7 }, cacheSalt: 's', priority: 2 }).result
  const [a, b, c] = generations(backend).map(({ request: { prompt: _, ...rest } }) => rest)
  const routing = { cacheSalt: 's', priority: 2 }
  t.same(a, {
    sampling: { maxTokens: 5, temperature: 0.7, topK: 3 },
    constraint: { kind: 'regex', pattern: '\\d+' },
    ...routing,
  })
  t.same(b, {
    sampling: { maxTokens: 50, temperature: 0.7, topK: 3 },
    constraint: { kind: 'ebnf', grammar: 'root ::= "x"' },
    logprobs: { top: 2 },
    ...routing,
  })
  t.same(c, {
    sampling: { maxTokens: 50, temperature: 0.7, topK: 3, stop: ['!'] },
    constraint: {
      kind: 'json-schema',
      schema: {
        type: 'object',
        properties: { total: { type: 'number' } },
        required: ['total'],
        additionalProperties: false,
      },
      whitespace: 'spaced',
    },
    closeOnLength: true,
    ...routing,
  })
})

t.test('a seed of the run gives each capture its own, the same in every run; a slot keeps its own', async t => {
  const votes = program('votes', {}, () => [
    user`Vote.`,
    fork('votes', ['a', 'b'], () => [assistant`${gen('vote')}`]),
    assistant`${gen('last', { seed: 5 })}`,
  ])
  const seedsOf = async (seed: number) => {
    const backend = new ScriptedBackend(() => 'x')
    await votes.run(backend, {}, { sampling: { seed, temperature: 1 } }).result
    return generations(backend).map(({ request }) => request.sampling?.seed)
  }
  const [a, b, last] = await seedsOf(1)
  t.not(a, b)
  t.equal(last, 5)
  t.same(await seedsOf(1), [a, b, last])
  t.not((await seedsOf(2))[0], a)
})

t.test('a choice inside a branch is repeated among its captures; other cases are not run', async t => {
  const kind = select('kind', ['yes', 'no'])
  const nested = program('nested', {}, () => [
    user`Q`,
    assistant`${kind}`,
    fork('f', ['a'], () => [when(kind, { yes: [], no: [user`Why not?`, assistant`${gen('why')}`] })]),
  ])
  t.same(await nested.run(scripted({ Q: 'yes' }), {}).result, { kind: 'yes', f: { a: { kind: 'yes' } } })
  t.same(await nested.run(scripted({ 'not?': 'No.', Q: 'no' }), {}).result, {
    kind: 'no',
    f: { a: { kind: 'no', why: 'No.' } },
  })
})

t.test('rounds end by their condition or their number; those that did not run are not joined', async t => {
  const more = select('more', ['yes', 'no'])
  const tips = repeat('tips', { atMost: 3, until: { slot: more, is: 'no' } }, round => [
    user`Tip ${round}.`,
    assistant`${gen('tip')} ${more}`,
  ])
  const list = program('list', {}, () => [
    tips,
    user`So: ${join(tips, (_key, { tip }) => [tip], { separator: '/' })}`,
    assistant`${gen('end')}`,
  ])
  const run = async (answers: readonly string[]) => {
    const backend = new ScriptedBackend(({ index }) => answers[index]!)
    return { result: await list.run(backend, {}).result, last: generations(backend).at(-1)?.prompt }
  }
  const stopped = await run(['one', 'no', 'end'])
  t.same(stopped.result, { tips: [{ tip: 'one', more: 'no' }], end: 'end' })
  t.match(stopped.last, /So: one\n/)
  const full = await run(['one', 'yes', 'two', 'yes', 'three', 'yes', 'end'])
  t.equal(full.result.tips.length, 3)
  t.match(full.last, /<user> Tip 0.\n<assistant> one yes\n<user> Tip 1.\n.*So: one\/two\/three\n/s)
})

t.test('a validator transforms the value; what it refuses fails with the place', async t => {
  const Item = z.object({
    lines: z.array(
      z.object({
        price: z
          .string()
          .transform(Number)
          .refine(price => price > 0, 'too low'),
      }),
    ),
  })
  const read = program('read', {}, () => [user`Read.`, assistant`${json('item', Item)}`])
  const answer = (text: string) => read.run(new ScriptedBackend(() => text), {}).result
  t.same(await answer('{"lines":[{"price":"3"}]}'), { item: { lines: [{ price: 3 }] } })
  await t.rejects(answer('{"lines":[{"price":"-3"}]}'), {
    code: 'PROGRAM_OUTPUT_INVALID',
    message: 'program "read", capture "item": the validator refuses the value: lines.0.price: too low.',
  })
  await t.rejects(answer('{"lines":'), {
    code: 'PROGRAM_OUTPUT_INVALID',
    message: 'program "read", capture "item": the text is no JSON: "{\\"lines\\":".',
  })
})

t.test('half an answer to a constraint is an error with the half in it; half a free text is text', async t => {
  const Free = schema({ type: 'object' })
  const run = (slot: Slot<'x', unknown>, text: string) => {
    const cut = program('cut', {}, () => [user`Go.`, assistant`${slot}`])
    return cut.run(new ScriptedBackend(() => text), {}).result
  }
  await t.rejects(run(json('x', Free, { maxTokens: 4 }), '{"a":1}'), {
    code: 'PROGRAM_OUTPUT_TRUNCATED',
    data: { text: '{"a"', tokens: 4 },
    message: 'program "cut", capture "x": the JSON was cut off after 4 tokens; raise maxTokens. It ends: "{\\"a\\""',
  })
  await t.rejects(run(gen('x', { regex: /\d{9}/, maxTokens: 4 }), '123456789'), { code: 'PROGRAM_OUTPUT_TRUNCATED' })
  t.same(await run(gen('x', { maxTokens: 4 }), '123456789'), { x: '1234' })
  t.same(await run(json('x', Free, { maxTokens: 7, closeOnLength: true }), '{"a":1}'), { x: { a: 1 } })
})

t.test('a request that the engine aborts on its own ends the run as cancelled', async t => {
  const one = program('one', {}, () => [user`Go.`, assistant`${gen('x')}`])
  const inner = new ScriptedBackend(() => ({ text: 'abc', hangs: true }))
  const backend = new ScriptedBackend(() => '')
  backend.generate = (request, options) => {
    const generation = inner.generate(request, options)
    setTimeout(() => generation.abort(), 5)
    return generation
  }
  await t.rejects(one.run(backend, {}).result, { code: 'PROGRAM_CANCELLED', message: 'program "one" was cancelled.' })
  inner.checkIntegrity()
})

t.test('what a stop text cut is repeated as text, since its tokens may say more', async t => {
  const stopped = program('stopped', {}, () => [
    user`Go.`,
    assistant`So ${gen('a', { stop: ['.'] })}. And ${gen('b')}.`,
  ])
  const backend = new ScriptedBackend(({ index }) => ['one. two', 'three'][index]!)
  const run = stopped.run(backend, {})
  t.same(await run.result, { a: 'one', b: 'three' })
  t.match(generations(backend)[1]?.request.prompt, { continuation: [{ kind: 'text', text: 'So one. And ' }] })
  t.equal(run.details.get('a')?.stoppedAt, '.')
  t.equal(run.details.get('b')?.stoppedAt, null)
})
