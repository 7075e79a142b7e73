import t from 'tap'
import { buildServer } from '../../runtime/server/app.js'
import { readEvents } from '../support/event-stream.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'

const PIXEL = 'data:image/png;base64,iVBORw0KGgo='

function build(options: ScriptedEngineOptions = {}) {
  const engine = createScriptedEngine(options)
  const server = buildServer(engine)
  const post = async (url: string, payload: object) => {
    const response = await server.inject({ method: 'POST', url, payload })
    engine.checkIntegrity()
    return response
  }
  return { engine, server, post }
}

const user = (content: unknown) => [{ role: 'user', content }]

t.test('a chat completion has the shape that OpenAI documents', async t => {
  const { engine, post } = build({ script: () => 'a cat' })
  const response = await post('/v1/chat/completions', {
    model: 'anything',
    messages: [
      { role: 'system', content: 'Be brief.' },
      ...user([
        { type: 'text', text: 'What is it? ' },
        { type: 'image_url', image_url: { url: PIXEL, detail: 'low' } },
      ]),
    ],
  })
  t.equal(response.statusCode, 200)
  const body = response.json()
  t.match(body, {
    object: 'chat.completion',
    model: 'scripted',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'a cat', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 26,
      completion_tokens: 5,
      total_tokens: 31,
      prompt_tokens_details: { cached_tokens: 10, image_tokens: 4 },
    },
  })
  t.match(body.id, /^chatcmpl-[0-9a-f]{32}$/)
  const { prompt, sampling, constraint, logprobs } = engine.requests[0]!
  t.same(prompt, {
    kind: 'chat',
    messages: [
      { role: 'system', content: [{ kind: 'text', text: 'Be brief.' }] },
      {
        role: 'user',
        content: [
          { kind: 'text', text: 'What is it? ' },
          {
            kind: 'image',
            image: { bytes: Buffer.from('iVBORw0KGgo=', 'base64'), label: 'messages[1].content[1].image_url.url' },
          },
        ],
      },
    ],
  })
  t.same(sampling, { temperature: 1, maxTokens: 512 })
  t.equal(constraint, undefined)
  t.equal(logprobs, undefined)
})

t.test('every sampling parameter reaches the engine', async t => {
  const { engine, post } = build()
  await post('/v1/chat/completions', {
    messages: user('x'),
    max_completion_tokens: 7,
    max_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    top_k: -1,
    min_p: 0.1,
    frequency_penalty: 1,
    presence_penalty: -1,
    repetition_penalty: 1.1,
    seed: 4,
    stop: 'END',
    stop_token_ids: [5],
    ignore_eos: true,
    min_tokens: 2,
    logit_bias: { 65: -100 },
    cache_salt: 'tenant',
    priority: 3,
    close_on_length: true,
    rid: 'mine',
  })
  t.same(engine.requests[0], {
    id: 'mine',
    prompt: { kind: 'chat', messages: [{ role: 'user', content: [{ kind: 'text', text: 'x' }] }] },
    sampling: {
      maxTokens: 7,
      temperature: 0.5,
      topP: 0.9,
      topK: 0,
      minP: 0.1,
      frequencyPenalty: 1,
      presencePenalty: -1,
      repetitionPenalty: 1.1,
      seed: 4,
      stop: ['END'],
      stopTokenIds: [5],
      ignoreEos: true,
      minTokens: 2,
      logitBias: { 65: -100 },
    },
    cacheSalt: 'tenant',
    priority: 3,
    closeOnLength: true,
  })
})

