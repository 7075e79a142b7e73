import t from 'tap'
import { buildServer } from '../../runtime/server/app.js'
import { readEvents } from '../support/event-stream.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

const PNG = 'iVBORw0KGgo='
const BYTES = Buffer.from(PNG, 'base64')

function build(options: ScriptedEngineOptions = {}) {
  const engine = createScriptedEngine(options)
  const server = buildServer(engine)
  const generate = async (payload: object) => {
    const response = await server.inject({ method: 'POST', url: '/generate', payload })
    engine.checkIntegrity()
    return response
  }
  return { engine, server, generate }
}

t.test('a text request is answered in the shape of SGLang', async t => {
  const { engine, generate } = build({ script: () => 'hi' })
  const body = (await generate({ text: 'Say' })).json()
  t.match(body, {
    text: 'hi',
    output_ids: [104, 105, 256],
    meta_info: {
      finish_reason: { type: 'stop', matched: 256 },
      prompt_tokens: 4,
      completion_tokens: 3,
      cached_tokens: 3,
    },
  })
  t.type(body.meta_info.e2e_latency, 'number')
  t.match(body.meta_info.id, /^[0-9a-f]{32}$/)
  t.notOk('output_token_logprobs' in body.meta_info)
  t.same(engine.requests[0]!.sampling, { temperature: 1, maxTokens: 128 })
})

t.test('PUT is POST', async t => {
  const { server } = build()
  const response = await server.inject({ method: 'PUT', url: '/generate', payload: { text: 'x' } })
  t.equal(response.json().text, 'hello')
})

t.test('the finish reason tells the stop text or the length', async t => {
  const { generate } = build({ script: () => 'one two' })
  const stopped = (await generate({ text: 'x', sampling_params: { stop: ' ' } })).json()
  t.equal(stopped.text, 'one')
  t.same(stopped.meta_info.finish_reason, { type: 'stop', matched: ' ' })
  const kept = (await generate({ text: 'x', sampling_params: { stop: [' '], no_stop_trim: true } })).json()
  t.equal(kept.text, 'one ')
  const cut = (await generate({ text: 'x', sampling_params: { max_new_tokens: 3 } })).json()
  t.same(cut.meta_info.finish_reason, { type: 'length', length: 3 })
})

t.test('sampling parameters have the names and defaults of SGLang', async t => {
  const { engine, generate } = build()
  await generate({
    text: 'x',
    rid: 'r1',
    priority: 2,
    extra_key: 'tenant',
    sampling_params: {
      max_new_tokens: 5,
      min_new_tokens: 1,
      temperature: 0,
      top_p: 0.5,
      top_k: 3,
      min_p: 0.2,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      repetition_penalty: 1.3,
      stop: ['a', 'b'],
      stop_token_ids: [7],
      ignore_eos: true,
      skip_special_tokens: true,
      sampling_seed: 11,
      logit_bias: { 3: 2 },
    },
  })
  t.same(engine.requests[0], {
    id: 'r1',
    prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'x' }] },
    sampling: {
      maxTokens: 5,
      minTokens: 1,
      temperature: 0,
      topP: 0.5,
      topK: 3,
      minP: 0.2,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      repetitionPenalty: 1.3,
      stop: ['a', 'b'],
      stopTokenIds: [7],
      ignoreEos: true,
      seed: 11,
      logitBias: { 3: 2 },
    },
    cacheSalt: 'tenant',
    priority: 2,
  })
  await generate({ text: 'x', sampling_params: { max_new_tokens: null } })
  t.equal(engine.requests[1]!.sampling!.maxTokens, 512, 'null asks for all that the context leaves')
})

