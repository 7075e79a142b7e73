import { getEventListeners } from 'node:events'
import t from 'tap'
import { type Batch, type BatchItem, runBatch } from '../../frontend/client/batch.js'
import type { ProgressOutput } from '../../frontend/client/progress.js'
import { constantInputs } from '../../frontend/client/warm-batch.js'
import { assistant, type BatchOptions, EngineError, gen, input, program, user } from '../../frontend/index.js'
import { GREY_PICTURE } from '../programs/picture.js'
import { ScriptedBackend } from '../support/scripted-backend.js'

const echo = program('echo', { word: input.text() }, ({ word }) => [user`Say ${word}.`, assistant`${gen('said')}`])
const busy = new EngineError('ENGINE_OVERLOADED', { waiting: 9, limit: 9 })
const wordIn = (prompt: string): string => /Say (\w+)\./.exec(prompt)![1]!
const words = (count: number) => Array.from({ length: count }, (_, index) => ({ word: `w${index}` }))

/** Answers with the word itself. */
function echoing(fail: (word: string, attempt: number) => EngineError | null = () => null): ScriptedBackend {
  const attempts = new Map<string, number>()
  return new ScriptedBackend(({ prompt }) => {
    const word = wordIn(prompt)
    const attempt = attempts.get(word) ?? 0
    attempts.set(word, attempt + 1)
    const error = fail(word, attempt)
    return { text: word, ...(error !== null && { error }) }
  })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

function makeGate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

async function all(items: AsyncIterable<BatchItem<{ readonly said: string }>>): Promise<string[]> {
  const seen: string[] = []
  for await (const item of items) seen.push(`${item.index} ${item.ok ? item.result.said : item.error.code}`)
  return seen
}

t.test('items come in the order of the inputs, or as they finish', async t => {
  for (const ordered of [true, false]) {
    const gates = Array.from({ length: 4 }, makeGate)
    const backend = new ScriptedBackend(({ prompt }) => ({
      text: 'x',
      after: gates[Number(wordIn(prompt).slice(1))]!.opened,
    }))
    const items = echo.runAll(backend, words(4), { ordered })[Symbol.asyncIterator]()
    const seen: number[] = []
    for (const last of [3, 2, 1, 0]) {
      // Unordered, the one whose gate has opened comes at once; ordered, all wait for the first.
      gates[last]!.open()
      if (!ordered) seen.push((await items.next()).value.index)
    }
    if (ordered) for (let count = 0; count < 4; count++) seen.push((await items.next()).value.index)
    t.same(seen, ordered ? [0, 1, 2, 3] : [3, 2, 1, 0])
    t.same(await items.next(), { done: true, value: undefined })
  }
  t.same(await all(echo.runAll(echoing(), [])), [])
})

t.test('no more runs at the same time than allowed', async t => {
  for (const ordered of [true, false]) {
    const backend = echoing()
    t.equal((await all(echo.runAll(backend, words(9), { inFlight: 3, ordered }))).length, 9)
    t.equal(backend.mostRunning, 3)
  }
})

t.test('a failing item tells its error and stops no other', async t => {
  const backend = echoing(word => (word === 'w1' ? busy : null))
  t.same(await all(echo.runAll(backend, words(3))), ['0 w0', '1 ENGINE_OVERLOADED', '2 w2'])
  const wrong = echo.runAll(echoing(), [{ word: 'a' }, { word: 7 as unknown as string }])
  t.same(await all(wrong), ['0 a', '1 PROGRAM_INPUT_INVALID'])
})

t.test('what may pass is tried again, what will not is not', async t => {
  const twice = echoing((word, attempt) => (word === 'w1' && attempt < 2 ? busy : null))
  t.same(await all(echo.runAll(twice, words(3), { retries: 2 })), ['0 w0', '1 w1', '2 w2'])
  const once = echoing((word, attempt) => (word === 'w1' && attempt < 2 ? busy : null))
  t.same(await all(echo.runAll(once, words(2), { retries: 1 })), ['0 w0', '1 ENGINE_OVERLOADED'])
  const lasting = echoing(() => new EngineError('TEMPLATE_FAILED', { what: 'x' }))
  t.same(await all(echo.runAll(lasting, words(1), { retries: 5 })), ['0 TEMPLATE_FAILED'])
  t.equal(lasting.calls.length, 1)
})

t.test('usage counts all attempts', async t => {
  const backend = echoing((_word, attempt) => (attempt === 0 ? new EngineError('ENGINE_FAILED', { what: 'x' }) : null))
  for await (const item of echo.runAll(backend, words(1), { retries: 1 })) {
    t.match(item, { ok: true, usage: { requests: 1, completionTokens: 2 } })
  }
  t.equal(backend.calls.length, 2)
})

t.test('an async source is read only as far as places are free', async t => {
  let read = 0
  let closed = false
  async function* source() {
    try {
      for (const input of words(100)) {
        read += 1
        yield input
      }
    } finally {
      closed = true
    }
  }
  const backend = echoing()
  for await (const item of echo.runAll(backend, source(), { inFlight: 4 })) {
    await new Promise(resolve => setTimeout(resolve, 2))
    t.ok(read <= item.index + 1 + 4, `${read} read at item ${item.index}`)
    if (item.index === 5) break
  }
  await new Promise(resolve => setImmediate(resolve))
  t.ok(closed)
  backend.checkIntegrity()
})

t.test('a slow source does not hold back what is finished', async t => {
  const gate = makeGate()
  async function* source() {
    yield { word: 'a' }
    await gate.opened
    yield { word: 'b' }
  }
  const items = echo.runAll(echoing(), source())[Symbol.asyncIterator]()
  t.match(await items.next(), { value: { index: 0, ok: true } })
  gate.open()
  t.match(await items.next(), { value: { index: 1, ok: true } })
  t.match(await items.next(), { done: true })
})

t.test('what the source throws comes out after the items before it', async t => {
  const gate = makeGate()
  const backend = new ScriptedBackend(() => ({ text: 'x', after: gate.opened }))
  async function* source() {
    yield { word: 'a' }
    setImmediate(gate.open)
    throw new Error('the disk is gone')
  }
  const items = echo.runAll(backend, source())[Symbol.asyncIterator]()
  t.match(await items.next(), { value: { index: 0, ok: true } })
  await t.rejects(items.next(), { message: 'the disk is gone' })
  function broken(): Iterable<{ word: string }> {
    return {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new Error('no list')
        },
      }),
    }
  }
  await t.rejects(all(echo.runAll(backend, broken())), { message: 'no list' })
  backend.checkIntegrity()
})

