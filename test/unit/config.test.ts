import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type EngineOptions, resolveConfig, resolveHubAccess } from '../../runtime/config.js'
import { repositoryRoot } from '../support/paths.js'

t.test('every default is given, and the result cannot be changed', async t => {
  const config = resolveConfig({}, {})
  t.match(config, {
    model: 'pocket',
    precision: 'float32',
    binding: 'auto',
    maxRunning: 16,
    contextLength: null,
    kvCacheBytes: null,
    pageSize: 16,
    prefixCache: true,
    jumpForward: true,
  })
  t.ok(config.threads >= 1 && config.threads <= 8 && config.visionThreads >= 1)
  t.ok(Object.isFrozen(config))
  t.same(resolveConfig({ model: undefined, threads: undefined } as unknown as EngineOptions, {}), config)
})

/** Values that callers without a type checker pass, by option. */
const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  model: ['', 7, null],
  precision: ['int2', null, 8],
  binding: ['wasm', true],
  threads: [0, 257, 1.5, Number.NaN, '4', null],
  visionThreads: [0, -1],
  preprocessThreads: [0, 65],
  maxRunning: [0, 1025, Number.POSITIVE_INFINITY],
  contextLength: [1, 2.5, 'long'],
  kvCacheBytes: [1024, 2n ** 30n, 2 ** 47],
  featureCacheBytes: [0, 2 ** 41],
  pageSize: [0, 257],
  maxChunk: [0, 65_537],
  maxWaiting: [0, -5],
  prefixCache: ['yes', 1, null],
  jumpForward: ['no', 0],
  cachePath: ['', 3],
  pixelLimit: [0, 2 ** 41],
  modelCachePath: ['', false],
  offline: ['1', 1, null],
  chatTemplate: ['', 7],
  imageProfile: ['original', null],
  imageAspect: ['anyres', false],
}

t.test('every option refuses what it cannot be, naming option, value and what would be right', async t => {
  t.same(Object.keys(WRONG).sort(), Object.keys(resolveConfig({}, {})).sort(), 'no option is left out')
  for (const [option, values] of Object.entries(WRONG)) {
    for (const value of values) {
      const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
      const refused = { code: 'CONFIG_INVALID', data: { option } }
      t.throws(() => resolveConfig({ [option]: value }, {}), refused, `${option}: ${shown}`)
      t.throws(() => resolveConfig({ [option]: value }, {}), {
        message: new RegExp(`^Option ${option}: must be .*; ${shown.replace(/[.]/g, '\\.')} came\\.$`),
      })
    }
  }
})

t.test('an option that does not exist is refused with those that do', async t => {
  for (const option of ['kvCacheSize', 'toString', 'constructor']) {
    t.throws(() => resolveConfig({ [option]: 1 } as unknown as EngineOptions, {}), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`^Option ${option}: is not an option; known are .*kvCacheBytes`),
    })
  }
})

t.test('the environment stands in for options that are not given', async t => {
  const environment = { RADIANT_MODEL: '/models/x', RADIANT_BINDING: 'node', RADIANT_THREADS: '3' }
  t.match(resolveConfig({}, environment), { model: '/models/x', binding: 'node', threads: 3 })
  t.match(resolveConfig({ model: 'pocket', threads: 5, binding: 'auto' }, environment), {
    model: 'pocket',
    threads: 5,
    binding: 'auto',
  })
  for (const value of ['', 'four', '-1', '1.5', ' 2']) {
    t.throws(() => resolveConfig({}, { RADIANT_THREADS: value }), {
      code: 'CONFIG_INVALID',
      message: `Option RADIANT_THREADS: must be a whole number; ${JSON.stringify(value)} came.`,
    })
  }
  t.throws(() => resolveConfig({}, { RADIANT_THREADS: '0' }), { code: 'CONFIG_INVALID', data: { option: 'threads' } })
  t.throws(() => resolveConfig({}, { RADIANT_BINDING: 'wasm' }), { code: 'CONFIG_INVALID', message: /"wasm" came/ })
})

t.test('the cache lies where the environment says, most particular first', async t => {
  const base = { RADIANT_CACHE: '/mine', XDG_CACHE_HOME: '/xdg' }
  t.equal(resolveConfig({}, base).cachePath, '/mine')
  t.equal(resolveConfig({}, { XDG_CACHE_HOME: '/xdg' }).cachePath, join('/xdg', 'radiant'))
  t.match(resolveConfig({}, {}).cachePath, /radiant$/)
  t.equal(resolveConfig({ cachePath: '/given' }, base).cachePath, '/given')
})

t.test('the environment says where models come from, where they are kept and whether any is fetched', async t => {
  t.same(resolveHubAccess({}), { endpoint: 'https://huggingface.co', token: null })
  const access = resolveHubAccess({ HF_ENDPOINT: 'http://mirror.example/hub/', HF_TOKEN: ' hf_x\n' })
  t.same(access, { endpoint: 'http://mirror.example/hub', token: 'hf_x' })
  for (const HF_ENDPOINT of ['mirror.example', 'ftp://mirror.example', 'http://']) {
    t.throws(() => resolveHubAccess({ HF_ENDPOINT }), {
      code: 'CONFIG_INVALID',
      message: /HF_ENDPOINT: must be an http/,
    })
  }
  t.equal(resolveConfig({}, { HF_HOME: '/h', HF_HUB_CACHE: '/c' }).modelCachePath, '/c')
  t.equal(resolveConfig({}, { HF_HOME: '/h' }).modelCachePath, join('/h', 'hub'))
  t.equal(resolveConfig({}, { XDG_CACHE_HOME: '/x' }).modelCachePath, join('/x', 'huggingface', 'hub'))
  t.equal(resolveConfig({}, {}).offline, false)
  t.equal(resolveConfig({}, { RADIANT_OFFLINE: '1' }).offline, true)
  t.equal(
    resolveConfig({}, { RADIANT_OFFLINE: '0', HF_HUB_OFFLINE: '1' }).offline,
    false,
    'the particular one goes first',
  )
  t.equal(resolveConfig({ offline: false }, { HF_HUB_OFFLINE: 'TRUE' }).offline, false)
  t.throws(() => resolveConfig({}, { RADIANT_OFFLINE: 'maybe' }), {
    code: 'CONFIG_INVALID',
    message: 'Option RADIANT_OFFLINE: must be 1 or 0; "maybe" came.',
  })
})

t.test('docs/api.md names every option', async t => {
  const page = readFileSync(join(repositoryRoot(), 'docs', 'api.md'), 'utf8')
  for (const option of Object.keys(resolveConfig({}, {}))) t.ok(page.includes(`\`${option}\``), option)
})