t.test('constraints are strings as in SGLang, or objects', async t => {
  const schema = { type: 'integer' }
  const tag = { type: 'structural_tag', structures: [{ begin: '<', schema, end: '>' }], triggers: ['<'] }
  const cases: [object, unknown][] = [
    [{ json_schema: JSON.stringify(schema) }, { kind: 'json-schema', schema }],
    [
      { json_schema: schema, json_options: { property_order: 'any' } },
      { kind: 'json-schema', schema, propertyOrder: 'any' },
    ],
    [{ json_schema: '$$ANY$$' }, { kind: 'any-json' }],
    [{ regex: '[0-9]' }, { kind: 'regex', pattern: '[0-9]' }],
    [{ ebnf: 'root ::= "x"' }, { kind: 'ebnf', grammar: 'root ::= "x"' }],
    [{ structural_tag: JSON.stringify(tag) }, { kind: 'structural-tag', triggers: ['<'], structures: tag.structures }],
    [{ choices: ['a'] }, { kind: 'choices', choices: ['a'] }],
    [
      { regex: 'a', reasoning_end: '</think>' },
      { kind: 'regex', pattern: 'a', reasoningEnd: '</think>' },
    ],
  ]
  for (const [sampling_params, constraint] of cases) {
    const { engine, generate } = build()
    t.equal((await generate({ text: 'x', sampling_params })).statusCode, 200)
    t.same(engine.requests[0]!.constraint, constraint, JSON.stringify(sampling_params))
  }
  for (const sampling_params of [{ reasoning_end: '</think>' }, { regex: 'a', reasoning_end: '' }]) {
    const { engine, generate } = build()
    const response = await generate({ text: 'x', sampling_params })
    t.equal(response.statusCode, 400)
    t.match(response.body, /sampling_params\.reasoning_end/)
    t.equal(engine.requests.length, 0)
  }
})

t.test('log-probabilities are triples, and the first prompt position is null', async t => {
  const { generate } = build({ script: () => 'ok' })
  const half = Math.log(0.5)
  const request = { input_ids: [1, 2, 3, 4], return_logprob: true, top_logprobs_num: 2 }
  const output = (await generate({ ...request, top_logprobs_num: 0 })).json().meta_info
  t.same(output.output_token_logprobs, [
    [half, 111, null],
    [half, 107, null],
    [half, 256, null],
  ])
  t.same(output.input_token_logprobs, [], 'by default only the output')
  t.notOk('output_top_logprobs' in output)
  const all = (await generate({ ...request, logprob_start_len: 2, return_text_in_logprobs: true })).json().meta_info
  t.same(all.input_token_logprobs, [
    [null, 3, '\u0003'],
    [half, 4, '\u0004'],
  ])
  t.equal(all.prompt_tokens, 2 + all.input_token_logprobs.length)
  t.equal(all.input_top_logprobs[0], null)
  t.same(all.output_top_logprobs[0], [
    [half, 111, 'o'],
    [Math.log(0.25), 112, 'p'],
  ])
})

t.test('no new tokens: only the prompt is computed, as scoring clients ask', async t => {
  const { engine, generate } = build()
  const request = {
    input_ids: [1, 2, 3],
    sampling_params: { max_new_tokens: 0 },
    return_logprob: true,
    logprob_start_len: 0,
  }
  const body = (await generate(request)).json()
  t.match(body, {
    text: '',
    output_ids: [],
    meta_info: { finish_reason: { type: 'length', length: 0 }, completion_tokens: 0 },
  })
  t.equal(body.meta_info.input_token_logprobs.length, 3)
  t.same(body.meta_info.output_token_logprobs, [])
  t.equal(engine.requests[0]!.sampling!.maxTokens, 1)
  const events = readEvents((await generate({ ...request, stream: true })).payload)
  t.ok(events.slice(0, -1).every(event => JSON.parse(event).text === ''))
})

t.test('lists are answered by lists, in order, each with its own parameters', async t => {
  const { engine, generate } = build({ script: request => String(request.sampling?.maxTokens) })
  const body = (
    await generate({
      text: ['a', 'b'],
      rid: 'batch',
      sampling_params: [{ max_new_tokens: 7 }, { max_new_tokens: 8 }],
      return_logprob: [false, true],
    })
  ).json()
  t.same(
    body.map((item: { text: string }) => item.text),
    ['7', '8'],
  )
  t.same(
    engine.requests.map(request => request.id),
    ['batch_0', 'batch_1'],
  )
  t.notOk('output_token_logprobs' in body[0].meta_info)
  t.ok('output_token_logprobs' in body[1].meta_info)
})

