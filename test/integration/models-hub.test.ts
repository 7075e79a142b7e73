import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HubCache } from '../../runtime/models/hub-cache.js'
import { HubClient, type HubFile } from '../../runtime/models/hub-client.js'
import { parseModelId } from '../../runtime/models/model-id.js'
import { type DownloadOptions, resolveModel } from '../../runtime/models/resolve.js'
import { DOWNLOAD_CHANNEL, type DownloadProgress } from '../../runtime/protocol/download.js'
import { type HubContents, HubServer } from '../support/hub-server.js'
import { repositoryRoot } from '../support/paths.js'

const pocket = join(repositoryRoot(), 'models/pocket-v0')
const NEEDED = readdirSync(pocket).filter(name => /^(?!golden|accuracy|special).*\.json$/.test(name))
const COMMIT = 'a'.repeat(40)
const WEIGHTS = 'model.safetensors'

/** The embedded model's files, its weights cut short: enough for a transfer of several chunks. */
function contents(more: Partial<HubContents> = {}): HubContents {
  const small = [...NEEDED, 'README.md'].map(name => [name, readFileSync(join(pocket, name))] as const)
  const weights = readFileSync(join(pocket, WEIGHTS)).subarray(0, 400_000)
  const files = { ...Object.fromEntries(small), 'pytorch_model.bin': Buffer.alloc(9), [WEIGHTS]: weights }
  return { repository: 'tiny/pocket', commit: COMMIT, files, ...more }
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

function checkFolder(t: Test, path: string, server: HubServer): void {
  t.same(readdirSync(path).sort(), [...NEEDED, WEIGHTS].sort(), 'the needed files are there, and no other')
  for (const name of readdirSync(path)) {
    t.ok(readFileSync(join(path, name)).equals(server.contents.files[name]!), `${name} is what the hub has`)
  }
  const blobs = readdirSync(join(path, '../../blobs'))
  t.notOk(
    blobs.some(name => name.endsWith('.incomplete')),
    'no partial file is left',
  )
}

t.test('a model comes into the cache once, and then from there', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const { path, name } = await resolveModel('tiny/pocket', options)
  t.equal(name, 'tiny/pocket')
  checkFolder(t, path, server)
  t.ok(lstatSync(join(path, WEIGHTS)).isSymbolicLink(), 'contents lie once, under their checksum')
  t.same([...server.fetched].sort(), [...NEEDED, WEIGHTS].sort())
  const before = server.requests.length
  t.equal((await resolveModel('tiny/pocket', options)).path, path)
  t.match(server.requests.slice(before), [{ path: '/api/models/tiny/pocket/revision/main' }])
  t.equal(server.requests.length, before + 1, 'only the commit is asked for')
  t.equal((await resolveModel(`tiny/pocket@${COMMIT}`, options)).path, path)
  t.equal(server.requests.length, before + 1, 'a commit cannot change: nothing is asked for')
})

t.test('a new commit fetches what changed alone', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const old = await resolveModel('tiny/pocket', options)
  const before = server.fetched.length
  const files = { ...server.contents.files, 'generation_config.json': Buffer.from('{"max_new_tokens": 3}') }
  server.contents = { ...server.contents, commit: 'b'.repeat(40), files }
  const { path } = await resolveModel('tiny/pocket', options)
  t.not(path, old.path)
  checkFolder(t, path, server)
  t.same(server.fetched.slice(before), ['generation_config.json'])
})

t.test('a broken transfer goes on where it stopped, also behind a server that ignores ranges', async t => {
  const faults = ['truncate', 'busy', 'truncate', 'ignore-range'] as const
  const server = await start(t, { fault: (name, times) => (name === WEIGHTS ? (faults[times] ?? null) : null) })
  const { path } = await resolveModel('tiny/pocket', optionsFor(t, server))
  checkFolder(t, path, server)
  const ranges = server.requests.filter(({ server, path }) => server === 'storage' && path.endsWith(WEIGHTS))
  t.match(ranges, [
    { range: undefined },
    { range: /^bytes=\d+-$/ },
    { range: /^bytes=\d+-$/ },
    { range: /^bytes=\d+-$/ },
  ])
})

t.test('silence ends a transfer, which goes on', async t => {
  const server = await start(t, { fault: (name, times) => (name === WEIGHTS && times === 0 ? 'stall' : null) })
  const { path } = await resolveModel('tiny/pocket', optionsFor(t, server, { stallMs: 300 }))
  checkFolder(t, path, server)
})