t.test('inputs are started while the reader is busy', async t => {
  async function* source() {
    for (const input of words(4)) {
      await new Promise(resolve => setImmediate(resolve))
      yield input
    }
  }
  const backend = echoing()
  for await (const item of echo.runAll(backend, source())) {
    if (item.index > 0) continue
    await until(() => backend.calls.length === 4)
  }
  t.equal(backend.calls.length, 4)
})

t.test('a signal that outlives many runs keeps nothing of them', async t => {
  const { signal } = new AbortController()
  for await (const item of echo.runAll(echoing(), words(50), { signal })) t.ok(item.ok)
  await Promise.all(words(50).map(word => echo.run(echoing(), word, { signal }).result))
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('leaving the loop and the signal both stop the runs in flight', async t => {
  const hanging = () => new ScriptedBackend(({ prompt }) => ({ text: 'x', hangs: wordIn(prompt) !== 'w0' }))
  const left = hanging()
  for await (const item of echo.runAll(left, words(3))) {
    t.equal(item.index, 0)
    break
  }
  t.equal(left.aborted, 2)
  left.checkIntegrity()
  const stopped = hanging()
  const controller = new AbortController()
  const items = echo.runAll(stopped, words(3), { signal: controller.signal })[Symbol.asyncIterator]()
  t.match(await items.next(), { value: { index: 0, ok: true } })
  controller.abort()
  await t.rejects(items.next(), { code: 'PROGRAM_CANCELLED' })
  t.equal(stopped.aborted, 2)
  stopped.checkIntegrity()
})

t.test('what all items begin with is computed once, when it pays', async t => {
  const ask = program('ask', { photo: input.image(), question: input.text() }, ({ photo, question }) => [
    user`Look: ${photo} ${question}`,
    assistant`${gen('answer')}`,
  ])
  const warmed = async (inputs: Parameters<typeof ask.runAll>[1], options: BatchOptions = {}) => {
    const backend = new ScriptedBackend(() => 'x')
    for await (const item of ask.runAll(backend, inputs, options)) t.ok(item.ok)
    return backend.calls.flatMap(call => (call.kind === 'warm' ? [call.prompt] : []))
  }
  const one = (question: string, photo = GREY_PICTURE) => ({ photo, question })
  t.same(await warmed([one('a'), one('b')]), ['<user> Look: <image> \n<assistant> '], 'one picture, many questions')
  t.same(await warmed([one('a'), one('a')]), ['<user> Look: <image> a\n<assistant> '])
  t.same(await warmed([one('a'), one('b', GREY_PICTURE.slice())]), [], 'only a few constant characters')
  t.same(await warmed([one('a')]), [])
  t.same(await warmed([one('a'), one('b')], { cacheSalt: 's' }), [])
})

t.test('constants are found by value for texts and URLs, by identity for bytes', async t => {
  const url = () => new URL('file:///a.png')
  const items = [
    { a: 'x', b: url(), c: GREY_PICTURE, d: 1 },
    { a: 'x', b: url(), c: GREY_PICTURE.slice(), d: 2 },
  ]
  t.same(constantInputs(['a', 'b', 'c', 'd'], items), new Set(['a', 'b']))
  t.same(constantInputs(['a'], []), new Set())
})

t.test('options out of range are refused', async t => {
  await t.rejects(all(echo.runAll(echoing(), words(1), { inFlight: 0 })), {
    code: 'CONFIG_INVALID',
    message: 'Option inFlight: 0 came; give a whole number over 0.',
  })
  await t.rejects(all(echo.runAll(echoing(), words(1), { retries: -1 })), { code: 'CONFIG_INVALID' })
})

t.test('a terminal gets a progress line, anything else gets nothing', async t => {
  const written: string[] = []
  const batchTo = (output: ProgressOutput, progress: boolean): Batch<{ word: string }, { readonly said: string }> => ({
    label: 'echo',
    inputs: words(3),
    settings: { progress },
    start: (each, signal) =>
      echo.run(
        echoing(word => (word === 'w2' ? busy : null)),
        each,
        { signal },
      ),
    output,
  })
  const write = (text: string) => written.push(text)
  await all(runBatch(batchTo({ write }, true)))
  await all(runBatch(batchTo({ isTTY: true, write }, false)))
  t.same(written, [])
  await all(runBatch(batchTo({ isTTY: true, columns: 60, write }, true)))
  t.match(written.at(-1), /^\r.*echo \[=+\] 3\/3, 1 failed.*\n$/)
})
