import fc from 'fast-check'
import t from 'tap'
import { ImageKeyTable, imageKey, specFingerprint } from '../../runtime/vision/key.js'
import { normalisationTable } from '../../runtime/vision/normalise.js'
import answer from '../../runtime/vision/worker.js'
import { digest, nextSpec, readImage, specOf } from '../support/pictures.js'

t.test('the worker measures by the header', async t => {
  const bytes = readImage('turned.jpg')
  t.strictSame(await answer({ op: 'measure', bytes, orientation: 'ignore' }), {
    ok: true,
    value: { width: 40, height: 24 },
  })
  t.strictSame(await answer({ op: 'measure', bytes, orientation: 'apply' }), {
    ok: true,
    value: { width: 24, height: 40 },
  })
})

t.test('the worker writes normalised views at the offset and nowhere else', async t => {
  const spec = nextSpec('orig')
  const floats = 3 * 3 * 336 * 336
  const offset = 64
  const pixels = new SharedArrayBuffer(offset + floats * 4 + 64)
  new Uint8Array(pixels).fill(0xee)
  const reply = await answer({ op: 'preprocess', bytes: readImage('rgb.png'), spec, pixels, offset })
  t.strictSame(reply, { ok: true, value: { width: 37, height: 23, views: 3, tokens: 926, floats } })
  const bytes = new Uint8Array(pixels)
  t.ok(
    bytes.subarray(0, offset).every(byte => byte === 0xee),
    'before',
  )
  t.ok(
    bytes.subarray(offset + floats * 4).every(byte => byte === 0xee),
    'after',
  )
  const written = new Float32Array(pixels, offset, floats)
  const known = new Set(normalisationTable(spec))
  t.ok(
    written.every(value => known.has(value)),
    'only values of the table',
  )
  const black = normalisationTable(spec)[0]
  t.equal(written[3 * 336 * 336], black, 'the canvas is black above the pasted picture')
})

t.test('failures are data', async t => {
  const spec = specOf()
  const pixels = new SharedArrayBuffer(16)
  const label = 'image 2'
  t.match(await answer({ op: 'preprocess', bytes: readImage('text.png'), spec, label, pixels, offset: 0 }), {
    ok: false,
    error: { code: 'IMAGE_UNREADABLE', data: { label } },
  })
  t.match(await answer({ op: 'preprocess', bytes: readImage('rgb.png'), spec, pixels, offset: 0 }), {
    ok: false,
    error: { code: 'ENGINE_FAILED', data: { what: /1 views take 338688 floats, and 4 were given room for/ } },
  })
  t.match(await answer({ op: 'measure', bytes: readImage('huge-header.png'), orientation: 'ignore', pixelLimit: 10 }), {
    ok: false,
    error: { code: 'IMAGE_TOO_LARGE', data: { limit: 10 } },
  })
})

t.test('a key depends on bytes, spec and model, and on nothing else', async t => {
  const bytes = readImage('rgb.png')
  const key = (spec = specOf(), model = 'm1', of = bytes) => imageKey(of, specFingerprint(spec, model))
  t.match(key(), /^[0-9a-f]{32}$/)
  t.equal(key(), key(specOf({}), 'm1', Uint8Array.from(bytes)))
  const reordered = Object.fromEntries(Object.entries(specOf()).reverse()) as unknown as ReturnType<typeof specOf>
  t.equal(key(reordered), key(), 'the order of the fields does not count')
  const others = [
    key(specOf({ aspect: 'pad' })),
    key(specOf({ profile: 'hf' })),
    key(specOf({ orientation: 'apply' })),
    key(nextSpec('orig')),
    key(specOf(), 'm2'),
    key(specOf(), 'm1', readImage('grey.png')),
  ]
  t.equal(new Set([key(), ...others]).size, 7)
})

t.test('numbers of keys are stable, positive and never used twice, evictions included', async t => {
  const table = new ImageKeyTable(4)
  t.equal(table.intern('a'), 1)
  t.equal(table.intern('b'), 2)
  t.equal(table.intern('a'), 1)
  const owners = new Map<number, string>()
  const unique = fc.property(fc.array(fc.nat(12), { maxLength: 60 }), keys => {
    return keys.every(key => {
      const number = table.intern(`key ${key}`)
      const owner = owners.get(number) ?? `key ${key}`
      owners.set(number, owner)
      return number > 0 && owner === `key ${key}` && table.size <= 4
    })
  })
  t.doesNotThrow(() => fc.assert(unique, { seed: 3 }))
})

t.test('two runs over one picture write the same floats', async t => {
  const spec = specOf()
  const run = async () => {
    const pixels = new SharedArrayBuffer(3 * 336 * 336 * 4)
    await answer({ op: 'preprocess', bytes: readImage('photo.jpg'), spec, pixels, offset: 0 })
    return digest(new Uint8Array(pixels))
  }
  t.equal(await run(), await run())
})
