import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EngineError } from '../../runtime/protocol/error.js'
import { WorkerPool } from '../../runtime/runner/pool.js'
import type { ScriptedRequest } from '../support/scripted-worker.js'

const WORKER = new URL('../support/scripted-worker.js', import.meta.url)

interface Echo {
  readonly value: unknown
  readonly threadId: number
  readonly numCalls: number
}

function makePool(t: Test, threads = 1) {
  const pool = new WorkerPool('scripted', WORKER, threads)
  t.teardown(() => pool.close())
  return { pool, call: (request: ScriptedRequest) => pool.call<Echo>(request) }
}

t.test('calls of one thread see what earlier ones left, and each gets its own answer', async t => {
  const { call } = makePool(t)
  const replies = await Promise.all([1, 2, 3].map(value => call({ op: 'echo', value })))
  t.same(
    replies.map(({ value }) => value),
    [1, 2, 3],
  )
  t.same(replies.map(({ numCalls }) => numCalls).sort(), [1, 2, 3])
  t.equal(new Set(replies.map(reply => reply.threadId)).size, 1)
})

t.test(
  'a failure as data becomes the error of the table, with the name of the pool and the stack of the worker',
  async t => {
    const { call } = makePool(t)
    const data = { path: '/m', what: 'a shard is missing.' }
    const failure = call({ op: 'fail', error: { code: 'MODEL_CORRUPT', data, message: 'shard', stack: 'over there' } })
    await t.rejects(failure, {
      code: 'MODEL_CORRUPT',
      message: 'The model at /m is damaged: a shard is missing.',
      data: { ...data, pool: 'scripted' },
      cause: { message: 'shard', stack: 'over there' },
    })
    t.ok(EngineError.isInstance(await failure.catch((error: unknown) => error)))
    await t.rejects(
      call({ op: 'fail', error: { code: 'KERNEL_FAILED', data: { pool: 'vision', what: 'out of memory' } } }),
      {
        message: 'The vision worker failed: out of memory',
      },
    )
  },
)

t.test('a code that is not of the table is a failure of the worker', async t => {
  const { call } = makePool(t)
  for (const code of ['NEW_CODE', 'toString']) {
    await t.rejects(call({ op: 'fail', error: { code, data: {}, message: 'news' } }), {
      code: 'KERNEL_FAILED',
      message: 'The scripted worker failed: news',
    })
  }
  await t.rejects(call({ op: 'fail', error: { code: 'BARE', data: {} } }), { message: /failed: BARE$/ })
})

t.test('a worker that throws fails its call and lives on', async t => {
  const { call } = makePool(t)
  const { threadId } = await call({ op: 'echo', value: 0 })
  await t.rejects(call({ op: 'throw' }), {
    code: 'KERNEL_FAILED',
    message: 'The scripted worker failed: the worker broke its rules',
    data: { pool: 'scripted' },
  })
  t.equal((await call({ op: 'echo', value: 1 })).threadId, threadId)
})

t.test('a worker that exits fails its call; the next call finds a new one without the old state', async t => {
  const { call } = makePool(t)
  const before = await call({ op: 'echo', value: 0 })
  await t.rejects(call({ op: 'exit' }), { code: 'KERNEL_FAILED', data: { pool: 'scripted' } })
  const after = await call({ op: 'echo', value: 1 })
  t.equal(after.value, 1)
  t.equal(after.numCalls, 1)
  t.not(after.threadId, before.threadId)
})

t.test('calls that wait behind one that kills its worker are answered', async t => {
  const { call } = makePool(t)
  const dying = call({ op: 'exit' })
  const waiting = call({ op: 'echo', value: 2 })
  await t.rejects(dying, { code: 'KERNEL_FAILED' })
  t.equal((await waiting).value, 2)
})

t.test('what cannot be sent fails alone', async t => {
  const { call } = makePool(t)
  await t.rejects(call({ op: 'echo', value: () => 1 }), { code: 'KERNEL_FAILED' })
  t.equal((await call({ op: 'echo', value: 3 })).value, 3)
})

t.test('closing ends the threads; a call that comes later is refused', async t => {
  const { pool, call } = makePool(t, 2)
  await call({ op: 'echo', value: 0 })
  await pool.close()
  await t.rejects(call({ op: 'echo', value: 1 }), { code: 'ENGINE_CLOSED' })
})

t.test('a pool that is closed while its threads start takes nothing down', async t => {
  // The module that prepares pictures loads native code; a thread that is ended meanwhile ends the process.
  const pictures = new URL('../../runtime/vision/worker.js', import.meta.url)
  for (const url of [WORKER, pictures]) {
    for (let milliseconds = 0; milliseconds < 24; milliseconds += 4) {
      const pool = new WorkerPool('short-lived', url, 1)
      await delay(milliseconds)
      await t.resolves(pool.close())
    }
  }
})
