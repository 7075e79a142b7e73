import t from 'tap'
import { GenerationStream } from '../../runtime/engine/generation.js'
import type { GenerateEvent, GenerateResult } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'

const result = (text: string): GenerateResult => ({
  id: 'r',
  text,
  tokenIds: [],
  finish: 'stop',
  matchedStop: null,
  usage: {
    promptTokens: 1,
    cachedTokens: 0,
    imageTokens: 0,
    cachedImageTokens: 0,
    imageEncodes: 0,
    completionTokens: 0,
    forcedTokens: 0,
  },
})

function makeStream() {
  const counts = { aborts: 0 }
  const stream = new GenerationStream('r', () => {
    counts.aborts++
  })
  return { stream, counts }
}

async function readAll(stream: GenerationStream): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('a reader that keeps up gets every delta, one that is late gets them joined', async t => {
  const { stream } = makeStream()
  const reading = readAll(stream)
  for (const [id, delta] of ['one ', 'two ', 'three'].entries()) {
    await turn()
    stream.emit(delta, [id])
  }
  stream.emit(' four', [3, 4])
  await turn()
  stream.finish(result('one two three four'))
  t.match(await reading, [
    { delta: 'one ', tokenIds: [0] },
    { delta: 'two ', tokenIds: [1] },
    { delta: 'three four', tokenIds: [2, 3, 4] },
    { type: 'finish' },
  ])
  t.same(await readAll(stream), [{ type: 'finish', result: result('one two three four') }])

  const late = makeStream().stream
  for (const delta of ['a', 'b', '', 'c']) late.emit(delta, [1])
  late.finish(result('abc'))
  t.same(await readAll(late), [
    { type: 'text-delta', delta: 'abc', tokenIds: [1, 1, 1, 1] },
    { type: 'finish', result: result('abc') },
  ])
})

t.test('tokens without text, and text without tokens, are events too', async t => {
  const { stream } = makeStream()
  stream.emit('', [7])
  const [first] = await Promise.all([stream[Symbol.asyncIterator]().next(), turn()])
  t.match(first.value, { delta: '', tokenIds: [7] })
  stream.emit('rest', [])
  stream.finish(result('rest'))
  t.match(await readAll(stream), [{ delta: 'rest', tokenIds: [] }, { type: 'finish' }])
})

t.test('leaving the loop aborts the request; ending with it does not', async t => {
  const { stream, counts } = makeStream()
  stream.emit('a', [1])
  for await (const event of stream) {
    t.equal(event.type, 'text-delta')
    break
  }
  t.equal(counts.aborts, 1)
  stream.finish(result('a'))
  stream.abort()
  t.equal(counts.aborts, 1, 'an ended request cannot be aborted')
  t.equal((await stream.result).text, 'a')

  const ended = makeStream()
  ended.stream.finish(result(''))
  await readAll(ended.stream)
  t.equal(ended.counts.aborts, 0)
})

t.test('a failure reaches reader and result, after the text that came before it', async t => {
  const { stream, counts } = makeStream()
  const error = new EngineError('KERNEL_FAILED', { pool: 'decoder', what: 'it broke' })
  stream.emit('a', [1])
  stream.fail(error)
  const events: GenerateEvent[] = []
  const reading = async (): Promise<void> => {
    for await (const event of stream) events.push(event)
  }
  await t.rejects(reading(), error)
  t.match(events, [{ delta: 'a' }])
  await t.rejects(stream.result, error)
  t.equal(counts.aborts, 0)
})

t.test('the result is one promise, and who asks late gets it too', async t => {
  const { stream } = makeStream()
  const early = stream.result
  t.equal(stream.isEnded, false)
  stream.finish(result('a'))
  stream.finish(result('b'))
  stream.fail(new EngineError('ENGINE_CLOSED'))
  t.equal(stream.isEnded, true)
  t.equal((await early).text, 'a', 'the first end counts')
  t.equal(stream.result, early)
  const late = makeStream().stream
  late.finish(result('c'))
  t.equal((await late.result).text, 'c')
})

t.test('a failure that nobody reads is no unhandled rejection', async t => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => {
    unhandled.push(reason)
  }
  process.on('unhandledRejection', note)
  makeStream().stream.fail(new EngineError('ENGINE_CLOSED'))
  const { stream } = makeStream()
  stream.emit('a', [1])
  await stream[Symbol.asyncIterator]().next()
  stream.fail(new EngineError('ENGINE_CLOSED'))
  await turn()
  await turn()
  process.off('unhandledRejection', note)
  t.same(unhandled, [])
})
