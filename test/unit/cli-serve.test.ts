import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EngineError } from '../../runtime/protocol/error.js'
import { run } from '../../runtime/server/command/run.js'
import { describeScripted, verifyScripted } from '../support/model-description.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'
import { createTestTerminal } from '../support/test-terminal.js'

function build(options: ScriptedEngineOptions = {}) {
  const engine = createScriptedEngine(options)
  const ready: ((address: string) => void)[] = []
  const address = new Promise<string>(resolve => ready.push(resolve))
  const terminal = createTestTerminal({ onOut: text => ready[0]!(/http:\S+/.exec(text)?.[0] ?? '') })
  const made: object[] = []
  const start = (line: string) =>
    run(line.split(' '), {
      terminal,
      version: '1.2.3',
      createEngine: async engineOptions => {
        made.push(engineOptions)
        return engine
      },
      describeModel: describeScripted,
      verifyModel: verifyScripted,
    })
  return { engine, terminal, address, made, start }
}

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

async function text(response: Response | Promise<Response>): Promise<string> {
  return ((await (await response).json()) as { text: string }).text
}

t.test('serve tells its address, serves, and ends well when interrupted', async t => {
  const { engine, terminal, address, start } = build()
  const status = start('serve --port 0 --log')
  const url = await address
  t.equal(terminal.out(), `radiant is ready at ${url} (model scripted)\n`)
  t.equal(await text(post(`${url}/generate`, { text: 'x' })), 'hello')
  terminal.interrupt()
  t.equal(await status, 0)
  t.ok(engine.isClosed)
  t.match(terminal.err(), /^POST \/generate 200 \d+ ms [0-9a-f-]+\nShutting down/)
})

t.test('what runs when the signal comes is answered; a second signal ends at once', async t => {
  const { engine, terminal, address, start } = build({ pace: () => new Promise(resolve => setTimeout(resolve, 5)) })
  const status = start('serve --port 0')
  const answer = post(`${await address}/generate`, { text: 'x' })
  while (engine.running.size === 0) await new Promise(setImmediate)
  terminal.interrupt()
  t.strictSame(terminal.exits, [])
  terminal.interrupt()
  t.strictSame(terminal.exits, [130])
  t.equal(await text(answer), 'hello')
  t.equal(await status, 0)
})

t.test('a port in use is a sentence', async t => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const { engine, terminal, start } = build()
  t.equal(await start(`serve --port ${port}`), 2)
  t.equal(terminal.err(), `radiant: Port ${port} on 127.0.0.1 is in use; choose another with --port.\n`)
  t.ok(engine.isClosed)
})

t.test('an address that is not ours is a sentence', async t => {
  const { terminal, start } = build()
  t.equal(await start('serve --host 192.0.2.1 --port 0'), 2)
  t.match(terminal.err(), /^radiant: Cannot listen on 192\.0\.2\.1:0: .+\.\n$/)
})

t.test('the key comes from a file', async t => {
  const folder = t.testdir({ key: 'secret\n', two: 'two words', none: '' })
  const { terminal, address, start } = build()
  const status = start(`serve --port 0 --api-key-file ${join(folder, 'key')}`)
  const url = `${await address}/generate`
  t.equal((await post(url, { text: 'x' })).status, 401)
  t.equal((await post(url, { text: 'x' }, { authorization: 'Bearer secret' })).status, 200)
  terminal.interrupt()
  t.equal(await status, 0)
  for (const name of ['two', 'none', 'missing']) {
    const other = build()
    t.equal(await other.start(`serve --port 0 --api-key-file ${join(folder, name)}`), 2)
    t.match(other.terminal.err(), /API key file/)
    t.equal(other.made.length, 0)
  }
})

