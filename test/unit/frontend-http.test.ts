import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { assistant, type Backend, EngineError, gen, httpBackend, program, select, user } from '../../frontend/index.js'
import { buildServer } from '../../runtime/server/app.js'
import { CORPUS } from '../programs/corpus.js'
import { ScriptedBackend } from '../support/scripted-backend.js'
import { createScriptedEngine } from '../support/scripted-engine.js'
import { scripted } from '../support/scripts.js'

const ask = program('ask', {}, () => [user`Ask.`, assistant`${gen('answer')}`])
const pick = program('pick', {}, () => [user`Pick.`, assistant`${select('choice', ['a', 'b'])}`])

/** A Radiant server on a free port whose engine is the scripted backend. */
async function serve(t: Test, backend: ScriptedBackend, apiKey?: string): Promise<string> {
  const engine = Object.assign(createScriptedEngine(), {
    generate: backend.generate.bind(backend),
    select: backend.select.bind(backend),
    warm: backend.warm.bind(backend),
    checkConstraint: backend.checkConstraint.bind(backend),
  })
  const server = buildServer(engine, apiKey === undefined ? {} : { apiKey })
  t.teardown(() => {
    // A client may hold a connection open on which it has asked nothing yet; that one does not count as idle.
    server.server.closeAllConnections()
    return server.close()
  })
  return server.listen({ port: 0, host: '127.0.0.1' })
}

t.test('the corpus gives the same results over HTTP as in process', async t => {
  for (const { program, inputs, answers, result } of CORPUS) {
    const local = scripted(answers)
    await program.run(local, inputs).result
    const remote = scripted(answers)
    const backend = httpBackend(await serve(t, remote))
    t.same(await program.run(backend, inputs).result, result, program.name)
    const prompts = ({ calls }: ScriptedBackend) =>
      calls.map(call => ('prompt' in call ? call.prompt : call.constraint))
    t.same(prompts(remote).sort(), prompts(local).sort())
    remote.checkIntegrity()
  }
})

t.test('text arrives as it is generated', async t => {
  const url = await serve(t, new ScriptedBackend(() => 'Twelve chars'))
  const deltas: string[] = []
  for await (const delta of ask.run(httpBackend(url), {}).stream('answer')) deltas.push(delta)
  t.same(deltas, ['Twel', 've c', 'hars'])
})

t.test('errors are those that the engine threw', async t => {
  const error = new EngineError('REQUEST_TOO_LONG', { promptTokens: 9, imageTokens: 3, contextLength: 8 })
  const url = await serve(t, new ScriptedBackend(() => ({ text: 'abcd', error })))
  for (const each of [ask, pick]) {
    const failure: Promise<unknown> = each.run(httpBackend(url), {}).result
    await t.rejects(failure, { code: error.code, message: error.message, data: error.data, status: 400 })
  }
  const refusal = new EngineError('GRAMMAR_INVALID', { what: 'No.' })
  const strict = await serve(
    t,
    new ScriptedBackend(
      () => '',
      () => refusal,
    ),
  )
  await t.rejects(httpBackend(strict).checkConstraint({ kind: 'regex', pattern: '(' }), {
    code: 'GRAMMAR_INVALID',
    message: 'No.',
  })
})

t.test('cancelling closes the connection, and the server ends the request', async t => {
  const remote = new ScriptedBackend(() => ({ text: 'abcd', hangs: true, delayMs: 1 }))
  const run = ask.run(httpBackend(await serve(t, remote)), {})
  for await (const delta of run.stream('answer')) {
    t.equal(delta, 'abcd')
    break
  }
  run.cancel()
  await t.rejects(run.result, { code: 'PROGRAM_CANCELLED' })
  await until(() => remote.aborted === 1 && remote.running === 0)
})

t.test('a select and a generation can be aborted by themselves', async t => {
  const remote = new ScriptedBackend(({ kind }) => ({
    text: kind === 'select' ? 'a' : 'abcd',
    hangs: true,
    delayMs: kind === 'select' ? 60_000 : 0,
  }))
  const backend = httpBackend(await serve(t, remote))
  const controller = new AbortController()
  const prompt = { kind: 'raw', parts: [{ kind: 'text', text: 'x' }] } as const
  const choosing = backend.select({ prompt, choices: ['a', 'b'] }, { signal: controller.signal })
  await until(() => remote.running === 1)
  controller.abort()
  await t.rejects(choosing, { code: 'REQUEST_ABORTED' })
  const generation = backend.generate({ prompt, id: 'mine' })
  t.equal(generation.id, 'mine')
  for await (const event of generation) {
    t.match(event, { type: 'text-delta', delta: 'abcd' })
    break
  }
  t.match(await generation.result, { id: 'mine', finish: 'abort', text: 'abcd' }, 'leaving the loop aborts')
  await until(() => remote.aborted === 1 && remote.running === 0)
})

t.test('the key is sent, and its absence is told', async t => {
  const url = await serve(t, new ScriptedBackend(() => 'x'), 'secret')
  t.same(await ask.run(httpBackend(url, { apiKey: 'secret' }), {}).result, { answer: 'x' })
  await t.rejects(ask.run(httpBackend(url), {}).result, { code: 'SERVER_UNAUTHORIZED' })
})

t.test('a server that is not there, and one that is no Radiant server, are told apart', async t => {
  const nobody = createServer().listen(0)
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  nobody.close()
  await t.rejects(ask.run(httpBackend(`http://127.0.0.1:${port}`), {}).result, {
    code: 'BACKEND_UNREACHABLE',
    message: `No engine answers at http://127.0.0.1:${port}/: connect ECONNREFUSED 127.0.0.1:${port}`,
  })
  const answers = (status: number, body: string): Backend =>
    httpBackend('http://example.org/base', { fetch: async () => new Response(body, { status }) })
  await t.rejects(ask.run(answers(502, 'Bad gateway'), {}).result, {
    code: 'ENGINE_FAILED',
    message: 'The engine met an internal error: unknown error: HTTP 502: Bad gateway',
  })
  await t.rejects(ask.run(answers(500, '{"error":{"code":"NEW_CODE","message":"It is new."}}'), {}).result, {
    message: 'The engine met an internal error: NEW_CODE: It is new.',
  })
  await t.rejects(ask.run(answers(200, 'hello\n'), {}).result, { code: 'WIRE_INVALID' })
  await t.rejects(ask.run(answers(200, '{"type":"text-delta","delta":"a","tokenIds":[1]}\n'), {}).result, {
    code: 'ENGINE_FAILED',
    message: /ended without a finish event/,
  })
})

t.test('the path of the URL is kept', async t => {
  const seen: string[] = []
  const fetching: typeof fetch = async url => {
    seen.push(String(url))
    return new Response('{}')
  }
  await httpBackend('http://example.org/base', { fetch: fetching }).checkConstraint({ kind: 'any-json' })
  t.same(seen, ['http://example.org/base/v1/radiant/check'])
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 2))
}
