import t from 'tap'
import { assistant, EngineError, fork, gen, program, type RunEvent, select, user } from '../../frontend/index.js'
import { ScriptedBackend } from '../support/scripted-backend.js'
import { scripted } from '../support/scripts.js'

const story = program('story', {}, () => [
  user`Mood?`,
  assistant`${select('mood', ['sad', 'glad'])}`,
  fork('parts', ['start', 'end'], key => [user`The ${key}.`, assistant`${gen('text')}`]),
])
const answers = { 'The start': 'Once upon', 'The end': 'For ever', Mood: 'glad' }

t.test('events come in order, with whole captures and the result at the end', async t => {
  const events: RunEvent<Awaited<ReturnType<typeof story.run>['result']>>[] = []
  const run = story.run(scripted(answers), {})
  for await (const event of run) events.push(event)
  const ends = events.filter(event => event.type !== 'text-delta')
  const parts = { start: { text: 'Once upon' }, end: { text: 'For ever' } }
  t.same(ends.slice(0, 1), [{ type: 'capture-end', capture: 'mood', value: 'glad' }])
  t.same(
    ends.slice(1, 5).filter(event => 'capture' in event && event.capture.startsWith('parts.start')),
    [
      { type: 'part-end', capture: 'parts.start.text', value: 'Once upon' },
      { type: 'part-end', capture: 'parts.start', value: { text: 'Once upon' } },
    ],
  )
  t.same(ends.slice(5), [
    { type: 'capture-end', capture: 'parts', value: parts },
    { type: 'run-end', result: { mood: 'glad', parts }, usage: run.usage },
  ])
  const said = events.flatMap(event =>
    event.type === 'text-delta' && event.capture === 'parts.start.text' ? [event.delta] : [],
  )
  t.same(said, ['Once', ' upo', 'n'])
})

t.test('every reader sees everything from the first event on, even after the end', async t => {
  const run = story.run(scripted(answers), {})
  await run.result
  const first = await collect(run)
  t.same(await collect(run), first)
  t.equal(first.at(-1)?.type, 'run-end')
})

t.test('stream() gives the text of one capture, or of all within it', async t => {
  const run = story.run(scripted(answers), {})
  t.same(await collect(run.stream('mood')), ['glad'])
  t.equal((await collect(run.stream('parts.end.text'))).join(''), 'For ever')
  t.equal((await collect(run.stream('parts'))).join('').length, 'Once uponFor ever'.length)
})

t.test('leaving a loop does not stop the run', async t => {
  const run = story.run(scripted(answers), {})
  for await (const _event of run) break
  t.match(await run.result, { mood: 'glad' })
})

t.test('usage and details are told', async t => {
  const run = story.run(scripted(answers), {})
  await run.result
  t.equal(run.usage.requests, 3)
  t.equal(run.usage.completionTokens, 17)
  t.same(new Set(run.details.keys()), new Set(['mood', 'parts.start.text', 'parts.end.text']))
  t.match(run.details.get('mood'), {
    text: 'glad',
    finish: 'stop',
    scores: [{ choice: 'sad' }, { choice: 'glad', probability: 0.9 }],
  })
  t.match(run.details.get('parts.end.text'), { text: 'For ever', finish: 'stop', usage: { completionTokens: 8 } })
})

t.test('cancel() aborts what is being generated', async t => {
  const backend = scripted({ ...answers, 'The end': { text: 'For', hangs: true } })
  const run = story.run(backend, {})
  const [first] = await collect(run.stream('parts.start'))
  t.equal(first, 'Once')
  run.cancel()
  await t.rejects(run.result, { code: 'PROGRAM_CANCELLED', message: 'program "story" was cancelled.' })
  t.equal(backend.aborted, 1)
  backend.checkIntegrity()
  run.cancel()
  await t.rejects(collect(run), { code: 'PROGRAM_CANCELLED' }, 'readers see the error after the events')
})

t.test('a signal cancels as well, before the start and during a select', async t => {
  const backend = scripted(answers)
  await t.rejects(story.run(backend, {}, { signal: AbortSignal.abort() }).result, { code: 'PROGRAM_CANCELLED' })
  t.same(backend.calls, [])
  const slow = scripted({ ...answers, Mood: { text: 'glad', delayMs: 10_000 } })
  await t.rejects(story.run(slow, {}, { signal: abortedAfter(5) }).result, { code: 'PROGRAM_CANCELLED' })
  slow.checkIntegrity()
})

t.test('a run that nobody looks at rejects nothing, however it ends', async t => {
  const run = story.run(new ScriptedBackend(() => ({ text: '', error: new EngineError('ENGINE_CLOSED') })), {})
  await new Promise(resolve => setTimeout(resolve, 10))
  await t.rejects(collect(run), { code: 'ENGINE_CLOSED' })
  t.notOk('then' in run)
})

t.test('sampling options of a run are checked before anything is sent', async t => {
  const backend = scripted(answers)
  await t.rejects(story.run(backend, {}, { sampling: { topP: 7 } }).result, {
    code: 'CONFIG_INVALID',
    message: 'Option sampling: topP is 7; it must be a number over 0 and at most 1 (a run of "story").',
  })
  t.same(backend.calls, [])
})

function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), milliseconds)
  return controller.signal
}

async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const event of events) all.push(event)
  return all
}
