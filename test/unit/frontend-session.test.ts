import t from 'tap'
import { assistant, EngineError, fork, gen, image, schema, select, session, user, when } from '../../frontend/index.js'
import { GREY_PICTURE } from '../programs/picture.js'
import { tokensOf } from '../support/scripted-backend.js'
import { scripted } from '../support/scripts.js'

const Total = schema({ type: 'object', properties: { total: { type: 'number' } }, required: ['total'] })
const answers = { 'Which kind?': 'receipt', 'What total?': '{"total":3}', 'Anything else?': 'No.' }

t.test('a conversation goes on from step to step, with the exact tokens of what was said', async t => {
  const backend = scripted(answers)
  const said: string[] = []
  const chat = session(backend, {
    sampling: { maxTokens: 20 },
    onText: (delta, capture) => said.push(`${capture}: ${delta}`),
  })
  chat.system`Be brief.`
  chat.user`${image(GREY_PICTURE)} Which kind?`
  t.equal(await chat.select(['receipt', 'label']), 'receipt')
  chat.user`What total?`
  t.same(await chat.json(Total), { total: 3 })
  chat.user`Anything else?`
  t.equal(await chat.gen(), 'No.')
  t.same(chat.captures, { select1: 'receipt', json2: { total: 3 }, gen3: 'No.' })
  t.match(backend.calls.at(-1), {
    request: {
      sampling: { maxTokens: 20 },
      prompt: {
        messages: [
          { role: 'system' },
          { role: 'user', content: [{ kind: 'image', image: { bytes: GREY_PICTURE } }, { text: ' Which kind?' }] },
          { role: 'assistant', content: [{ kind: 'generated', text: 'receipt', tokenIds: tokensOf('receipt') }] },
          { role: 'user' },
          { role: 'assistant', content: [{ kind: 'generated', text: '{"total":3}' }] },
          { role: 'user', content: [{ kind: 'text', text: 'Anything else?' }] },
        ],
      },
    },
  })
  t.same(said.slice(0, 2), ['select1: receipt', 'json2: {"to'])
  t.equal(chat.usage.requests, 3)
  backend.checkIntegrity()
})

t.test('steps run in the order in which they were asked for, awaited or not', async t => {
  const chat = session(scripted({ One: { text: '1', delayMs: 10 }, Two: '2' }))
  chat.user`One`
  const first = chat.gen()
  chat.user`Two`
  const second = chat.gen()
  t.same(await Promise.all([second, first]), ['2', '1'])
  t.match(chat.explain(), /1 user: "One"\n2 assistant: \[gen gen1\]\n3 user: "Two"\n4 assistant: \[gen gen2\]/)
})

t.test('named slots and any node of a program can be sent', async t => {
  const chat = session(scripted({ 'The a': 'A', 'The b': 'B', Go: 'x' }))
  chat.user`Go`
  t.same(await chat.assistant`Say ${gen('word')}.`, { word: 'x' })
  const parts = fork('parts', ['a', 'b'], key => [user`The ${key}`, assistant`${gen('text')}`])
  t.same(await chat.send(parts), { parts: { a: { text: 'A' }, b: { text: 'B' } } })
  t.same(await chat.send(user`Thanks.`), {})
})

t.test('a step that fails leaves the session as it was', async t => {
  const overloaded = { text: '', error: new EngineError('ENGINE_OVERLOADED', { waiting: 1, limit: 1 }) }
  const script: Record<string, typeof overloaded | string> = { Hello: overloaded }
  const backend = scripted(script)
  const chat = session(backend)
  chat.user`Hello`
  await t.rejects(chat.gen(), { code: 'ENGINE_OVERLOADED' })
  t.same(chat.captures, {})
  script.Hello = 'Hi.'
  t.equal(await chat.gen(), 'Hi.')
  t.match(backend.calls.at(-1), { prompt: '<user> Hello\n<assistant> ' })
  t.equal(chat.explain(), 'program "session" ()\n1 user: "Hello"\n2 assistant: [gen gen2]\n')
})

t.test('what is wrong with a step is told as for a program', async t => {
  const chat = session(scripted({ '': 'yes' }), { name: 'talk' })
  await chat.assistant`${select('ok', ['yes', 'no'])}`
  await t.rejects(chat.assistant`${gen('ok')}`, {
    code: 'PROGRAM_INVALID',
    message: 'program "talk", turn 2 (assistant): captures "ok" again; every capture needs a name of its own.',
  })
  chat.user`${image('/nowhere/at-all.png')}`
  await t.rejects(chat.gen(), { code: 'IMAGE_NOT_FOUND', message: 'There is no picture at /nowhere/at-all.png.' })
  chat.drop()
  t.equal(await chat.gen(), 'yes')
})

t.test('a fork starts from what was said and goes its own way', async t => {
  const backend = scripted({ Left: 'l', Right: 'r', Start: 's' })
  const chat = session(backend)
  chat.user`Start`
  const started = chat.gen()
  const [left, right] = await Promise.all([chat.fork(), chat.fork()])
  left.user`Left`
  right.user`Right`
  t.same(await Promise.all([started, left.gen(), right.gen()]), ['s', 'l', 'r'])
  t.same(Object.values(left.captures), ['s', 'l'])
  t.same(Object.values(chat.captures), ['s'])
})

t.test('one picture that is shown twice is one input; a session can be read as a program', async t => {
  const chat = session(scripted({ '': 'x' }))
  chat.user`${image(GREY_PICTURE)} and ${image(GREY_PICTURE.slice())} and ${image(new Uint8Array([1]))}`
  await chat.gen()
  t.equal(
    chat.explain(),
    'program "session" (image1: image, image2: image)\n' +
      '1 user: {image1} " and " {image1} " and " {image2}\n2 assistant: [gen gen1]\n',
  )
  t.match(chat.toProgram(), { irVersion: 1, inputs: { image1: 'image', image2: 'image' } })
})

t.test('a signal ends what is being said, and all that is asked later', async t => {
  const controller = new AbortController()
  const backend = scripted({ '': { text: 'abc', hangs: true } })
  const chat = session(backend, { signal: controller.signal, onText: () => controller.abort() })
  await t.rejects(chat.gen(), { code: 'PROGRAM_CANCELLED', message: 'program "session" was cancelled.' })
  await t.rejects(chat.gen(), { code: 'PROGRAM_CANCELLED' })
  backend.checkIntegrity()
})

t.test('a when that is sent brings the choice that tells its cases apart', async t => {
  const chat = session(scripted({ 'Pay?': 'yes', 'How much?': '3', 'Of what?': 'total' }))
  const pays = select('pays', ['yes', 'no'])
  chat.user`Pay?`
  await chat.send(assistant`${pays}`)
  const of = select('of', ['total', 'tax'])
  const sent = await chat.send(
    when(pays, {
      yes: [
        user`How much?`,
        assistant`${gen('amount')}`,
        user`Of what?`,
        assistant`${of}`,
        when(of, { total: [], tax: [] }),
      ],
      no: [],
    }),
  )
  t.same(sent, { pays: 'yes', amount: '3', of: 'total' })
})
