import t, { type Test } from 'tap'
import { httpBackend } from '../../frontend/client/http.js'
import type { Backend, GenerateEvent, GenerateRequest } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { MSGPACK_TYPE, packRequest } from '../../runtime/protocol/wire.js'
import { buildServer } from '../../runtime/server/app.js'
import { listen } from '../../runtime/server/main.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

const FULL: GenerateRequest = {
  id: 'all-fields',
  prompt: {
    kind: 'chat',
    messages: [
      { role: 'system', content: [{ kind: 'text', text: 'Be brief.' }] },
      {
        role: 'user',
        content: [
          { kind: 'image', image: { bytes: new Uint8Array([0, 255, 10]), label: 'cat.png' } },
          { kind: 'text', text: 'Cat?' },
        ],
      },
    ],
    continuation: [{ kind: 'generated', text: 'It', tokenIds: [73, 116] }],
  },
  sampling: {
    maxTokens: 5,
    minTokens: 1,
    temperature: 0.5,
    topP: 0.9,
    topK: 4,
    minP: 0.1,
    frequencyPenalty: 0.1,
    presencePenalty: 0.2,
    repetitionPenalty: 1.1,
    seed: 7,
    stop: ['.'],
    stopTokenIds: [9],
    ignoreEos: true,
    logitBias: { 65: -1 },
  },
  constraint: {
    kind: 'json-schema',
    schema: { type: 'object', properties: { a: { enum: [1, null] } } },
    propertyOrder: 'any',
    whitespace: { max: 3 },
    unsupported: 'validate',
  },
  logprobs: { top: 2, promptFrom: 1 },
  cacheSalt: 'tenant',
  priority: -2,
  closeOnLength: true,
}

async function start(t: Test, options: ScriptedEngineOptions = {}) {
  const engine = createScriptedEngine(options)
  const server = await listen(engine, { host: '127.0.0.1', port: 0 })
  t.teardown(() => server.shutDown(0))
  return { engine, backend: httpBackend(server.address) }
}

async function eventsOf(backend: Backend, request: GenerateRequest): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = []
  for await (const event of backend.generate(request)) events.push(event)
  return events
}

/** Bytes arrive as a Buffer, which is a Uint8Array with another name. */
function normalise(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(normalise)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, normalise(inner)]))
}

t.test('a request crosses the wire without loss, and its events come back the same', async t => {
  const { engine, backend } = await start(t, { script: () => 'yes.no' })
  const remote = await eventsOf(backend, FULL)
  t.strictSame(normalise(engine.requests[0]), FULL)
  t.strictSame(remote, await eventsOf(createScriptedEngine({ script: () => 'yes.no' }), FULL))
  engine.checkIntegrity()
})

t.test('every kind of prompt and constraint crosses', async t => {
  const { engine, backend } = await start(t)
  const image = { bytes: new Uint8Array([1]) }
  for (const prompt of [
    { kind: 'raw', parts: [{ kind: 'image', image }], addSpecialTokens: false },
    { kind: 'tokens', ids: [1, 2] },
    { kind: 'tokens', ids: [257], images: [image] },
    {
      kind: 'tokens',
      ids: [257],
      videos: [
        { ...image, frames: 3 },
        { pictures: [image, image], label: 'clip' },
      ],
    },
    { kind: 'raw', parts: [{ kind: 'video', video: image }] },
  ] as const) {
    await backend.warm(prompt)
    t.strictSame(normalise(engine.warmed.at(-1)), prompt)
  }
  for (const constraint of [
    { kind: 'json-schema', schema: true },
    { kind: 'any-json', whitespace: 'spaced' },
    { kind: 'any-json', whitespace: { indent: 2 } },
    { kind: 'regex', pattern: 'a' },
    { kind: 'ebnf', grammar: 'root ::= "a"', root: 'root' },
    { kind: 'choices', choices: ['a'] },
    { kind: 'choices', choices: ['a'], reasoningEnd: '</think>' },
    { kind: 'structural-tag', triggers: ['<'], structures: [{ begin: '<', schema: {}, end: '>' }] },
  ] as const) {
    await backend.checkConstraint(constraint)
    t.strictSame(engine.checked.at(-1), constraint)
  }
})

t.test('select and warm answer as in process', async t => {
  const { engine, backend } = await start(t)
  const request = { prompt: { kind: 'raw', parts: [] }, choices: ['a', 'b'], method: 'greedy-token' } as const
  t.strictSame(await backend.select(request), await createScriptedEngine().select(request))
  t.strictSame(engine.selects[0], request)
})