t.test('several samples of one prompt are a list', async t => {
  const { engine, generate } = build()
  const body = (await generate({ text: ['a', 'b'], rid: ['x', 'y'], sampling_params: { n: 2, seed: 1 } })).json()
  t.equal(body.length, 4)
  t.same(
    engine.requests.map(request => [request.id, request.sampling!.seed]),
    [
      ['x_0', 1],
      ['x_1', 2],
      ['y_0', 1],
      ['y_1', 2],
    ],
  )
  const single = (await generate({ text: 'a', sampling_params: { n: 2 } })).json()
  t.equal(single.length, 2)
})

t.test('pictures stand at the markers, or first where there is none', async t => {
  const { engine, generate } = build()
  const picture = (label: string) => ({ kind: 'image', image: { bytes: BYTES, label } })
  await generate({ text: 'A<image>B<image>', image_data: [PNG, `data:image/png;base64,${PNG}`] })
  t.same(engine.requests[0]!.prompt, {
    kind: 'raw',
    parts: [
      { kind: 'text', text: 'A' },
      picture('image_data[0]'),
      { kind: 'text', text: 'B' },
      picture('image_data[1]'),
    ],
  })
  await generate({ text: 'No marker', image_data: PNG })
  t.same(engine.requests[1]!.prompt, {
    kind: 'raw',
    parts: [picture('image_data[0]'), { kind: 'text', text: 'No marker' }],
  })
  await generate({ input_ids: [5, 257], image_data: [[PNG]] })
  t.same(engine.requests[2]!.prompt, {
    kind: 'tokens',
    ids: [5, 257],
    images: [{ bytes: BYTES, label: 'image_data[0]' }],
  })
})

t.test('videos have markers of their own', async t => {
  const { engine, generate } = build()
  await generate({ text: 'A<video>B', video_data: PNG })
  t.strictSame(engine.requests[0]!.prompt, {
    kind: 'raw',
    parts: [
      { kind: 'text', text: 'A' },
      { kind: 'video', video: { bytes: BYTES, label: 'video_data[0]' } },
      { kind: 'text', text: 'B' },
    ],
  })
  t.match((await generate({ text: '<video><video>', video_data: PNG })).json().error, { code: 'VIDEO_COUNT_MISMATCH' })
})

t.test('a list of requests shares one picture or has its own', async t => {
  const { engine, generate } = build()
  const count = () => engine.requests.map(({ prompt }) => (prompt.kind === 'raw' ? prompt.parts.length : 0))
  await generate({ text: ['<image>', '<image>'], image_data: PNG })
  await generate({ text: ['<image>', 'none', '<image><image>'], image_data: [PNG, null, [PNG, PNG]] })
  t.same(count(), [1, 1, 1, 1, 2])
})

for (const hasRichDeltas of [true, false]) {
  t.test(`streams repeat all text so far (rich deltas: ${hasRichDeltas})`, async t => {
    const { generate } = build({ script: () => 'abc', hasRichDeltas })
    const response = await generate({ text: 'x', stream: true, rid: 'r', return_logprob: true })
    const events = readEvents(response.payload)
    t.equal(events.at(-1), '[DONE]')
    const chunks = events.slice(0, -1).map(event => JSON.parse(event))
    t.same(
      chunks.map(chunk => chunk.text),
      ['a', 'ab', 'abc', 'abc'],
    )
    t.same(chunks[1].output_ids, [97, 98])
    t.equal(chunks[0].meta_info.finish_reason, null)
    t.match(chunks[2].meta_info, { id: 'r', completion_tokens: 3 })
    t.equal(chunks[1].meta_info.output_token_logprobs.length, hasRichDeltas ? 2 : 0)
    t.match(chunks[3].meta_info, { finish_reason: { type: 'stop' }, prompt_tokens: 2, completion_tokens: 4 })
    t.equal(chunks[3].meta_info.output_token_logprobs.length, 4)
  })
}

t.test('streamed lists say which request a piece belongs to', async t => {
  const { generate } = build({ script: request => request.id! })
  const events = readEvents((await generate({ text: ['x', 'y'], rid: ['one', 'two'], stream: true })).payload)
  const chunks = events.slice(0, -1).map(event => JSON.parse(event))
  const last = (index: number) => chunks.findLast(chunk => chunk.index === index)
  t.match(last(0), { text: 'one', meta_info: { id: 'one', finish_reason: { type: 'stop' } } })
  t.match(last(1), { text: 'two', meta_info: { id: 'two', finish_reason: { type: 'stop' } } })
})
