import t from 'tap'
import { buildServer } from '../../runtime/server/app.js'
import { createScriptedEngine } from '../support/scripted-engine.js'

const CHAT = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'x' }]

function build() {
  const engine = createScriptedEngine()
  const server = buildServer(engine)
  const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
    server.inject({
      method: 'POST',
      url,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      headers: { 'content-type': 'application/json', ...headers },
    })
  return { engine, server, post }
}

t.test('what is wrong with a chat request is said with the parameter at fault', async t => {
  const { post, engine } = build()
  const image = (url: unknown) => ({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  })
  const cases: [body: object, param: string | null, message: RegExp][] = [
    [[], null, /must be a JSON object; got \[\]/],
    [{}, 'messages', /"messages" is missing/],
    [{ messages: [] }, 'messages', /at least one/],
    [{ messages: 'hi' }, 'messages', /must be a list; got "hi"/],
    [{ messages: [1] }, 'messages[0]', /JSON object; got 1/],
    [{ messages: [{ role: 'tool', content: '' }] }, 'messages[0].role', /got "tool"/],
    [{ messages: [{ role: 'toString', content: '' }] }, 'messages[0].role', /got "toString"/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /string or a list/],
    [
      { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
      'messages[0].content[0].type',
      /"image_url"/,
    ],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', /missing/],
    [image('https://x.test/a.png'), 'messages[0].content[0].image_url.url', /fetches none; send the bytes/],
    [image('a.png'), 'messages[0].content[0].image_url.url', /fetches none/],
    [image('data:image/png;base64,!!'), 'messages[0].content[0].image_url.url', /malformed/],
    [image('data:image/png;base64,'), 'messages[0].content[0].image_url.url', /empty/],
    [image('data:image/png,abc'), 'messages[0].content[0].image_url.url', /must be base64/],
    [image(7), 'messages[0].content[0].image_url.url', /must be a string; got 7/],
    [{ messages, temperature: 'hot' }, 'temperature', /must be a number from 0 to 100; got "hot"/],
    [{ messages, temperature: -1 }, 'temperature', /from 0 to 100; got -1/],
    [{ messages, top_p: 0 }, 'top_p', /over 0 and at most 1; got 0/],
    [{ messages, max_tokens: 1.5 }, 'max_tokens', /whole number/],
    [{ messages, n: 0 }, 'n', /from 1 to 128/],
    [{ messages, stop: [''] }, 'stop', /empty string/],
    [{ messages, stop_token_ids: [9999] }, 'stop_token_ids', /from 0 to 299/],
    [{ messages, logit_bias: { x: 1 } }, 'logit_bias', /token "x"/],
    [{ messages, logit_bias: { 1: 101 } }, 'logit_bias', /from -100 to 100/],
    [{ messages, top_logprobs: 2 }, 'top_logprobs', /needs "logprobs"/],
    [{ messages, stream_options: {} }, 'stream_options', /needs "stream"/],
    [{ messages, response_format: {} }, 'response_format.type', /missing/],
    [{ messages, response_format: { type: 'xml' } }, 'response_format.type', /one of/],
    [{ messages, response_format: { type: 'json_schema' } }, 'response_format.json_schema', /missing/],
    [
      { messages, response_format: { type: 'json_schema', json_schema: { schema: 1 } } },
      'response_format.json_schema.schema',
      /JSON Schema/,
    ],
    [{ messages, regex: 'a', ebnf: 'b' }, 'ebnf', /exclude each other/],
    [{ messages, choices: [] }, 'choices', /at least one/],
    [{ messages, tools: [{}] }, 'tools', /calls no tools/],
    [{ messages, reasoning_effort: 'high' }, 'reasoning_effort', /no parameter "reasoning_effort"/],
    [{ messages, max_token: 5 }, 'max_token', /no parameter "max_token"/],
    [{ messages, continue_final_message: true }, 'continue_final_message', /it is the user's/],
  ]
  for (const [body, param, message] of cases) {
    const response = await post(CHAT, body)
    t.equal(response.statusCode, 400, JSON.stringify(body))
    t.match(response.json().error, {
      type: 'invalid_request_error',
      param,
      message,
      code: /REQUEST_INVALID|IMAGE_UNREADABLE/,
    })
  }
  t.equal(engine.requests.length, 0)
})

t.test('harmless parameters, empty tools and nulls pass', async t => {
  const { post } = build()
  const response = await post(CHAT, {
    messages: [{ role: 'user', content: 'x', name: 'ann' }],
    user: 'u',
    metadata: {},
    store: false,
    tools: [],
    tool_choice: 'none',
    parallel_tool_calls: true,
    modalities: ['text'],
    response_format: null,
    stop: null,
    unheard_of: null,
    switch_of_another_server: false,
  })
  t.equal(response.statusCode, 200)
})

t.test('what the clients of SGLang send spelt out as unused passes', async t => {
  const { engine, post } = build()
  const response = await post('/generate', {
    text: 'x',
    lora_path: '',
    return_routed_experts: false,
    input_embeds: null,
    video_data: [null],
    token_ids_logprob: [],
    modalities: ['image'],
    image_data: [],
    sampling_params: { stop: [], stop_token_ids: [], stop_regex: [], regex: null, custom_params: null, n: 1 },
  })
  t.equal(response.statusCode, 200)
  t.strictSame(engine.requests[0]!.sampling, { temperature: 1, stop: [], stopTokenIds: [], maxTokens: 128 })
})

t.test('what is wrong with a native request is said', async t => {
  const { post, engine } = build()
  const cases: [body: object, message: RegExp][] = [
    [{}, /either "text" or "input_ids"/],
    [{ text: 'x', input_ids: [1] }, /either "text" or "input_ids"/],
    [{ text: 5 }, /string or a list of strings; got 5/],
    [{ text: [] }, /at least one/],
    [{ input_ids: [] }, /at least one/],
    [{ input_ids: [1, 300] }, /holds 300; token ids run from 0 to 299/],
    [{ input_ids: [[1], 'x'] }, /"input_ids\[1\]" must be a list of token ids/],
    [{ input_ids: [[1], []] }, /"input_ids\[1\]" must hold at least one/],
    [{ text: '<image><image>', image_data: 'aGk=' }, /2 places for pictures, and 1 pictures/],
    [{ text: 'a <image>' }, /1 places for pictures, and 0/],
    [{ text: ['a', 'b'], image_data: ['aGk='] }, /1 items for 2 requests/],
    [{ text: 'x', image_data: 'cat.png' }, /fetches none/],
    [{ text: 'x', image_data: '/etc/passwd' }, /fetches none/],
    [{ text: 'x', image_data: 'no base64!' }, /must be a data: URI, base64 or an http/],
    [{ text: 'x', image_data: [5] }, /"image_data\[0\]" must be base64 text/],
    [{ text: 'x', sampling_params: { max_tokens: 3 } }, /no parameter "sampling_params.max_tokens"/],
    [{ text: 'x', sampling_params: { max_new_tokens: 2, min_new_tokens: 3 } }, /must not be over/],
    [{ text: 'x', sampling_params: [{}, {}] }, /2 items for 1 requests/],
    [{ text: ['x', 'y'], sampling_params: [{ n: 1 }, { n: 2 }] }, /must be the same/],
    [{ text: 'x', sampling_params: { json_schema: '{' } }, /is not JSON/],
    [{ text: 'x', sampling_params: { stop_regex: 'a' } }, /cannot be honoured/],
    [{ text: 'x', sampling_params: { skip_special_tokens: false } }, /never shown/],
    [{ text: ['x', 'y'], rid: ['a', 'a'] }, /same id twice/],
    [{ text: ['x', 'y'], rid: ['a'] }, /2 strings for 2 requests/],
    [{ text: 'x', return_logprob: 'yes' }, /"return_logprob" must be one value/],
    [{ text: 'x', logprob_start_len: -2 }, /"logprob_start_len"/],
    [{ text: 'x', token_ids_logprob: [1] }, /top_logprobs_num/],
    [{ text: 'x', lora_path: 'a' }, /no adapters/],
    [{ text: 'x', max_new_tokens: 1 }, /no parameter "max_new_tokens"/],
  ]
  for (const [body, message] of cases) {
    const response = await post('/generate', body)
    t.equal(response.statusCode, 400, JSON.stringify(body))
    t.match(response.json().error.message, message)
  }
  t.equal(engine.requests.length, 0)
})

t.test('a body may nest as deep as it likes', async t => {
  const { post } = build()
  const response = await post('/generate', '['.repeat(200_000) + ']'.repeat(200_000))
  t.equal(response.statusCode, 400)
  t.equal(response.json().error.message, 'The body must be a JSON object; got a list.')
})

t.test('a start of log-probabilities beyond the prompt is refused once the prompt is counted', async t => {
  const { post } = build()
  const response = await post('/generate', { input_ids: [1, 2], return_logprob: true, logprob_start_len: 2 })
  t.equal(response.statusCode, 400)
  t.match(response.json().error.message, /must be below the 2 tokens of the prompt; got 2/)
})

t.test('what is wrong with a select or a completion is said', async t => {
  const { post } = build()
  const cases: [url: string, body: object, param: string][] = [
    ['/v1/select', { messages }, 'choices'],
    ['/v1/select', { messages, choices: ['a', 'a'] }, 'choices'],
    ['/v1/select', { messages, choices: ['a', ''] }, 'choices'],
    ['/v1/select', { choices: ['a'] }, 'prompt'],
    ['/v1/select', { messages, prompt: 'x', choices: ['a'] }, 'prompt'],
    ['/v1/select', { messages, choices: ['a'], method: 'best' }, 'method'],
    ['/v1/select', { messages, choices: ['a'], image_data: 'aGk=' }, 'image_data'],
    ['/v1/completions', {}, 'prompt'],
    ['/v1/completions', { prompt: [1, 300] }, 'prompt'],
    ['/v1/completions', { prompt: [1, 'a'] }, 'prompt'],
    ['/v1/completions', { prompt: [] }, 'prompt'],
    ['/v1/completions', { prompt: 'x', echo: true }, 'echo'],
    ['/v1/completions', { prompt: 'x', best_of: 2 }, 'best_of'],
    ['/v1/completions', { prompt: 'x', suffix: 'y' }, 'suffix'],
  ]
  for (const [url, body, param] of cases) {
    const response = await post(url, body)
    t.equal(response.statusCode, 400, JSON.stringify(body))
    t.equal(response.json().error.param, param)
  }
})

t.test('bytes are understood on the routes for programs alone, and nowhere as an object', async t => {
  const { post, engine } = build()
  const headers = { 'content-type': 'application/vnd.msgpack' }
  for (const url of [CHAT, '/generate', '/abort_request', '/tokenize']) {
    const response = await post(url, 'x'.repeat(100_000), headers)
    t.equal(response.statusCode, 415, url)
    t.equal(response.json().error.code, 'SERVER_MEDIA_TYPE')
  }
  const sampling = { $bytes: Buffer.alloc(300_000).toString('base64') }
  const response = await post('/v1/radiant/generate', { version: 1, request: { prompt: 'x', sampling } })
  t.equal(response.statusCode, 400)
  t.match(response.json().error.message, /must be a JSON object; got (300000 bytes|"x")/)
  t.equal(engine.requests.length, 0)
})

t.test('a message for programs may nest as deep as it likes too', async t => {
  const { post } = build()
  const response = await post(
    '/v1/radiant/generate',
    `{"version":1,"request":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  )
  t.equal(response.statusCode, 400)
  t.equal(response.json().error.code, 'WIRE_INVALID')
})

t.test('a small body names no million generations', async t => {
  const { post, engine } = build()
  const prompts = Array.from({ length: 4000 }, () => 'a')
  for (const [url, body] of [
    ['/v1/completions', { prompt: prompts, n: 128 }],
    ['/generate', { text: prompts, sampling_params: { n: 128 } }],
  ] as const) {
    const response = await post(url, body)
    t.equal(response.statusCode, 400, url)
    t.match(response.json().error.message, /512000 generations; one request may ask for 65536/)
  }
  t.equal(engine.requests.length, 0)
})

t.test('no more text is tokenized at once than the thread can spare', async t => {
  const { post } = build()
  const response = await post('/tokenize', { prompt: ['x'.repeat(600_000), 'y'.repeat(600_000)] })
  t.equal(response.statusCode, 400)
  t.match(response.json().error.message, /1200000 characters; at most 1000000/)
})