t.test('errors arrive as they were thrown, before the answer and within it', async t => {
  const script = () => new EngineError('REQUEST_TOO_LONG', { promptTokens: 9, imageTokens: 4, contextLength: 8 })
  const { backend } = await start(t, {
    script,
    checkConstraint: async () => {
      throw new EngineError('GRAMMAR_UNSUPPORTED', { kind: 'schema', what: 'not', pointer: '/not' })
    },
    select: () => new EngineError('ENGINE_FAILED', { what: 'x' }),
  })
  await t.rejects(eventsOf(backend, { prompt: FULL.prompt }), script())
  await t.rejects(backend.checkConstraint({ kind: 'regex', pattern: 'a' }), {
    code: 'GRAMMAR_UNSUPPORTED',
    data: { pointer: '/not' },
  })
  await t.rejects(backend.select({ prompt: FULL.prompt, choices: ['a'] }), { code: 'ENGINE_FAILED' })
  const late = await start(t, {
    script: () => 'abc',
    pace: async (_, index) => {
      if (index === 2) throw new EngineError('KERNEL_FAILED', { pool: 'decoder', what: 'gone' })
    },
  })
  await t.rejects(eventsOf(late.backend, { prompt: FULL.prompt }), { code: 'KERNEL_FAILED', data: { pool: 'decoder' } })
})

t.test('leaving the iteration aborts the request on the server', async t => {
  const { engine, backend } = await start(t, {
    script: () => 'x'.repeat(200),
    pace: () => new Promise(resolve => setTimeout(resolve, 1)),
  })
  for await (const event of backend.generate({ prompt: FULL.prompt })) if (event.type === 'text-delta') break
  while (engine.running.size > 0) await new Promise(resolve => setTimeout(resolve, 1))
  t.equal(engine.status().abortedRequests, 1)
})

t.test('malformed messages are refused with what is wrong', async t => {
  const server = buildServer(createScriptedEngine())
  const prompt = { kind: 'raw', parts: [] }
  const cases: [route: string, request: unknown, message: RegExp][] = [
    ['generate', null, /must be a JSON object/],
    ['generate', {}, /"prompt" must be a JSON object/],
    ['generate', { prompt: {} }, /"prompt.kind" is missing/],
    ['generate', { prompt: { kind: 'raw' } }, /"prompt.parts" is missing/],
    ['generate', { prompt: { kind: 'raw', parts: [{ kind: 'image', image: { bytes: 'abc' } }] } }, /must be bytes/],
    ['generate', { prompt: { kind: 'raw', parts: [{ kind: 'generated', text: 'a' }] } }, /tokenIds" is missing/],
    ['generate', { prompt: { kind: 'tokens', ids: [-1] } }, /"prompt.ids" must be a list of whole numbers/],
    [
      'generate',
      { prompt: { kind: 'chat', messages: [{ role: 'tool' }] } },
      /"prompt.messages\[0\].role" must be one of/,
    ],
    ['generate', { prompt, sampling: { maxTokens: '5' } }, /"sampling.maxTokens"/],
    ['generate', { prompt, sampling: { logitBias: { 1: 'x' } } }, /"sampling.logitBias"/],
    ['generate', { prompt, constraint: { kind: 'json-schema' } }, /"constraint.schema" must be a JSON Schema/],
    ['generate', { prompt, constraint: { kind: 'any-json', whitespace: {} } }, /either "indent" or "max"/],
    ['generate', { prompt, unheardOf: 1 }, /no parameter "unheardOf"/],
    ['select', { prompt, choices: [] }, /at least one/],
    ['check', { kind: 'regex' }, /"pattern" is missing/],
    ['check', {}, /"kind" is missing/],
    ['warm', { kind: 'raw', parts: 1 }, /"parts" must be a list/],
  ]
  for (const [route, request, message] of cases) {
    const response = await server.inject({
      method: 'POST',
      url: `/v1/radiant/${route}`,
      headers: { 'content-type': MSGPACK_TYPE },
      payload: Buffer.from(packRequest(request)),
    })
    t.equal(response.statusCode, 400, message.source)
    t.match(response.json().error, { code: 'REQUEST_INVALID', message, data: Object })
  }
})

t.test('JSON does as well, with bytes in base64; other versions and garbage are refused', async t => {
  const engine = createScriptedEngine()
  const server = buildServer(engine)
  const post = (payload: object | Buffer, type = 'application/json') =>
    server.inject({ method: 'POST', url: '/v1/radiant/warm', headers: { 'content-type': type }, payload })
  const request = { kind: 'raw', parts: [{ kind: 'image', image: { bytes: { $bytes: 'AQI=' } } }] }
  t.equal((await post({ version: 1, request })).statusCode, 200)
  t.match(engine.warmed[0], { parts: [{ image: { bytes: new Uint8Array([1, 2]) } }] })
  for (const response of [await post({ version: 2, request }), await post(Buffer.from([0xc1]), MSGPACK_TYPE)]) {
    t.equal(response.statusCode, 400)
    t.equal(response.json().error.code, 'WIRE_INVALID')
  }
})
