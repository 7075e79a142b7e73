import t from 'tap'
import { assistant, EngineError, fork, gen, input, join, program, user } from '../../frontend/index.js'
import { GREY_PICTURE } from '../programs/picture.js'
import { type Call, ScriptedBackend } from '../support/scripted-backend.js'
import { scripted } from '../support/scripts.js'

const generations = (backend: ScriptedBackend) =>
  backend.calls.filter((call): call is Extract<Call, { kind: 'generate' }> => call.kind === 'generate')
const kinds = (backend: ScriptedBackend) => backend.calls.map(call => call.kind)

t.test('branches run at the same time, after their common beginning was computed once', async t => {
  const views = program('views', { photo: input.image() }, ({ photo }) => {
    const views = fork('views', ['top', 'left', 'low'], part => [
      user`${photo} Read the ${part} part.`,
      assistant`${gen('text')}`,
    ])
    return [views, user`All: ${join(views)}`, assistant`${gen('all')}`]
  })
  const backend = scripted({ 'All:': 'abc', top: 'a', left: 'b', low: 'c' })
  t.same(await views.run(backend, { photo: GREY_PICTURE }).result, {
    views: { top: { text: 'a' }, left: { text: 'b' }, low: { text: 'c' } },
    all: 'abc',
  })
  t.same(kinds(backend), ['warm', 'generate', 'generate', 'generate', 'generate'])
  t.match(backend.calls[0], { prompt: '<user> <image> Read the \n<assistant> ' })
  t.equal(backend.mostRunning, 3)
  t.equal(generations(backend).at(-1)?.prompt, '<user> All: top: a\nleft: b\nlow: c\n<assistant> ')
})

t.test('a short common beginning, and one under a salt, is not worth a request', async t => {
  const short = program('short', {}, () => [fork('f', ['a', 'b'], key => [user`${key}`, assistant`${gen('x')}`])])
  const long = program('long', {}, () => [
    user`${'word '.repeat(20)}`,
    fork('f', ['a', 'b'], () => [assistant`${gen('x')}`]),
  ])
  for (const [each, options, calls] of [
    [short, {}, ['generate', 'generate']],
    [long, { cacheSalt: 's' }, ['generate', 'generate']],
    [long, {}, ['warm', 'generate', 'generate']],
  ] as const) {
    const backend = new ScriptedBackend(() => 'x')
    await each.run(backend, {}, options).result
    t.same(kinds(backend), calls)
  }
})

t.test('a branch that fails stops the others, and nothing is left running', async t => {
  const pair = program('pair', {}, () => [
    fork('f', ['a', 'b'], key => [user`${key}`, assistant`${gen('x')}`, user`more`, assistant`${gen('y')}`]),
  ])
  const backend = scripted({
    a: { text: '', error: new EngineError('ENGINE_OVERLOADED', { waiting: 1, limit: 1 }), delayMs: 5 },
    b: { text: 'abc', hangs: true },
  })
  await t.rejects(pair.run(backend, {}).result, {
    code: 'ENGINE_OVERLOADED',
    data: { waiting: 1, program: 'pair', capture: 'f.a.x' },
  })
  t.equal(backend.aborted, 1)
  t.equal(generations(backend).length, 2)
  backend.checkIntegrity()
})

t.test('a fork right after an answer is not warmed up: its beginning is cached', async t => {
  const late = program('late', {}, () => [
    user`${'word '.repeat(20)}`,
    assistant`${gen('a')}`,
    fork('f', ['x', 'y'], key => [user`${key}`, assistant`${gen('b')}`]),
    user`${'word '.repeat(20)}`,
    fork('g', ['x', 'y'], key => [user`${key}`, assistant`${gen('b')}`]),
  ])
  const backend = new ScriptedBackend(() => 'x')
  await late.run(backend, {}).result
  t.same(kinds(backend), ['generate', 'generate', 'generate', 'warm', 'generate', 'generate'])
})

t.test('many branches at once warn of no leak', async t => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
  const wide = program('wide', {}, () => [fork('f', keys, key => [user`${key}`, assistant`${gen('x')}`])])
  await wide.run(new ScriptedBackend(() => 'x'), {}, { signal: new AbortController().signal }).result
  await new Promise(resolve => setImmediate(resolve))
  t.same(warnings, [])
})
