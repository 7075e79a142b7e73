import { randomBytes } from 'node:crypto'
import t from 'tap'
import { makeReadImage, parseImageReference } from '../../runtime/server/images.js'
import { placeMedia, spreadMedia } from '../../runtime/server/native/prompt.js'

const inline = (bytes: Uint8Array) => ({ kind: 'inline', bytes: Buffer.from(bytes) })

t.test('bytes come through a data: URI or base64 whatever their length', async t => {
  for (let length = 1; length < 400; length += 7) {
    const bytes = randomBytes(length)
    const base64 = bytes.toString('base64')
    const wrapped = base64.replace(/.{76}/g, line => `${line}\n`)
    t.strictSame(parseImageReference(`data:image/png;base64,${base64}`, 'p', false), inline(bytes))
    t.strictSame(parseImageReference(`data:;charset=x;base64,${wrapped}`, 'p', false), inline(bytes))
    // Below a path's length a leading "/" or a telling end makes it a path.
    if (length > 250 || !/^\.{0,2}\//.test(base64)) t.strictSame(parseImageReference(wrapped, 'p', true), inline(bytes))
  }
})

t.test('the base64 of a JPEG, which begins with a slash, is no path', async t => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), randomBytes(400)])
  t.match(bytes.toString('base64'), /^\/9j\//)
  t.strictSame(parseImageReference(bytes.toString('base64'), 'p', true), inline(bytes))
})

t.test('URLs and paths are left to the loader', async t => {
  for (const reference of [
    'https://a.test/x',
    'HTTP://A',
    'a.png',
    './a',
    '/etc/passwd',
    '../x',
    'file:///x',
    '~/x',
    'C:\\x',
  ]) {
    t.strictSame(parseImageReference(reference, 'p', true), { kind: 'remote', reference })
  }
})

t.test('anything else is refused with what would be right', async t => {
  t.throws(() => parseImageReference('aGk=', 'p', false), {
    message: /"p" must be a data: URI or an http\(s\) URL; got "aGk="/,
  })
  t.throws(() => parseImageReference('not base64!', 'p', true), { message: /a data: URI, base64 or an http/ })
  t.throws(() => parseImageReference('', 'p', true), { code: 'REQUEST_INVALID' })
  t.throws(() => parseImageReference('data:image/png;base64', 'p', true), {
    code: 'IMAGE_UNREADABLE',
    message: /no comma/,
  })
  t.throws(() => parseImageReference('data:image/png;base64,a*', 'p', true), { message: /malformed\.$/ })
  t.throws(() => parseImageReference('data:image/png;base64,', 'image_data[0]', true), {
    code: 'IMAGE_UNREADABLE',
    message: 'image_data[0] cannot be read as a picture: it is empty.',
  })
  t.throws(() => parseImageReference('data:video/mp4;base64,', 'video_data[0]', true), {
    code: 'VIDEO_UNREADABLE',
    message: 'video_data[0] cannot be read as a video: it is empty.',
  })
})

t.test('placing pictures keeps all text and their order', async t => {
  const [first, second] = [{ bytes: new Uint8Array([1]) }, { bytes: new Uint8Array([2]) }]
  t.strictSame(placeMedia('', []), { kind: 'raw', parts: [{ kind: 'text', text: '' }] })
  t.strictSame(placeMedia('<image>', [first]), { kind: 'raw', parts: [{ kind: 'image', image: first }] })
  t.strictSame(placeMedia('a<image><image>b', [first, second]), {
    kind: 'raw',
    parts: [
      { kind: 'text', text: 'a' },
      { kind: 'image', image: first },
      { kind: 'image', image: second },
      { kind: 'text', text: 'b' },
    ],
  })
  t.strictSame(placeMedia('b', [first, second]), {
    kind: 'raw',
    parts: [
      { kind: 'image', image: first },
      { kind: 'image', image: second },
      { kind: 'text', text: 'b' },
    ],
  })
  t.throws(() => placeMedia('<image>', []), { code: 'IMAGE_COUNT_MISMATCH', data: { placeholders: 1, images: 0 } })
  t.throws(() => placeMedia('<image>', [first, second]), { code: 'IMAGE_COUNT_MISMATCH' })
})

t.test('videos stand at their own markers', async t => {
  const image = { bytes: new Uint8Array([1]) }
  const [first, second] = [{ bytes: new Uint8Array([2]) }, { pictures: [image] }]
  t.strictSame(placeMedia('a<video>b<image><video>', [image], [first, second]), {
    kind: 'raw',
    parts: [
      { kind: 'text', text: 'a' },
      { kind: 'video', video: first },
      { kind: 'text', text: 'b' },
      { kind: 'image', image },
      { kind: 'video', video: second },
    ],
  })
  t.strictSame(placeMedia('<image>c', [image], [first]), {
    kind: 'raw',
    parts: [
      { kind: 'video', video: first },
      { kind: 'image', image },
      { kind: 'text', text: 'c' },
    ],
  })
  t.strictSame(placeMedia('<video>', []), { kind: 'raw', parts: [{ kind: 'text', text: '<video>' }] })
  t.throws(() => placeMedia('<video><video>', [], [first]), {
    code: 'VIDEO_COUNT_MISMATCH',
    data: { placeholders: 2, videos: 1 },
  })
})

t.test('pictures are spread over requests as SGLang does it', async t => {
  t.strictSame(spreadMedia('image_data', undefined, 2, false), [[], []])
  t.strictSame(spreadMedia('image_data', 'a', 2, false), [['a'], ['a']])
  t.strictSame(spreadMedia('image_data', [], 2, false), [[], []])
  t.strictSame(spreadMedia('image_data', ['a', null, ['b', { url: 'c' }]], 3, false), [['a'], [], ['b', 'c']])
  t.strictSame(spreadMedia('image_data', ['a', 'b'], 1, true), [['a', 'b']])
  t.strictSame(spreadMedia('image_data', [['a', 'b']], 1, true), [['a', 'b']])
  t.throws(() => spreadMedia('image_data', ['a'], 2, false), { code: 'REQUEST_INVALID' })
})

t.test('what a request names twice is loaded once, and all that it names stays within a limit', async t => {
  const asked: string[] = []
  const large = new Uint8Array(200 * 2 ** 20)
  const loader = async (reference: string) => {
    asked.push(reference)
    return large
  }
  const read = makeReadImage(loader, new AbortController().signal, false)
  for (let i = 0; i < 50; i++) t.equal((await read('/a.png', 'p')).bytes, large)
  t.equal((await read('/b.png', 'p')).bytes, large)
  await t.rejects(read('/c.png', 'images[2]'), {
    code: 'REQUEST_INVALID',
    message: /over 536870912 bytes/,
    data: { param: 'images[2]' },
  })
  t.same(asked, ['/a.png', '/b.png', '/c.png'])
})