t.test('pictures are fetched and opened only where that was allowed', async t => {
  const folder = t.testdir({ inside: { 'a.png': 'picture' }, 'secret.png': 'secret' })
  const pictures = await picturesServer(t)
  const { engine, terminal, address, start } = build()
  const status = start(`serve --port 0 --image-urls --image-folder ${join(folder, 'inside')}`)
  const url = `${await address}/generate`
  const bytesOf = (index: number) => {
    const { prompt } = engine.requests[index]!
    const part = prompt.kind === 'raw' ? prompt.parts[0] : undefined
    return part?.kind === 'image' ? Buffer.from(part.image.bytes).toString() : ''
  }
  t.equal((await post(url, { text: 'x', image_data: 'a.png' })).status, 200)
  t.equal(bytesOf(0), 'picture')
  t.equal((await post(url, { text: 'x', image_data: `${pictures}/cat` })).status, 200)
  t.equal(bytesOf(1), 'fetched')
  for (const reference of [
    '../secret.png',
    join(folder, 'secret.png'),
    `file://${join(folder, 'secret.png')}`,
    'b.png',
  ]) {
    const response = await post(url, { text: 'x', image_data: reference })
    t.equal(response.status, 400, reference)
    t.match(await response.json(), { error: { code: 'IMAGE_NOT_FOUND' } })
  }
  const gone = await post(url, { text: 'x', image_data: `${pictures}/gone` })
  t.match(await gone.json(), { error: { code: 'IMAGE_UNREADABLE', message: /answered 404/ } })
  terminal.interrupt()
  t.equal(await status, 0)
})

t.test('model check tells what it loaded', async t => {
  const { engine, terminal, made, start } = build()
  t.equal(await start('model check some/dir --threads 2 --picture 1024x768,640x480 --frames 16'), 0)
  t.strictSame(made, [{ model: 'some/dir', threads: 2 }])
  t.match(
    terminal.out(),
    /^model {7}scripted\npath {8}\/models\/scripted\n.*\ngenerated {3}1 token after .*\nagain {7}the same token .*\n$/s,
  )
  for (const line of [
    'family      llava_next, hugging-face layout',
    'parts       llama 6.7 G, clip 304.0 M, connector 21.0 M',
    'context     4096 tokens, 512.0 KiB of keys and values each',
    'picture     640x480: 2880 tokens of 5 tiles',
    'clip        16 frames: 2304 tokens',
    'float32     7.0 GiB of weights',
    'int4        1.0 MiB of weights',
    'logits      within 2.0e-6 (root mean square 4.0e-7 of theirs), 9 of 9 likeliest tokens the same, against plain arithmetic',
    'golden      none: no golden.json of features and logits lies in the folder',
  ]) {
    t.ok(terminal.out().includes(`\n${line}\n`), line)
  }
  t.ok(engine.isClosed)
})

t.test('what had to be guessed in a checkpoint is said on stderr', async t => {
  const terminal = createTestTerminal()
  const engine = createScriptedEngine()
  const warned = { ...engine, model: { ...engine.model, warnings: ['The chat template was guessed.'] } }
  t.equal(
    await run(['model', 'check'], {
      terminal,
      version: '1',
      createEngine: async () => warned,
      describeModel: describeScripted,
      verifyModel: verifyScripted,
    }),
    0,
  )
  t.equal(terminal.err(), 'radiant: The chat template was guessed.\n')
})

t.test('an engine that cannot be made is a sentence and status 1', async t => {
  const terminal = createTestTerminal()
  const createEngine = async () => {
    throw new EngineError('MODEL_NOT_FOUND', { path: 'x', what: 'no config.json.' })
  }
  t.equal(
    await run(['serve'], {
      terminal,
      version: '1',
      createEngine,
      describeModel: describeScripted,
      verifyModel: verifyScripted,
    }),
    1,
  )
  t.equal(terminal.err(), 'radiant: There is no model at x: no config.json.\n')
})

t.test('help and version go to stdout, wrong usage to stderr', async t => {
  const { terminal, start } = build()
  t.equal(await start('--version'), 0)
  t.equal(terminal.out(), '1.2.3\n')
  t.equal(await start('extract --help'), 0)
  t.match(terminal.out(), /radiant extract IMAGE/)
  t.equal(await start('frob'), 2)
  t.equal(terminal.err(), 'radiant: There is no command "frob"; there are extract, serve and model check.\n')
})

async function picturesServer(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/cat' ? 200 : 404
    response.end('fetched')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
