import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { decodeImage, measureImage } from '../../runtime/vision/decode.js'
import { repositoryRoot } from '../support/paths.js'
import { digest, patternImage, readImage } from '../support/pictures.js'

interface Golden {
  readonly width: number
  readonly height: number
  readonly sha256: string
  readonly upright?: { readonly width: number; readonly height: number; readonly sha256: string }
}

const goldens = Object.entries(
  JSON.parse(readFileSync(join(repositoryRoot(), 'test/fixtures/images/pillow.json'), 'utf8')) as Record<
    string,
    Golden
  >,
)

t.test('every kind of file decodes to the bytes of Pillow, as stored', async t => {
  for (const [name, golden] of goldens) {
    const image = await decodeImage(readImage(name))
    t.strictSame([image.width, image.height], [golden.width, golden.height], `${name}: size`)
    t.equal(digest(image.data as Uint8Array), golden.sha256, `${name}: pixels`)
  }
})

t.test('an orientation turns the picture when it is applied, and the measured size with it', async t => {
  const bytes = readImage('turned.jpg')
  const golden = goldens.find(([name]) => name === 'turned.jpg')![1].upright!
  const image = await decodeImage(bytes, { orientation: 'apply' })
  t.equal(digest(image.data as Uint8Array), golden.sha256)
  t.strictSame(await measureImage(bytes, { orientation: 'apply' }), { width: 24, height: 40 })
  t.strictSame(await measureImage(bytes), { width: 40, height: 24 })
})

t.test('a PNG written by the library itself comes back unchanged', async t => {
  const image = patternImage(50, 31)
  const png = await sharp(image.data, { raw: { width: 50, height: 31, channels: 3 } })
    .png()
    .toBuffer()
  t.strictSame([...(await decodeImage(png)).data], [...image.data])
})

t.test('what is no picture is refused with a sentence', async t => {
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /^receipt cannot be read as a picture: it has no bytes\.$/],
    [readImage('text.png'), /it begins like no format that is read; those are PNG, JPEG, WebP, GIF, TIFF and AVIF\.$/],
    [readImage('rgb.png').subarray(0, 20), /its PNG header is damaged or cut short/],
    [readImage('truncated.png'), /its PNG data is damaged or cut short/],
    [readImage('truncated.jpg'), /its JPEG data is damaged or cut short/],
    [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /no format that is read/],
  ]
  for (const [bytes, message] of cases) {
    await t.rejects(decodeImage(bytes, { label: 'receipt' }), { code: 'IMAGE_UNREADABLE', message })
  }
})

t.test('the pixel limit is checked on the header, before anything is decoded', async t => {
  await t.rejects(measureImage(readImage('huge-header.png')), {
    code: 'IMAGE_TOO_LARGE',
    data: { width: 30_000, height: 30_000, limit: 100_000_000 },
  })
  await t.rejects(decodeImage(readImage('rgb.png'), { pixelLimit: 37 * 23 - 1 }), { code: 'IMAGE_TOO_LARGE' })
  t.equal((await decodeImage(readImage('rgb.png'), { pixelLimit: 37 * 23 })).width, 37)
})