t.test('each way to constrain an answer becomes one constraint', async t => {
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }
  const structures = [{ begin: '<f>', schema, end: '</f>' }]
  const cases: [object, unknown][] = [
    [{ response_format: { type: 'text' } }, undefined],
    [{ response_format: { type: 'json_object' } }, { kind: 'json-schema', schema: { type: 'object' } }],
    [
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'n', strict: true, schema, whitespace: { indent: 2 } },
        },
      },
      { kind: 'json-schema', schema, whitespace: { indent: 2 } },
    ],
    [
      { response_format: { type: 'structural_tag', structures, triggers: ['<f'] } },
      { kind: 'structural-tag', structures, triggers: ['<f'] },
    ],
    [{ regex: 'a+' }, { kind: 'regex', pattern: 'a+' }],
    [{ ebnf: 'root ::= "a"' }, { kind: 'ebnf', grammar: 'root ::= "a"' }],
    [{ choices: ['yes', 'no'] }, { kind: 'choices', choices: ['yes', 'no'] }],
    [
      { regex: 'a+', reasoning_end: '</think>' },
      { kind: 'regex', pattern: 'a+', reasoningEnd: '</think>' },
    ],
  ]
  for (const [fields, constraint] of cases) {
    const { engine, post } = build()
    const response = await post('/v1/chat/completions', { messages: user('x'), ...fields })
    t.equal(response.statusCode, 200)
    t.same(engine.requests[0]!.constraint, constraint, JSON.stringify(fields))
  }
})

t.test('samples are numbered, seeded apart, and the prompt is counted once', async t => {
  const { engine, post } = build({ script: request => `answer ${request.sampling?.seed}` })
  const body = (await post('/v1/chat/completions', { messages: user('abcdefghij'), n: 3, seed: 10, rid: 'r' })).json()
  t.same(
    body.choices.map((choice: { message: { content: string } }) => choice.message.content),
    ['answer 10', 'answer 11', 'answer 12'],
  )
  t.same(
    engine.requests.map(request => request.id),
    ['r_0', 'r_1', 'r_2'],
  )
  t.match(body.usage, { prompt_tokens: 11, completion_tokens: 27, total_tokens: 38 })
})

t.test('log-probabilities come token by token, with bytes', async t => {
  const { post } = build({ script: () => 'ok' })
  const body = (await post('/v1/chat/completions', { messages: user('x'), logprobs: true, top_logprobs: 2 })).json()
  const [first, second] = body.choices[0].logprobs.content
  t.match(first, { token: 'o', logprob: Math.log(0.5), bytes: [111] })
  t.same(
    second.top_logprobs.map((top: { token: string }) => top.token),
    ['k', 'l'],
  )
})

t.test('stop strings and the token limit end an answer as OpenAI names it', async t => {
  const { post } = build({ script: () => 'one two' })
  const stopped = (await post('/v1/chat/completions', { messages: user('x'), stop: [' '] })).json()
  t.match(stopped.choices[0], { message: { content: 'one' }, finish_reason: 'stop', matched_stop: ' ' })
  const cut = (await post('/v1/chat/completions', { messages: user('x'), max_tokens: 2 })).json()
  t.match(cut.choices[0], { message: { content: 'on' }, finish_reason: 'length' })
})

t.test('a video is a part of the user s message', async t => {
  const { engine, post } = build()
  const part = { type: 'video_url', video_url: { url: 'data:video/mp4;base64,AQI=' }, num_frames: 4 }
  t.equal((await post('/v1/chat/completions', { messages: user([part]) })).statusCode, 200)
  t.match(engine.requests[0]!.prompt, {
    messages: [{ content: [{ kind: 'video', video: { bytes: Buffer.from([1, 2]), frames: 4 } }] }],
  })
})

t.test('the last answer can be gone on with', async t => {
  const { engine, post } = build()
  await post('/v1/chat/completions', {
    messages: [...user('x'), { role: 'assistant', content: 'It is' }],
    continue_final_message: true,
  })
  t.match(engine.requests[0]!.prompt, { kind: 'chat', continuation: [{ kind: 'text', text: 'It is' }] })
})

