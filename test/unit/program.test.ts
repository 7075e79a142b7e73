import t from 'tap'
import { z } from 'zod'
import {
  assistant,
  EngineError,
  gen,
  input,
  json,
  loadProgram,
  program,
  ref,
  schema,
  select,
  user,
} from '../../frontend/index.js'
import { ScriptedBackend } from '../support/scripted-backend.js'

const Length = z.object({ word: z.string().transform(word => word.length) })
const length = program('length', { word: input.text() }, ({ word }) => [
  user`${word}`,
  assistant`${json('length', Length)}`,
])
const answer = () => new ScriptedBackend(() => '{"word":"abc"}')

t.test('a program that breaks rules is refused when it is made, with all its faults', async t => {
  const stranger = gen('stranger')
  const make = () => program('bad', {}, () => [user`${ref(stranger)}`, assistant`${select('a', ['x', 'x'])}`])
  t.throws(make, {
    code: 'PROGRAM_INVALID',
    status: 400,
    message:
      'program "bad", turn 1 (user): refers to "stranger", which no earlier turn generates; nothing is generated so far.\n' +
      'program "bad", turn 2 (assistant): select "a": the choice "x" comes twice; choices must differ.',
    data: { program: 'bad', issues: [{ where: 'turn 1 (user)' }, { where: 'turn 2 (assistant)' }] },
  })
})

t.test('the body is called once, when the program is made', async t => {
  let calls = 0
  const once = program('once', {}, () => {
    calls += 1
    return [assistant`${gen('x')}`]
  })
  await once.run(answer(), {}).result
  await once.run(answer(), {}).result
  t.equal(calls, 1)
})

t.test('constraints are checked once for each backend, before anything is generated', async t => {
  const refusal = new EngineError('GRAMMAR_UNSUPPORTED', { kind: 'JSON Schema', what: '/not has no mask.' })
  const strict = new ScriptedBackend(
    () => '{}',
    constraint => (constraint.kind === 'json-schema' ? refusal : null),
  )
  const message = 'program "length", json "length": The JSON Schema cannot be enforced: /not has no mask.'
  for (let attempt = 0; attempt < 2; attempt++) {
    await t.rejects(length.run(strict, { word: 'a' }).result, { code: 'PROGRAM_INVALID', message, cause: refusal })
  }
  t.ok(strict.calls.every(call => call.kind === 'check'))
  const backend = answer()
  for (let run = 0; run < 3; run++) await length.run(backend, { word: 'a' }).result
  t.equal(backend.calls.filter(call => call.kind === 'check').length, 1)
  const runs = length.runAll(strict, [{ word: 'a' }])[Symbol.asyncIterator]()
  await t.rejects(runs.next(), { code: 'PROGRAM_INVALID' })
})

t.test('a backend that was out of reach is asked again', async t => {
  let isDown = true
  const backend = new ScriptedBackend(
    () => '{"word":"abc"}',
    () => (isDown ? new EngineError('BACKEND_UNREACHABLE', { url: 'x', what: 'y' }) : null),
  )
  await t.rejects(length.check(backend), { code: 'BACKEND_UNREACHABLE' })
  isDown = false
  await t.resolves(length.check(backend))
})

t.test('a saved program runs as the original, with its validators given back', async t => {
  const saved = JSON.stringify(length)
  const bare = loadProgram(saved)
  t.equal(bare.hash, length.hash)
  t.same(await bare.run(answer(), { word: 'abc' }).result, { length: { word: 'abc' } })
  const whole = loadProgram<{ word: string }, { length: { word: number } }>(JSON.parse(saved), { length: Length })
  t.same(await whole.run(answer(), { word: 'abc' }).result, { length: { word: 3 } })
})

t.test('what cannot be loaded says why', async t => {
  t.throws(() => loadProgram('{'), { code: 'PROGRAM_INVALID', message: /^the saved program is no JSON: / })
  t.throws(() => loadProgram({ irVersion: 9 }), {
    code: 'PROGRAM_INVALID',
    message: 'the saved program cannot be read: /irVersion is version 9; this is version 1.',
  })
  t.throws(() => loadProgram({ ...length.toJSON(), body: [] }), {
    message: 'program "length": generates nothing; some assistant turn must hold a slot.',
  })
  t.throws(() => loadProgram(length.toJSON(), { lenght: Length }), {
    message: 'program "length", json "lenght": there is no such slot; there is "length".',
  })
  t.throws(() => loadProgram(length.toJSON(), { length: z.object({ word: z.number() }) }), {
    message: 'program "length", json "length": the schema is not the one that the program was saved with.',
  })
})

t.test('programs that say the same have the same hash, however their schemas were written', async t => {
  const source = { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] } as const
  const literal = program('length', { word: input.text() }, ({ word }) => [
    user`${word}`,
    assistant`${json('length', schema(source))}`,
  ])
  t.equal(literal.hash, length.hash)
})

t.test('cancelling holds while constraints are checked, and the check goes on for others', async t => {
  let answerCheck = (): void => {}
  class Silent extends ScriptedBackend {
    override checkConstraint(): Promise<void> {
      return new Promise(resolve => {
        answerCheck = resolve
      })
    }
  }
  const backend = new Silent(() => '{"word":"abc"}')
  const patient = length.run(backend, { word: 'abc' })
  const run = length.run(backend, { word: 'abc' })
  run.cancel()
  await t.rejects(run.result, { code: 'PROGRAM_CANCELLED' })
  const signal = AbortSignal.abort()
  const items = length.runAll(backend, [{ word: 'abc' }], { signal, progress: false })
  await t.rejects(items[Symbol.asyncIterator]().next(), { code: 'PROGRAM_CANCELLED' })
  answerCheck()
  t.same(await patient.result, { length: { word: 3 } })
})

t.test('a stop text that cuts a constrained capture is an error, not an answer', async t => {
  const day = program('day', {}, () => [user`When?`, assistant`${gen('day', { regex: /\d{4}-\d\d/, stop: ['-'] })}`])
  const { result } = day.run(new ScriptedBackend(() => '2024-01'), {})
  await t.rejects(result, {
    code: 'PROGRAM_OUTPUT_INVALID',
    message: /the stop text "-" cut what the regex asks for/,
    data: { text: '2024' },
  })
})
