import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { readInputs } from '../../frontend/client/inputs.js'
import { GREY_PICTURE } from '../programs/picture.js'

const folder = t.testdir()
const path = join(folder, 'grey.png')
writeFileSync(path, GREY_PICTURE)
const pictureOf = async (photo: unknown) => (await readInputs('p', { photo: 'image' }, { photo })).get('photo')
const refused = (what: string) => ({ code: 'PROGRAM_INPUT_INVALID', message: `program "p", input "photo": ${what}.` })

t.test('bytes, paths, file: URLs and data: URLs are the same picture', async t => {
  const bytes = Buffer.from(GREY_PICTURE)
  const data = `data:image/png;base64,${bytes.toString('base64')}`
  const labelled = { kind: 'image', image: { bytes, label: 'grey.png' } }
  t.same(await pictureOf(GREY_PICTURE), { kind: 'image', image: { bytes: GREY_PICTURE } })
  t.same(await pictureOf(path), labelled)
  t.same(await pictureOf(pathToFileURL(path)), labelled)
  t.same(await pictureOf(pathToFileURL(path).href), labelled)
  for (const url of [data, new URL(data)]) {
    t.same(await pictureOf(url), { kind: 'image', image: { bytes, label: 'the picture of a data: URL' } })
  }
})

t.test('what is no picture is refused, with what came and what would be right', async t => {
  const right = 'encoded bytes, a file: or data: URL, or a path'
  await t.rejects(pictureOf(7), refused(`7 is no picture; give ${right}`))
  await t.rejects(pictureOf(''), refused(`"" is no picture; give ${right}`))
  await t.rejects(pictureOf({}), refused(`an object is no picture; give ${right}`))
  await t.rejects(pictureOf(undefined), refused(`it has no value; give ${right}`))
  await t.rejects(pictureOf(new Uint8Array()), refused('the bytes are empty; give an encoded picture'))
  await t.rejects(
    pictureOf('https://example.org/a.png'),
    refused('https: URLs are not fetched; fetch the picture and give its bytes'),
  )
  await t.rejects(pictureOf('data:image/png,abc'), refused('the data: URL holds no base64'))
  await t.rejects(pictureOf(`${path}x`), { code: 'IMAGE_NOT_FOUND', message: `There is no picture at ${path}x.` })
  await t.rejects(pictureOf(folder), { code: 'IMAGE_UNREADABLE' })
})

t.test('texts and numbers become text', async t => {
  const inputs = await readInputs('p', { a: 'text', b: 'number' }, { a: 'x', b: 1.5 })
  t.same(
    [...inputs],
    [
      ['a', { kind: 'text', text: 'x' }],
      ['b', { kind: 'text', text: '1.5' }],
    ],
  )
  await t.rejects(readInputs('p', { a: 'text' }, { a: 1 }), {
    message: 'program "p", input "a": 1 is no text; give a string.',
  })
  await t.rejects(readInputs('p', { b: 'number' }, { b: Number.NaN }), {
    message: 'program "p", input "b": NaN came; give a finite number.',
  })
})

t.test('inputs that the program does not have are refused', async t => {
  await t.rejects(readInputs('p', { photo: 'image' }, { photo: GREY_PICTURE, phto: 1 }), {
    message: 'program "p", input "phto": the program has no such input; it has "photo".',
  })
  await t.rejects(readInputs('p', {}, { x: 1 }), { message: /it has none\.$/ })
})

t.test('a video is a file, a file with a number of frames, or its frames', async t => {
  const videoOf = async (clip: unknown) => (await readInputs('p', { clip: 'video' }, { clip })).get('clip')
  const bytes = Buffer.from(GREY_PICTURE)
  t.same(await videoOf(path), { kind: 'video', video: { bytes, label: 'grey.png' } })
  t.same(await videoOf({ file: bytes, frames: 4 }), { kind: 'video', video: { bytes, frames: 4 } })
  t.same(await videoOf([path, bytes]), {
    kind: 'video',
    video: { pictures: [{ bytes, label: 'grey.png' }, { bytes }] },
  })
  const refused = (what: string) => ({ code: 'PROGRAM_INPUT_INVALID', message: `program "p", input "clip": ${what}.` })
  const right = 'encoded bytes, a file: or data: URL, or a path, { file, frames }, or an array of pictures'
  await t.rejects(videoOf(7), refused(`7 is no video; give ${right}`))
  await t.rejects(videoOf([]), refused('there are no frames; give at least one picture'))
  await t.rejects(videoOf([7]), refused('7 is no picture; give encoded bytes, a file: or data: URL, or a path'))
  await t.rejects(videoOf({ file: path, frames: 0 }), refused('frames is 0; it must be a whole number over 0'))
  await t.rejects(videoOf({ file: path }), refused('frames is undefined; it must be a whole number over 0'))
})