t.test('what a failed attempt left is gone on from by the next one', async t => {
  const server = await start(t, {
    fault: (name, times) => (name !== WEIGHTS ? null : times === 0 ? 'truncate' : 'busy'),
  })
  const options = optionsFor(t, server)
  await t.rejects(resolveModel('tiny/pocket', options), { code: 'MODEL_DOWNLOAD_FAILED', message: /503.*is kept/ })
  const blobs = join(options.cachePath, 'models--tiny--pocket/blobs')
  const partial = readdirSync(blobs).find(name => name.endsWith('.incomplete'))!
  const length = readFileSync(join(blobs, partial)).length
  t.ok(length > 0)
  // Its writer is this process, which runs still: another process's name stands for one that has ended.
  const orphan = partial.replace(/-\d+-\d+\.incomplete$/, '-999999999-1.incomplete')
  writeFileSync(join(blobs, orphan), readFileSync(join(blobs, partial)))
  server.contents = contents()
  // What lies there already needs no room on the disk.
  const file = { digest: { value: orphan.split('.')[0]! }, size: length + 5 } as HubFile
  const cache = new HubCache(options.cachePath, parseModelId('tiny/pocket')!)
  t.equal(await cache.partialBytes(file), length)
  t.equal(await cache.partialBytes({ ...file, digest: { ...file.digest, value: '0'.repeat(64) } }), 0)
  const before = server.requests.length
  const { path } = await resolveModel('tiny/pocket', options)
  const resumed = server.requests.slice(before).find(({ path }) => path.endsWith(WEIGHTS))
  t.equal(resumed?.range, `bytes=${length}-`)
  t.ok(readFileSync(join(path, WEIGHTS)).equals(server.contents.files[WEIGHTS]!))
})

t.test('a partial file with a wrong beginning is fetched again from its start', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const { digest } = (await listing(server)).find(({ name }) => name === WEIGHTS)!
  const blobs = join(options.cachePath, 'models--tiny--pocket/blobs')
  mkdirSync(blobs, { recursive: true })
  const partial = join(blobs, `${digest.value}.elsewhere-1-1.incomplete`)
  writeFileSync(partial, Buffer.alloc(1000, 7))
  utimesSync(partial, 0, 0)
  checkFolder(t, (await resolveModel('tiny/pocket', options)).path, server)
  const ranges = server.requests.filter(({ server }) => server === 'storage').map(({ range }) => range)
  t.same(ranges, ['bytes=1000-', undefined], 'the partial file of a writer that has gone was tried')
})

t.test('shards come as the index lists them', async t => {
  const shards = {
    'model-1-of-2.safetensors': Buffer.alloc(70_000, 1),
    'model-2-of-2.safetensors': Buffer.alloc(50, 2),
  }
  const map = Object.fromEntries(Object.keys(shards).map(name => [name, name]))
  const index = Buffer.from(JSON.stringify({ weight_map: map }))
  const { [WEIGHTS]: _, ...others } = contents().files
  const files = { ...others, ...shards, 'model.safetensors.index.json': index, 'other.safetensors': Buffer.alloc(5) }
  const server = await start(t, { files })
  const { path } = await resolveModel('tiny/pocket', optionsFor(t, server, { concurrency: 1 }))
  t.same(
    readdirSync(path).filter(name => name.includes('safetensors')),
    ['model-1-of-2.safetensors', 'model-2-of-2.safetensors', 'model.safetensors.index.json'],
  )
  server.contents = {
    ...server.contents,
    commit: 'c'.repeat(40),
    files: { ...others, 'model.safetensors.index.json': index },
  }
  await t.rejects(resolveModel('tiny/pocket', optionsFor(t, server)), {
    code: 'MODEL_CORRUPT',
    message: /model-1-of-2/,
  })
})

t.test('contents that do not match their checksum never get a name', async t => {
  for (const name of [WEIGHTS, 'tokenizer.json']) {
    const wrong = '5'.repeat(name === WEIGHTS ? 64 : 40)
    const server = await start(t, { statedChecksums: { [name]: wrong } })
    const options = optionsFor(t, server)
    const message = new RegExp(`${name} has the (sha256|git-blob) checksum \\w+; it should have ${wrong}`)
    await t.rejects(resolveModel('tiny/pocket', options), { code: 'MODEL_DOWNLOAD_FAILED', message })
    const folder = join(options.cachePath, 'models--tiny--pocket')
    t.notOk(readdirSync(join(folder, 'blobs')).some(blob => blob.startsWith(wrong)))
    t.notOk(readdirSync(folder).includes('refs'), 'the revision does not count as fetched')
  }
})

