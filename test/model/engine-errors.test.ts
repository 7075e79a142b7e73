import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import t from 'tap'
import { createEngine, type RadiantEngine } from '../../runtime/engine.js'
import type { GenerateRequest } from '../../runtime/protocol/backend.js'
import { POCKET_PATH } from '../support/pocket.js'
import { ask, readPicture } from '../support/shipped-pictures.js'

const question = 'What kind of document is this?'
const good = ask(readPicture('000.png'), question)
let engine: RadiantEngine

t.before(async () => {
  engine = await createEngine({
    model: 'pocket-v0',
    contextLength: 400,
    featureCacheBytes: 1 << 20,
    pixelLimit: 50_000_000,
  })
})
t.teardown(() => engine.close())

/** A PNG whose header promises a size and whose data is next to nothing. */
function hugePng(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(8))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const bad: readonly { name: string; request: GenerateRequest; code: string; says: RegExp }[] = [
  { name: 'no bytes', request: ask(new Uint8Array(0), question), code: 'IMAGE_UNREADABLE', says: /the picture/ },
  {
    name: 'text called a picture',
    request: ask(Buffer.from('hello, world'), question),
    code: 'IMAGE_UNREADABLE',
    says: /PNG, JPEG/,
  },
  {
    name: 'a picture cut short',
    request: ask(readPicture('002.png').slice(0, 9000), question),
    code: 'IMAGE_UNREADABLE',
    says: /damaged or cut short/,
  },
  { name: 'a bomb', request: ask(hugePng(30_000, 30_000), question), code: 'IMAGE_TOO_LARGE', says: /30000 x 30000/ },
  {
    name: 'a long prompt',
    request: ask(readPicture('000.png'), 'x'.repeat(500)),
    code: 'REQUEST_TOO_LONG',
    says: /context holds 400/,
  },
  {
    name: 'an image id without picture',
    request: { prompt: { kind: 'tokens', ids: [1, 4, 90] } },
    code: 'IMAGE_COUNT_MISMATCH',
    says: /1 places.* 0 pictures/,
  },
  {
    name: 'ids out of range',
    request: { prompt: { kind: 'tokens', ids: [1, 9999] } },
    code: 'REQUEST_INVALID',
    says: /9999 came/,
  },
  { name: 'an empty prompt', request: { prompt: { kind: 'tokens', ids: [] } }, code: 'REQUEST_INVALID', says: /empty/ },
  {
    name: 'a temperature below 0',
    request: { ...good, sampling: { temperature: -1 } },
    code: 'REQUEST_INVALID',
    says: /temperature.* -1 came/,
  },
  {
    name: 'a schema that contradicts itself',
    request: { ...good, constraint: { kind: 'json-schema', schema: { type: 'string', minLength: 3, maxLength: 2 } } },
    code: 'GRAMMAR_INVALID',
    says: /./,
  },
  {
    name: 'a regex that cannot be matched in linear time',
    request: { ...good, constraint: { kind: 'regex', pattern: '(a+)\\1' } },
    code: 'GRAMMAR_UNSUPPORTED',
    says: /./,
  },
]

for (const { name, request, code, says } of bad) {
  t.test(`${name}: ${code}, and the engine goes on`, async t => {
    await t.rejects(engine.generate(request).result, { code, message: says })
    t.equal((await engine.generate(good).result).text, 'receipt')
    engine.checkIntegrity()
    t.equal(engine.status().pages.inUse, 0)
  })
}

t.test('a bad picture among good ones fails its own request alone', async t => {
  await engine.flushCache()
  const truncated = readPicture('002.png').slice(0, 9000)
  const requests = [
    good,
    ask(truncated, question),
    ask(readPicture('001.png'), question),
    ask(truncated, 'Read all text.'),
  ]
  const outcomes = await Promise.allSettled(requests.map(request => engine.generate(request).result))
  t.same(
    outcomes.map(outcome => outcome.status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
  engine.checkIntegrity()
})

t.test('abort ends a request in every state, with what it has so far', async t => {
  const long = ask(readPicture('003.png'), 'Read all text.', { sampling: { maxTokens: 200, ignoreEos: true } })
  const atOnce = engine.generate(long)
  atOnce.abort()
  t.equal((await atOnce.result).finish, 'abort')
  const running = engine.generate(long)
  for await (const event of running) if (event.type === 'text-delta') break
  const result = await running.result
  t.equal(result.finish, 'abort')
  t.ok(result.tokenIds.length > 0 && result.tokenIds.length < 200)
  const controller = new AbortController()
  const bySignal = engine.generate(long, { signal: controller.signal })
  controller.abort()
  t.equal((await bySignal.result).finish, 'abort')
  await t.rejects(engine.select({ prompt: long.prompt, choices: ['a', 'b'] }, { signal: AbortSignal.abort() }), {
    code: 'REQUEST_ABORTED',
  })
  engine.checkIntegrity()
})

t.test('a request id is unique while it runs, and requests beyond the limit are refused', async t => {
  const small = await createEngine({ model: 'pocket-v0', maxWaiting: 2 })
  const first = small.generate({ ...good, id: 'mine' })
  t.throws(() => small.generate({ ...good, id: 'mine' }), { code: 'REQUEST_DUPLICATE_ID' })
  const second = small.generate(good)
  t.throws(() => small.generate(good), { code: 'ENGINE_OVERLOADED' })
  await Promise.all([first.result, second.result])
  t.equal((await small.generate({ ...good, id: 'mine' }).result).text, 'receipt')
  await small.close()
  t.throws(() => small.generate(good), { code: 'ENGINE_CLOSED' })
})

t.test('a model that is not there, not known or damaged is refused in one sentence', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'radiant-model-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const copy = (name: string): string => {
    const path = join(folder, name)
    cpSync(POCKET_PATH, path, { recursive: true })
    return path
  }
  await t.rejects(createEngine({ model: join(folder, 'none') }), { code: 'MODEL_NOT_FOUND' })
  const other = copy('other')
  writeFileSync(join(other, 'config.json'), '{"model_type":"gpt2"}')
  await t.rejects(createEngine({ model: other }), { code: 'MODEL_UNSUPPORTED', message: /gpt2/ })
  const cut = copy('cut')
  truncateSync(join(cut, 'model.safetensors'), 1_000_000)
  await t.rejects(createEngine({ model: cut }), { code: 'MODEL_CORRUPT' })
  const noTokenizer = copy('no-tokenizer')
  rmSync(join(noTokenizer, 'tokenizer.json'))
  await t.rejects(createEngine({ model: noTokenizer }), { code: 'MODEL_NOT_FOUND', message: /tokenizer\.json/ })
  await t.rejects(createEngine({ model: 'pocket-v0', kvCacheBytes: 1 << 20 }), {
    code: 'CONFIG_INVALID',
    message: /kvCacheBytes/,
  })
})
