import t from 'tap'
import { buildServer } from '../../runtime/server/app.js'
import type { AccessRecord, ServerOptions } from '../../runtime/server/options.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

function build(scripted: ScriptedEngineOptions = {}, options: ServerOptions = {}) {
  const engine = createScriptedEngine(scripted)
  const server = buildServer(engine, options)
  // Async, since what inject returns begins only when it is awaited.
  const post = async (url: string, payload: object) => server.inject({ method: 'POST', url, payload })
  return { engine, server, post }
}

/** A script's pace that holds every generation open until released. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { pace: () => opened, open }
}

t.test('health answers at once, health_generate after a real token', async t => {
  const { engine, server } = build()
  t.same((await server.inject('/health')).json(), { status: 'ok' })
  t.equal(engine.requests.length, 0)
  const probe = await server.inject('/health_generate')
  t.match(probe.json(), { status: 'ok', latency: Number })
  t.match(engine.requests[0], { sampling: { maxTokens: 1, temperature: 0 } })
})

t.test('an engine that brings no token is unhealthy', async t => {
  const { pace, open } = gate()
  const { engine, server } = build({ pace }, { healthTimeoutMs: 20 })
  const probe = server.inject('/health_generate')
  setTimeout(open, 60)
  const response = await probe
  t.equal(response.statusCode, 503)
  t.match(response.json().error, { code: 'SERVER_UNHEALTHY', message: 'No token came within 0.02 seconds.' })
  engine.checkIntegrity()
})

t.test('an engine that ends nothing, not even what is aborted, is unhealthy too', async t => {
  const engine = createScriptedEngine()
  const hung = new Proxy(engine, {
    get(target, name) {
      if (name === 'generate') return () => ({ result: new Promise(() => {}) })
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const response = await buildServer(hung, { healthTimeoutMs: 20 }).inject('/health_generate')
  t.equal(response.statusCode, 503)
  t.equal(response.json().error.code, 'SERVER_UNHEALTHY')
})

t.test('metrics carry the names that charts of SGLang use, with our prefix', async t => {
  const { server, post } = build({ script: () => 'four' })
  await post('/generate', { text: 'prompt of some length' })
  await post('/generate', { text: 5 })
  const response = await server.inject('/metrics')
  t.match(response.headers['content-type'], /^text\/plain; version=0.0.4/)
  const sample = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(response.payload)?.[1])
  t.equal(sample('radiant_prompt_tokens_total'), 22)
  t.equal(sample('radiant_generation_tokens_total'), 4)
  t.equal(sample('radiant_cached_tokens_total'), 10)
  t.equal(sample('radiant_cache_hit_rate'), 10 / 22)
  t.equal(sample('radiant_num_running_reqs'), 0)
  t.equal(sample('radiant_num_queue_reqs'), 0)
  t.equal(sample('radiant_token_usage'), 8 / 64)
  t.equal(sample('radiant_forced_tokens_total'), 3)
  t.equal(sample('radiant_image_encodes_saved_total'), 7)
  t.equal(sample('radiant_time_to_first_token_seconds_count'), 1)
  t.equal(sample('radiant_e2e_request_latency_seconds_count'), 1)
  t.equal(sample('radiant_time_per_output_token_seconds_count'), 1)
  t.equal(sample('radiant_http_responses_total\\{route="/generate",status="200"\\}'), 1)
  t.equal(sample('radiant_http_responses_total\\{route="/generate",status="400"\\}'), 1)
  const again = await server.inject('/metrics')
  t.match(again.payload, /^radiant_prompt_tokens_total 22$/m, 'scraping twice counts once')
})

t.test('two servers in one process keep their figures apart', async t => {
  const first = build()
  const second = build()
  await first.post('/generate', { text: 'x' })
  t.match((await second.server.inject('/metrics')).payload, /^radiant_e2e_request_latency_seconds_count 0$/m)
})

t.test('model and server facts', async t => {
  const { server } = build()
  t.match((await server.inject('/get_model_info')).json(), {
    model_path: '/models/scripted',
    is_generation: true,
    has_image_understanding: true,
    context_length: 512,
  })
  t.match((await server.inject('/get_server_info')).json(), {
    served_model_name: 'scripted',
    fetches_images: false,
    internal_states: [{ runningRequests: 0, pages: { total: 64 } }],
  })
})

t.test('the cache is flushed only when nothing runs', async t => {
  const { pace, open } = gate()
  const { engine, server, post } = build({ pace })
  t.equal((await server.inject('/flush_cache')).statusCode, 200)
  const running = post('/generate', { text: 'x' })
  while (engine.running.size === 0) await new Promise(setImmediate)
  t.equal((await post('/flush_cache', {})).statusCode, 400)
  open()
  t.equal((await running).statusCode, 200)
  engine.checkIntegrity()
})

t.test('requests are aborted by id, by the beginning of it, or all', async t => {
  const { pace, open } = gate()
  const { engine, post } = build({ pace })
  const bodies = [
    post('/generate', { text: ['x', 'y'], rid: 'a' }),
    post('/generate', { text: 'x', rid: 'b' }),
    post('/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }], rid: 'c' }),
  ]
  while (engine.running.size < 4) await new Promise(setImmediate)
  t.same((await post('/abort_request', { rid: 'a' })).json(), { aborted: 2 })
  t.same((await post('/abort_request', { rid: 'nobody' })).json(), { aborted: 0 })
  t.equal((await post('/abort_request', {})).statusCode, 400)
  t.equal((await post('/abort_request', { rid: '' })).statusCode, 400)
  const chat = { messages: [{ role: 'user', content: 'x' }] }
  t.equal((await post('/v1/chat/completions', { ...chat, rid: '' })).statusCode, 400)
  t.equal((await post('/v1/select', { ...chat, choices: ['a', 'b'], rid: '' })).statusCode, 400)
  t.same((await post('/abort_request', { abort_all: true })).json(), { aborted: 4 })
  open()
  const [first, second, third] = await Promise.all(bodies)
  t.same(first!.json()[1].meta_info.finish_reason.type, 'abort')
  t.same(second!.json().meta_info.finish_reason.type, 'abort')
  t.same(third!.json().choices[0].finish_reason, 'abort')
  engine.checkIntegrity()
})

t.test('the tokenizer works over the wire, one text or several', async t => {
  const { post } = build()
  t.same((await post('/tokenize', { prompt: 'ab' })).json(), { tokens: [97, 98], count: 2, max_model_len: 512 })
  t.match((await post('/v1/tokenize', { prompt: ['a', 'bc'] })).json(), { tokens: [[97], [98, 99]], count: [1, 2] })
  t.same((await post('/detokenize', { tokens: [104, 105] })).json(), { text: 'hi' })
  t.same((await post('/v1/detokenize', { tokens: [[104], [105]] })).json(), { text: ['h', 'i'] })
  t.same((await post('/detokenize', { tokens: [] })).json(), { text: '' })
  t.equal((await post('/tokenize', {})).statusCode, 400)
  t.match((await post('/tokenize', { prompt: 'a', add_special_tokens: false })).json().error.message, /cannot be false/)
  t.match((await post('/detokenize', { tokens: [1, 300] })).json().error.message, /holds 300/)
  t.match((await post('/v1/detokenize', { tokens: [[1], 2] })).json().error.param, 'tokens[1]')
})

t.test('each response has an id, the client s own where it is plain, and is told of', async t => {
  const lines: AccessRecord[] = []
  const { server } = build({}, { onResponse: line => lines.push(line) })
  const own = await server.inject({ url: '/health?probe=1', headers: { 'x-request-id': 'trace-7' } })
  t.equal(own.headers['x-request-id'], 'trace-7')
  const odd = await server.inject({ url: '/health', headers: { 'x-request-id': 'a b\tc' } })
  t.match(odd.headers['x-request-id'], /^[0-9a-f-]{36}$/)
  t.match(lines[0], { id: 'trace-7', method: 'GET', path: '/health', status: 200, durationMs: Number })
})

t.test('the model is listed', async t => {
  const { server } = build()
  const list = (await server.inject('/v1/models')).json()
  t.match(list, { object: 'list', data: [{ id: 'scripted', object: 'model', max_model_len: 512 }] })
  t.equal((await server.inject('/v1/models/scripted')).json().id, 'scripted')
  const missing = await server.inject('/v1/models/other')
  t.equal(missing.statusCode, 404)
  t.match(missing.json(), { error: { type: 'not_found_error', code: 'SERVER_ROUTE_NOT_FOUND' } })
})