for (const hasRichDeltas of [true, false]) {
  t.test(`a streamed chat says the same as one in one piece (rich deltas: ${hasRichDeltas})`, async t => {
    const { post } = build({ script: () => 'two words', hasRichDeltas })
    const response = await post('/v1/chat/completions', {
      messages: user('x'),
      stream: true,
      stream_options: { include_usage: true },
      logprobs: true,
      n: 2,
    })
    t.match(response.headers['content-type'], /^text\/event-stream/)
    const events = readEvents(response.payload)
    t.equal(events.at(-1), '[DONE]')
    const chunks = events.slice(0, -1).map(event => JSON.parse(event))
    const ofSecond = chunks.flatMap(chunk => chunk.choices).filter(choice => choice.index === 1)
    t.same(ofSecond[0].delta, { role: 'assistant', content: 't' })
    t.equal(ofSecond.map(choice => choice.delta.content ?? '').join(''), 'two words')
    t.equal(ofSecond.flatMap(choice => choice.logprobs?.content ?? []).length, 9)
    t.equal(ofSecond.at(-1).finish_reason, 'stop')
    t.ok(chunks.every(chunk => chunk.object === 'chat.completion.chunk' && chunk.id === chunks[0].id))
    t.match(chunks.at(-1), { choices: [], usage: { prompt_tokens: 2, completion_tokens: 18 } })
    t.equal(chunks[0].usage, null)
  })
}

t.test('completions take one prompt or several', async t => {
  const { engine, post } = build({ script: () => 'abcdefghijklmnopqrstuvwxyz' })
  const body = (await post('/v1/completions', { prompt: ['p', 'qq'], logprobs: 1, n: 2 })).json()
  t.equal(body.object, 'text_completion')
  t.same(
    body.choices.map((choice: { text: string }) => choice.text.length),
    [16, 16, 16, 16],
  )
  t.same(
    engine.requests.map(request => request.prompt),
    [
      { kind: 'raw', parts: [{ kind: 'text', text: 'p' }] },
      { kind: 'raw', parts: [{ kind: 'text', text: 'p' }] },
      { kind: 'raw', parts: [{ kind: 'text', text: 'qq' }] },
      { kind: 'raw', parts: [{ kind: 'text', text: 'qq' }] },
    ],
  )
  const { tokens, text_offset, top_logprobs } = body.choices[0].logprobs
  t.same(tokens.slice(0, 2), ['a', 'b'])
  t.same(text_offset.slice(0, 3), [0, 1, 2])
  t.same(top_logprobs[0], { a: Math.log(0.5) })
  t.match(body.usage, { prompt_tokens: 5, completion_tokens: 64 })
})

t.test('completions take token ids, one list or several', async t => {
  const { engine, post } = build()
  await post('/v1/completions', { prompt: [1, 2] })
  await post('/v1/completions', { prompt: [[3], [4, 5]] })
  t.strictSame(
    engine.requests.map(request => request.prompt),
    [[1, 2], [3], [4, 5]].map(ids => ({ kind: 'tokens', ids })),
  )
})

t.test('streamed completions carry text', async t => {
  const { post } = build({ script: () => 'abc' })
  const events = readEvents((await post('/v1/completions', { prompt: 'p', stream: true })).payload)
  const chunks = events.slice(0, -1).map(event => JSON.parse(event))
  t.equal(chunks.map(chunk => chunk.choices[0].text).join(''), 'abc')
  t.equal(chunks.at(-1).choices[0].finish_reason, 'stop')
})

t.test('select takes messages or a prompt, and tells every score', async t => {
  const { engine, post } = build()
  const body = (
    await post('/v1/select', { messages: user('Cat?'), choices: ['yes', 'no'], method: 'greedy-token' })
  ).json()
  t.match(body, {
    object: 'select',
    choice: 'yes',
    index: 0,
    scores: [
      { choice: 'yes', score: -1, probability: 0.5, token_ids: [121, 101, 115] },
      { choice: 'no', score: -2 },
    ],
    usage: { prompt_tokens: 5 },
  })
  t.match(engine.selects[0], { method: 'greedy-token', prompt: { kind: 'chat' } })
  await post('/v1/select', { prompt: 'See <image>: ', image_data: PIXEL, choices: ['a'] })
  t.match(engine.selects[1]!.prompt, { kind: 'raw', parts: [{ text: 'See ' }, { kind: 'image' }, { text: ': ' }] })
})
