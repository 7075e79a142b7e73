import t from 'tap'
import { EngineError, ERROR_TABLE, type ErrorCode } from '../../runtime/protocol/error.js'
import { buildServer } from '../../runtime/server/app.js'
import type { ServerOptions } from '../../runtime/server/options.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

const CHAT = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'x' }]

function build(scripted: ScriptedEngineOptions = {}, options: ServerOptions = {}) {
  const engine = createScriptedEngine(scripted)
  const server = buildServer(engine, options)
  const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
    server.inject({
      method: 'POST',
      url,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      headers: { 'content-type': 'application/json', ...headers },
    })
  return { engine, server, post }
}

t.test('every error of the engine keeps its status and code, streamed or not', async t => {
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    const { post, engine } = build({ script: () => new EngineError(code, { param: 'p' }) })
    for (const stream of [false, true]) {
      const chat = await post(CHAT, { messages, stream })
      t.equal(chat.statusCode, ERROR_TABLE[code].status, code)
      t.match(chat.json(), { error: { code, param: 'p', type: /_error$/ } })
      const native = await post('/generate', { text: 'x', stream })
      t.equal(native.statusCode, ERROR_TABLE[code].status, code)
      t.match(native.json(), { error: { code, message: String } })
    }
    engine.checkIntegrity()
  }
})

t.test('an unknown failure is a 500 without its stack', async t => {
  const { post } = build({ script: () => Object.assign(new EngineError('ENGINE_FAILED', { what: 'disk' })) })
  const response = await post(CHAT, { messages })
  t.same(response.json(), {
    error: {
      message: 'The engine met an internal error: disk',
      type: 'server_error',
      param: null,
      code: 'ENGINE_FAILED',
    },
  })
})

t.test('one failing item fails its list, and the others are aborted', async t => {
  const { engine, post } = build({
    script: request => (request.id === 'b_1' ? new EngineError('REQUEST_TOO_LONG', {}) : 'long'),
    pace: (_request, index) => (index === 0 ? Promise.resolve() : new Promise(resolve => setTimeout(resolve, 20))),
  })
  const response = await post('/generate', { text: ['x', 'y', 'z'], rid: 'b' })
  t.equal(response.statusCode, 400)
  await engine.drain()
  t.equal(engine.status().abortedRequests, 2)
  engine.checkIntegrity()
})

t.test('bodies that cannot be read are refused before any route', async t => {
  const { post } = build({}, { bodyLimit: 1000 })
  for (const [url, code] of [
    [CHAT, 'error.code'],
    ['/generate', 'error.code'],
  ] as const) {
    const malformed = await post(url, '{"messages": [')
    t.equal(malformed.statusCode, 400)
    t.equal(malformed.json().error.code, 'SERVER_BODY_INVALID', code)
    t.equal((await post(url, '')).json().error.code, 'SERVER_BODY_INVALID')
    t.equal((await post(url, '{"__proto__": 1}')).json().error.code, 'SERVER_BODY_INVALID')
    const large = await post(url, { text: 'x'.repeat(2000) })
    t.equal(large.statusCode, 413)
    t.match(large.json().error, { code: 'SERVER_BODY_TOO_LARGE', message: /1000 bytes/ })
    const form = await post(url, 'text=x', { 'content-type': 'application/x-www-form-urlencoded' })
    t.equal(form.statusCode, 415)
    t.match(form.json().error, { code: 'SERVER_MEDIA_TYPE', message: /application\/x-www-form-urlencoded/ })
  }
})

t.test('unknown paths and methods are 404, in the style of their prefix', async t => {
  const { server } = build()
  const v1 = await server.inject('/v1/embeddings')
  t.equal(v1.statusCode, 404)
  t.match(v1.json().error, { type: 'not_found_error', message: 'There is nothing at GET /v1/embeddings.' })
  const native = await server.inject({ method: 'GET', url: '/generate?x=1' })
  t.same(native.json(), { error: { message: 'There is nothing at GET /generate.', code: 'SERVER_ROUTE_NOT_FOUND' } })
})

t.test('an API key guards all but probes and metrics', async t => {
  const { server, post } = build({}, { apiKey: 'secret' })
  t.equal((await post(CHAT, { messages })).statusCode, 401)
  const wrong = await post(CHAT, { messages }, { authorization: 'Bearer wrong' })
  t.match(wrong.json().error, { type: 'authentication_error', code: 'SERVER_UNAUTHORIZED' })
  t.equal((await post(CHAT, { messages }, { authorization: 'Bearer secret' })).statusCode, 200)
  t.equal((await post('/generate', { text: 'x' }, { 'x-api-key': 'secret' })).statusCode, 200)
  t.equal((await server.inject('/v1/models')).statusCode, 401)
  for (const url of ['/health', '/metrics', '/ping']) t.equal((await server.inject(url)).statusCode, 200, url)
})

t.test('a draining server refuses new work and says so to probes', async t => {
  const controller = new AbortController()
  const { server, post } = build({}, { draining: controller.signal })
  t.equal((await post(CHAT, { messages })).statusCode, 200)
  controller.abort()
  for (const [url, body] of [
    [CHAT, { messages }],
    ['/v1/completions', { prompt: 'x' }],
    ['/v1/select', { messages, choices: ['a'] }],
    ['/generate', { text: 'x' }],
  ] as const) {
    const response = await post(url, body)
    t.equal(response.statusCode, 503, url)
    t.equal(response.headers['retry-after'], '1')
    t.equal(response.json().error.code, 'SERVER_DRAINING')
  }
  t.equal((await server.inject('/health')).statusCode, 503)
  t.equal((await server.inject('/metrics')).statusCode, 200)
})

t.test('pictures by URL or path come through the loader where there is one', async t => {
  const asked: string[] = []
  const imageLoader = async (reference: string) => {
    asked.push(reference)
    if (reference.includes('missing')) throw new EngineError('IMAGE_NOT_FOUND', { path: reference })
    return new Uint8Array([1, 2])
  }
  const { engine, post } = build({}, { imageLoader })
  await post('/generate', { text: 'x', image_data: ['https://a.test/b', './c.png'] })
  t.same(asked, ['https://a.test/b', './c.png'])
  t.match(engine.requests[0]!.prompt, { parts: [{ image: { bytes: new Uint8Array([1, 2]) } }, {}, {}] })
  const missing = await post('/generate', { text: 'x', image_data: 'missing.png' })
  t.equal(missing.json().error.code, 'IMAGE_NOT_FOUND')
})
