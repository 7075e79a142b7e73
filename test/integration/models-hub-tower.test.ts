import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { inspectModel } from '../../kernels/checkpoint/index.js'
import { type DownloadOptions, resolveModel } from '../../runtime/models/resolve.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { type HubContents, HubServer } from '../support/hub-server.js'

const MODEL = 'tiny/first'
const TOWER = 'openai/clip-tiny-patch7-28'
const COMMITS = ['a'.repeat(40), 'b'.repeat(40)] as const

function filesOf(checkpoint: string): Record<string, Buffer> {
  const folder = checkpointPath(checkpoint)
  return Object.fromEntries(readdirSync(folder).map(name => [name, readFileSync(join(folder, name))]))
}

/** The first LLaVA's layout, its tower in a repository that holds what nobody needs as well. */
function contents(more: Partial<HubContents> = {}): HubContents {
  const tower = {
    ...filesOf('clip-tiny-patch7-28'),
    'tokenizer.json': Buffer.from('{}'),
    'tf_model.h5': Buffer.alloc(9),
  }
  const other = { repository: TOWER, commit: COMMITS[1], files: tower }
  return { repository: MODEL, commit: COMMITS[0], files: filesOf('original-linear-llama'), other, ...more }
}

async function start(t: Test, more: Partial<HubContents> = {}): Promise<HubServer> {
  const server = await HubServer.start(contents(more))
  t.teardown(() => server.close())
  return server
}

function optionsFor(t: Test, server: HubServer, more: Partial<DownloadOptions> = {}): DownloadOptions {
  const hub = { endpoint: server.endpoint, token: null }
  return { cachePath: join(t.testdir({}), 'hub'), offline: false, hub, retryMs: 1, ...more }
}

const asked = (server: HubServer) =>
  server.requests.filter(({ path }) => path.includes('clip-tiny')).map(each => each.path)

t.test('a tower in another repository comes with the model, and lies where the loader looks', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const { path, name } = await resolveModel(MODEL, options)
  t.equal(name, MODEL)
  const folder = join(path, 'clip-tiny-patch7-28')
  t.same(readdirSync(folder).sort(), ['config.json', 'model.safetensors'])
  t.ok(lstatSync(join(folder, 'model.safetensors')).isSymbolicLink(), 'its contents lie once, under their checksum')
  for (const file of readdirSync(folder)) {
    t.ok(readFileSync(join(folder, file)).equals(server.contents.other!.files[file]!), file)
  }
  const direct = await inspectModel(checkpointPath('original-linear-llama'))
  t.match(await inspectModel(path), { family: 'llava', vision: direct.vision, fingerprint: direct.fingerprint })
  const before = server.fetched.length
  t.equal((await resolveModel(MODEL, options)).path, path)
  t.equal(server.fetched.length, before, 'nothing is fetched twice')
})

t.test('a broken transfer of a tower goes on where it stopped', async t => {
  const server = await start(t, {
    fault: (name, times) => (name === 'model.safetensors' && times === 1 ? 'truncate' : null),
  })
  const { path } = await resolveModel(MODEL, optionsFor(t, server))
  await inspectModel(path)
  t.ok(server.requests.some(({ path, range }) => path.includes(TOWER) && /^bytes=\d+-$/.test(range ?? '')))
})

t.test('a tower in shards comes as its index lists it, and with a wrong checksum not at all', async t => {
  const { other } = contents()
  const { 'model.safetensors': weights, ...files } = other!.files
  const map = { 'vision_model.embeddings.class_embedding': 'part.safetensors' }
  const index = Buffer.from(JSON.stringify({ weight_map: map }))
  const shards = { ...files, 'model.safetensors.index.json': index, 'part.safetensors': weights! }
  const server = await start(t, { other: { ...other!, files: shards } })
  const { path } = await resolveModel(MODEL, optionsFor(t, server))
  const folder = readdirSync(join(path, 'clip-tiny-patch7-28')).sort()
  t.same(folder, ['config.json', 'model.safetensors.index.json', 'part.safetensors'])
  server.contents = { ...server.contents, statedChecksums: { 'part.safetensors': '5'.repeat(64) } }
  await t.rejects(resolveModel(MODEL, optionsFor(t, server)), {
    code: 'MODEL_DOWNLOAD_FAILED',
    message: /the vision tower of tiny\/first\) .*part\.safetensors has the sha256 checksum/,
  })
})

t.test('offline the tower must be in the cache as the model must', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const { path } = await resolveModel(MODEL, options)
  const before = server.requests.length
  t.equal((await resolveModel(MODEL, { ...options, offline: true })).path, path)
  t.equal(server.requests.length, before)
  rmSync(join(options.cachePath, 'models--openai--clip-tiny-patch7-28'), { recursive: true })
  await t.rejects(resolveModel(MODEL, { ...options, offline: true }), {
    code: 'MODEL_OFFLINE',
    message: /clip-tiny-patch7-28 \(the vision tower of tiny\/first\) cannot be loaded offline: all of it is missing/,
  })
})

t.test('a tower that the hub lacks, or has pickled alone, is named with the model', async t => {
  const { other, ...alone } = contents()
  const server = await start(t)
  server.contents = alone
  const options = optionsFor(t, server)
  const message = /clip-tiny-patch7-28 \(the vision tower of tiny\/first\)/
  await t.rejects(resolveModel(MODEL, options), { code: 'MODEL_NOT_FOUND', message })
  const { 'model.safetensors': _, ...files } = other!.files
  server.contents = { ...alone, other: { ...other!, files: { ...files, 'pytorch_model.bin': Buffer.alloc(9) } } }
  await t.rejects(resolveModel(MODEL, options), {
    code: 'MODEL_UNSUPPORTED',
    message: /pytorch_model\.bin is not read/,
  })
})

t.test('a model with its tower inside asks for no other', async t => {
  const server = await start(t, { files: filesOf('original-clip-llama') })
  await resolveModel(MODEL, optionsFor(t, server))
  t.same(asked(server), [])
  server.contents = { ...server.contents, commit: 'c'.repeat(40), files: filesOf('llava-clip-llama3') }
  await resolveModel(MODEL, optionsFor(t, server))
  t.same(asked(server), [], 'nor does one in the layout of transformers')
})
