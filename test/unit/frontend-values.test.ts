import t from 'tap'
import { assistant, fork, gen, json, type PartialValue, program, schema, user } from '../../frontend/index.js'
import { ScriptedBackend } from '../support/scripted-backend.js'

const Person = schema({
  type: 'object',
  properties: { name: { type: 'string' }, sons: { type: 'array', items: { type: 'integer' } } },
  required: ['name', 'sons'],
})
const TEXT = '{"name":"Ada","sons":[12,3]}'

async function collect(values: AsyncIterable<PartialValue>): Promise<PartialValue[]> {
  const all: PartialValue[] = []
  for await (const value of values) all.push(value)
  return all
}

t.test('values() gives what is known so far, the path that is being written, and the whole at the end', async t => {
  const read = program('read', {}, () => [user`Who?`, assistant`${json('person', Person)} ${gen('rest')}`])
  const run = read.run(new ScriptedBackend(({ index }) => (index === 0 ? TEXT : 'That is all.')), {})
  t.same(await collect(run.values('person')), [
    { value: {}, path: [], complete: false },
    { value: {}, path: ['name'], complete: false },
    { value: { name: 'Ada' }, path: ['name'], complete: false },
    { value: { name: 'Ada' }, path: [], complete: false },
    { value: { name: 'Ada' }, path: [], complete: false },
    { value: { name: 'Ada', sons: [12] }, path: ['sons', 0], complete: false },
    { value: { name: 'Ada', sons: [12, 3] }, path: [], complete: true },
  ])
  t.match(await run.result, { person: { name: 'Ada', sons: [12, 3] }, rest: 'That is all.' })
  t.same((await collect(run.values('person'))).length, 7, 'after the end all of it is there still')
})

t.test('values() of a capture in a fork goes by its path', async t => {
  const both = program('both', {}, () => [
    fork('two', ['a', 'b'], key => [user`${key}`, assistant`${json('p', Person)}`]),
  ])
  const run = both.run(new ScriptedBackend(() => TEXT), {})
  t.match((await collect(run.values('two.b.p'))).at(-1), { value: { name: 'Ada', sons: [12, 3] }, complete: true })
  await run.result
})

t.test('a JSON slot may begin with reasoning: the constraint says so, and the value alone is captured', async t => {
  const think = program('think', {}, () => [
    user`Who?`,
    assistant`${json('person', Person, { reasoningEnd: '</think>' })}`,
  ])
  const backend = new ScriptedBackend(() => `Is it {"name":1}? No.</think>${TEXT}`)
  const run = think.run(backend, {})
  t.same(await run.result, { person: { name: 'Ada', sons: [12, 3] } })
  t.equal(run.details.get('person')!.text, `Is it {"name":1}? No.</think>${TEXT}`)
  const values = await collect(run.values('person'))
  t.same(values.at(-1), { value: { name: 'Ada', sons: [12, 3] }, path: [], complete: true })
  t.notOk(
    values.some(({ value }) => (value as { name?: unknown }).name === 1),
    'reasoning is no value',
  )
  const asked = backend.calls.find(call => call.kind === 'generate')
  t.match(asked, { request: { constraint: { kind: 'json-schema', reasoningEnd: '</think>' } } })
  t.throws(() => program('bad', {}, () => [user`?`, assistant`${json('x', Person, { reasoningEnd: '' })}`]), {
    code: 'PROGRAM_INVALID',
    message: /reasoningEnd/,
  })
})
