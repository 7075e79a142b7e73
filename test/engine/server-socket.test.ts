import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { listen } from '../../runtime/server/main.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

const HOST = { host: '127.0.0.1', port: 0 }
const LONG = 'x'.repeat(200)

/** Brings a token every millisecond, as a model would. */
const slow: ScriptedEngineOptions = { script: () => LONG, pace: () => new Promise(resolve => setTimeout(resolve, 1)) }

async function start(t: Test, options: ScriptedEngineOptions) {
  const engine = createScriptedEngine(options)
  const server = await listen(engine, HOST)
  t.teardown(() => server.shutDown(0))
  const post = (path: string, body: object, signal?: AbortSignal) =>
    fetch(`${server.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
  const settled = async () => {
    while (engine.running.size > 0) await new Promise(resolve => setTimeout(resolve, 1))
    engine.checkIntegrity()
    return engine.status()
  }
  return { engine, server, post, settled }
}

t.test('text streams as it is generated', async t => {
  let release: () => void = () => undefined
  const second = new Promise<void>(resolve => {
    release = resolve
  })
  const { post } = await start(t, { script: () => 'ab', pace: async (_, index) => (index === 1 ? second : undefined) })
  const response = await post('/generate', { text: 'x', stream: true })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  t.match((await reader.read()).value, /^data: \{"text":"a",/)
  release()
  let rest = ''
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) rest += piece.value
  t.match(rest, /"text":"ab".*data: \[DONE\]\n\n$/s)
})

t.test('a client that leaves a stream ends its generations', async t => {
  const { post, settled } = await start(t, slow)
  for (const [path, body] of [
    ['/generate', { text: ['x', 'y'], stream: true }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }], n: 2, stream: true }],
    ['/v1/completions', { prompt: 'x', stream: true, max_tokens: 150 }],
  ] as const) {
    const controller = new AbortController()
    const response = await post(path, body, controller.signal)
    const reader = response.body!.getReader()
    await reader.read()
    controller.abort()
    await t.rejects(reader.read())
    const { finishedRequests } = await settled()
    t.equal(finishedRequests, 0, path)
  }
})

t.test('a client that leaves before its answer ends its generation', async t => {
  const { engine, post, settled } = await start(t, slow)
  for (const [path, body] of [
    ['/generate', { text: ['x', 'y', 'z'] }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }],
  ] as const) {
    const controller = new AbortController()
    const answer = post(path, body, controller.signal)
    while (engine.running.size === 0) await new Promise(setImmediate)
    controller.abort()
    await t.rejects(answer)
    const { finishedRequests } = await settled()
    t.equal(finishedRequests, 0, path)
  }
})

t.test('a reader that stops reading holds the generation back, and is not buffered without end', async t => {
  const { engine, server, settled } = await start(t, { script: () => 'y'.repeat(100_000) })
  const body = JSON.stringify({ text: 'x', stream: true, sampling_params: { max_new_tokens: 100_000 } })
  const socket = connect(Number(new URL(server.address).port), '127.0.0.1')
  socket.write(
    `POST /generate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await new Promise(resolve => socket.once('readable', resolve))
  let generatedTokens = -1
  while (generatedTokens !== engine.status().generatedTokens) {
    generatedTokens = engine.status().generatedTokens
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  t.ok(generatedTokens < 50_000, 'nothing more is asked for once the socket is full')
  socket.destroy()
  t.equal((await settled()).finishedRequests, 0)
})

t.test('many clients come and go at once', async t => {
  const { engine, post, settled } = await start(t, slow)
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, index) => {
      const signal = index % 3 === 0 ? AbortSignal.timeout(1 + (index % 20)) : undefined
      const response = await post('/generate', { text: 'x', rid: `r${index}`, stream: index % 2 === 0 }, signal)
      return response.text()
    }),
  )
  const status = await settled()
  t.equal(outcomes.filter(outcome => outcome.status === 'fulfilled').length, 40)
  t.equal(status.finishedRequests, 40)
  t.equal(status.abortedRequests + status.finishedRequests, engine.requests.length)
})

t.test('an id that runs already is a conflict', async t => {
  const { engine, post, settled } = await start(t, slow)
  const controller = new AbortController()
  const first = post('/generate', { text: 'x', rid: 'same' }, controller.signal)
  while (engine.running.size === 0) await new Promise(setImmediate)
  const second = await post('/generate', { text: 'x', rid: 'same' })
  t.equal(second.status, 409)
  controller.abort()
  await t.rejects(first)
  await settled()
})

t.test('shutting down lets requests end, refuses new ones, then closes', async t => {
  const engine = createScriptedEngine(slow)
  const server = await listen(engine, HOST)
  const body = JSON.stringify({ text: 'x' })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  const running = fetch(`${server.address}/generate`, init)
  while (engine.running.size === 0) await new Promise(setImmediate)
  const closed = server.shutDown(10_000)
  const refused = await fetch(`${server.address}/generate`, init)
  t.equal(refused.status, 503)
  t.match(await refused.json(), { error: { code: 'SERVER_DRAINING' } })
  t.equal(((await (await running).json()) as { text: string }).text.length, 128)
  await closed
  await t.rejects(fetch(`${server.address}/health`))
  t.equal(engine.isClosed, false, 'the engine is its owner s to close')
})

t.test('what has not ended in time is aborted, with what it said so far', async t => {
  const engine = createScriptedEngine(slow)
  const server = await listen(engine, HOST)
  const running = fetch(`${server.address}/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'x' }),
  })
  while (engine.running.size === 0) await new Promise(setImmediate)
  await server.shutDown(20)
  t.match(await (await running).json(), { meta_info: { finish_reason: { type: 'abort' } } })
  engine.checkIntegrity()
})

t.test('a request that never sends its body does not hold the shutdown', async t => {
  const engine = createScriptedEngine()
  const server = await listen(engine, HOST)
  const open = httpRequest(`${server.address}/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 100 },
  })
  open.write('{')
  open.on('error', () => undefined)
  await new Promise(resolve => setTimeout(resolve, 30))
  const started = performance.now()
  await server.shutDown(50)
  t.ok(performance.now() - started < 4000, 'the grace of aborted requests is not waited for')
})
