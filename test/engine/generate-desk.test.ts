import { getEventListeners } from 'node:events'
import t from 'tap'
import type { EngineParts } from '../../runtime/engine/parts.js'
import type { PromptIds } from '../../runtime/engine/prompt-builder.js'
import { RequestDesk } from '../../runtime/engine/request-desk.js'
import { WarmTask } from '../../runtime/engine/warm-task.js'
import type { CallOptions, Usage } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { makeHarness } from '../support/core-harness.js'

/** The desk over the scripted core, with prompts of ids alone; counts what is prepared and released. */
function makeDesk(maxWaiting = 10) {
  const { core, scheduler, cache, idle, runner } = makeHarness({ numSlots: 2, pageSize: 4, numPages: 16, maxChunk: 4 })
  const books = { prepared: 0, released: 0, prefetched: 0 }
  let onFailure: (error: EngineError) => void = () => {}
  const preparer = {
    async prepare({ ids }: PromptIds, _room: number, failed: (error: EngineError) => void) {
      await new Promise(resolve => setImmediate(resolve))
      if (ids.length === 0) throw new EngineError('REQUEST_INVALID', { what: 'The prompt is empty.' })
      books.prepared++
      onFailure = failed
      const owner = { imageEncodes: 0, featureHits: 1, onFailure: failed }
      return { prompt: { elements: Int32Array.from(ids), spans: [], pictures: [] }, owner }
    },
    prefetch() {
      books.prefetched++
      return 0
    },
    release() {
      books.released++
    },
  }
  const parts = { config: { maxWaiting }, model: { contextLength: 64 }, core, cache, preparer, scheduler }
  const desk = new RequestDesk(parts as unknown as EngineParts)

  /** Computes a prompt, as RadiantEngine.warm does. */
  function warm(ids: readonly number[], call: CallOptions = {}, id?: string): Promise<Usage> {
    return desk.promise<Usage>(id === undefined ? {} : { id }, call, async (ticket, settle) => {
      const prepared = await desk.prepare(ticket, { ids, images: [] }, 0)
      const sequence = desk.sequence(ticket, prepared, 0, null)
      const done = (usage: Usage): void => settle.done(usage, usage)
      return new WarmTask(sequence, () => 0, { done, failed: settle.failed })
    })
  }

  /** Throws unless everything that was prepared is released, and no request is left. */
  async function checkClosed(): Promise<void> {
    await idle()
    if (books.released !== books.prepared || desk.book.size > 0) throw new Error(JSON.stringify(books))
  }
  return { desk, warm, books, core, runner, checkClosed, failPicture: (error: EngineError) => onFailure(error) }
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('a request that ends well is booked with its usage', async t => {
  const { desk, warm, books, checkClosed } = makeDesk()
  t.match(await warm([1, 2, 3, 4, 5]), { promptTokens: 5, cachedTokens: 0 })
  t.match(await warm([1, 2, 3, 4, 5]), { cachedTokens: 4 })
  t.match(desk.book.counters, { finishedRequests: 2, promptTokens: 10, cachedTokens: 4, imageFeatureHits: 2 })
  t.equal(books.prefetched, 2)
  await checkClosed()
})

t.test('a request of two tasks is one: its id, its place in the books and its abort hold through both', async t => {
  const { desk, books, checkClosed } = makeDesk()
  const begin = (call: CallOptions = {}) =>
    desk.promise<Usage>({ id: 'twice' }, call, (ticket, settle) => {
      const task = async (ids: readonly number[], done: (usage: Usage) => void) => {
        const prepared = await desk.prepare(ticket, { ids, images: [] }, 0)
        return new WarmTask(desk.sequence(ticket, prepared, 0, null), () => 0, { done, failed: settle.failed })
      }
      return task([1, 2, 3], usage => desk.goOn(ticket, settle, () => task([4, 5], () => settle.done(usage, usage))))
    })
  const first = begin()
  while (books.prepared < 2) {
    t.equal(desk.book.size, 1, 'the request is never out of the books')
    await turns(1)
  }
  t.match(await first, { promptTokens: 3 })
  t.match(desk.book.counters, { finishedRequests: 1, promptTokens: 3 })
  const second = begin()
  while (books.prepared < 4) await turns(1)
  t.equal(desk.book.abort('twice'), 1, 'in its second half')
  await second.catch(() => {})
  await checkClosed()
})

t.test('a request that cannot be prepared fails, and its id is free again', async t => {
  const { desk, warm, checkClosed } = makeDesk()
  await t.rejects(warm([], {}, 'mine'), { code: 'REQUEST_INVALID' })
  await warm([1, 2], {}, 'mine')
  t.match(desk.book.counters, { finishedRequests: 1, failedRequests: 1 })
  await checkClosed()
})

t.test('an abort holds at any time: before, while it is prepared, while it runs, after it ended', async t => {
  const { desk, warm, checkClosed } = makeDesk()
  for (const pause of [-1, 0, 1, 2, 3, 4]) {
    const controller = new AbortController()
    if (pause < 0) controller.abort()
    const ended = t.rejects(
      warm(
        Array.from({ length: 30 }, (_, id) => 1 + ((id + pause) % 9)),
        controller,
      ),
      {
        code: 'REQUEST_ABORTED',
      },
    )
    await turns(pause)
    controller.abort()
    await ended
  }
  const late = new AbortController()
  await warm([1, 2, 3], late)
  late.abort()
  t.match(desk.book.counters, { finishedRequests: 1, abortedRequests: 6, failedRequests: 0 })
  await checkClosed()
})

t.test('a signal has one listener however many requests it has, and none when they have ended', async t => {
  const { warm, checkClosed } = makeDesk(30)
  const controller = new AbortController()
  const { signal } = controller
  const numListeners = () => getEventListeners(signal, 'abort').length
  const all = Array.from({ length: 20 }, (_, id) => warm([1 + (id % 9), 2], { signal }))
  t.equal(numListeners(), 1)
  await Promise.all([...all, t.rejects(warm([], { signal }))])
  t.equal(numListeners(), 0)
  const aborted = [3, 4, 5].map(id => warm([id, id, id], { signal }).catch((error: EngineError) => error.code))
  t.equal(numListeners(), 1)
  controller.abort()
  t.same(new Set(await Promise.all(aborted)), new Set(['REQUEST_ABORTED']))
  t.equal(numListeners(), 0)
  await checkClosed()
})

t.test('a picture that fails ends its request with that error, while it waits and while it runs', async t => {
  const { desk, warm, checkClosed, failPicture } = makeDesk()
  const torn = new EngineError('IMAGE_UNREADABLE', { label: 'a', what: 'it is torn.' })
  const running = t.rejects(warm(Array.from({ length: 30 }, () => 2)), { code: 'IMAGE_UNREADABLE' })
  await turns(4)
  failPicture(torn)
  failPicture(torn)
  await running
  failPicture(torn)
  t.match(desk.book.counters, { failedRequests: 1 })
  await checkClosed()
})

t.test('a step that fails ends each of its requests once', async t => {
  const { desk, warm, checkClosed, runner } = makeDesk()
  runner.failAt = 2
  const all = [1, 2, 3].map(id => warm(Array.from({ length: 12 }, () => id)).catch((error: EngineError) => error.code))
  const failed = (await Promise.all(all)).filter(code => code === 'ENGINE_FAILED').length
  t.ok(failed > 0)
  t.match(desk.book.counters, { finishedRequests: 3 - failed, failedRequests: failed })
  await checkClosed()
})

t.test('what is not taken is a rejection, never a throw', async t => {
  const { desk, warm, core } = makeDesk(2)
  const running = [warm([1, 2], {}, 'a'), warm([3, 4])]
  await t.rejects(warm([5]), { code: 'ENGINE_OVERLOADED', data: { limit: 2 } })
  await Promise.all(running)
  const again = warm([1], {}, 'a')
  await t.rejects(warm([2], {}, 'a'), { code: 'REQUEST_DUPLICATE_ID' })
  await again
  await core.close()
  await t.rejects(warm([1, 2]), { code: 'ENGINE_CLOSED' }, 'the core is closed and the desk is not')
  desk.book.close()
  await t.rejects(warm([1, 2]), { code: 'ENGINE_CLOSED' })
  t.equal(desk.book.size, 0)
})