t.test('offline only the cache counts, and a hub out of reach is no error when it has the model', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const offline = { ...options, offline: true }
  await t.rejects(resolveModel('tiny/pocket', offline), { code: 'MODEL_OFFLINE', message: /all of it is missing/ })
  const { path } = await resolveModel('tiny/pocket', options)
  const before = server.requests.length
  t.equal((await resolveModel('tiny/pocket', offline)).path, path)
  t.equal((await resolveModel(`tiny/pocket@${COMMIT}`, offline)).path, path)
  await t.rejects(resolveModel('tiny/pocket@v1', offline), { code: 'MODEL_OFFLINE' })
  t.equal(server.requests.length, before)
  const away = { ...options, hub: { endpoint: 'http://127.0.0.1:9', token: null } }
  t.equal((await resolveModel('tiny/pocket', away)).path, path)
  await t.rejects(resolveModel('tiny/pocket@v1', away), { code: 'MODEL_DOWNLOAD_FAILED', message: /127\.0\.0\.1:9/ })
  rmSync(join(path, WEIGHTS))
  await t.rejects(resolveModel('tiny/pocket', offline), {
    code: 'MODEL_OFFLINE',
    message: /model\.safetensors is missing/,
  })
})

t.test('the token goes to the hub, never to where it redirects', async t => {
  const server = await start(t, { token: 'any-token' })
  const options = optionsFor(t, server, { hub: { endpoint: server.endpoint, token: 'any-token' } })
  checkFolder(t, (await resolveModel('tiny/pocket', options)).path, server)
  const seen = (of: string) =>
    new Set(server.requests.filter(({ server }) => server === of).map(each => each.authorization))
  t.same([...seen('hub')], ['Bearer any-token'])
  t.same([...seen('storage')], [undefined])
})

t.test('refusals say what came and what would be right', async t => {
  const server = await start(t, { token: 'secret' })
  const options = optionsFor(t, server)
  await t.rejects(resolveModel('tiny/pocket', options), {
    code: 'MODEL_DOWNLOAD_FAILED',
    message: /answered 401: Invalid username.*HF_TOKEN/,
  })
  server.contents = contents()
  await t.rejects(resolveModel('tiny/other', options), {
    code: 'MODEL_NOT_FOUND',
    message: /404: Repository not found/,
  })
  await t.rejects(resolveModel('tiny/pocket@v9', options), { code: 'MODEL_NOT_FOUND', message: /revision "v9"/ })
  await t.rejects(resolveModel('no model', options), { code: 'MODEL_NOT_FOUND', message: /org\/name.*pocket/ })
  t.same(await resolveModel('pocket-v0', options), { path: pocket, name: 'pocket-v0' })
  t.equal((await resolveModel('pocket', options)).name, 'pocket')
  t.same(await resolveModel(pocket, options), { path: pocket, name: 'pocket-v0' })
})

t.test('callers that fetch the same model at once both get it', async t => {
  const server = await start(t)
  const options = optionsFor(t, server)
  const both = await Promise.all([resolveModel('tiny/pocket', options), resolveModel('tiny/pocket', options)])
  for (const { path } of both) checkFolder(t, path, server)
})

t.test('an abort keeps what came', async t => {
  const server = await start(t, { fault: name => (name === WEIGHTS ? 'stall' : null) })
  const stop = new AbortController()
  const options = optionsFor(t, server, { signal: stop.signal })
  const partialBytes = () => {
    const blobs = join(options.cachePath, 'models--tiny--pocket/blobs')
    const sizes = existsSync(blobs) ? readdirSync(blobs).map(name => statSync(join(blobs, name)).size) : []
    return Math.max(0, ...sizes)
  }
  const watch = setInterval(() => partialBytes() === 200_000 && stop.abort(new Error('enough')), 5)
  t.teardown(() => clearInterval(watch))
  await t.rejects(resolveModel('tiny/pocket', options), { message: 'enough' })
  t.equal(partialBytes(), 200_000)
})

t.test('progress ends with all bytes', async t => {
  const server = await start(t)
  const seen: DownloadProgress[] = []
  const listener = (message: unknown) => void seen.push(message as DownloadProgress)
  subscribe(DOWNLOAD_CHANNEL, listener)
  t.teardown(() => unsubscribe(DOWNLOAD_CHANNEL, listener))
  await resolveModel('tiny/pocket', optionsFor(t, server))
  const totalBytes = [...NEEDED, WEIGHTS].reduce((sum, name) => sum + server.contents.files[name]!.length, 0)
  t.same(seen.at(-1), { model: 'tiny/pocket', state: 'ended', doneBytes: totalBytes, totalBytes })
  t.ok(seen.every(({ doneBytes, totalBytes }) => doneBytes <= totalBytes))
})

function listing(server: HubServer) {
  const client = new HubClient({ endpoint: server.endpoint, token: null }, 1000, new AbortController().signal)
  return client.listFiles({ repository: 'tiny/pocket', revision: 'main', text: 'tiny/pocket' }, COMMIT)
}
