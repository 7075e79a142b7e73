import t from 'tap'
import { openClip } from '../../runtime/vision/clip.js'
import { loadCodecs } from '../../runtime/vision/video-track.js'
import { clipGolden, digestOf, makeGif, readClip, readFrames } from '../support/clips.js'
import { readImage } from '../support/pictures.js'

const clips = Object.entries(clipGolden.digests)
// The conversion to RGB is written anew for each processor, and the last bit may differ.
const elsewhere = process.arch === 'x64' ? false : 'the digests were taken on x64'

for (const [name, digests] of clips) {
  t.test(`${name}: frames have the bytes that PyAV gives`, { skip: elsewhere }, async t => {
    const clip = await openClip(readClip(name), { label: name })
    t.equal(clip.frames, digests.length)
    const frames = await readFrames(readClip(name), [...digests.keys()])
    t.same(
      digests.map((_, ordinal) => digestOf(frames.get(ordinal)!)),
      digests,
    )
    t.same([frames.get(0)!.width, frames.get(0)!.height], [clipGolden.width, clipGolden.height])
  })

  t.test(`${name}: a frame is the same whatever else is read`, async t => {
    const all = await readFrames(readClip(name), [...digests.keys()])
    for (const wanted of [[0], [47], [11, 12, 13], [5, 23, 24, 40], [36]]) {
      const some = await readFrames(readClip(name), wanted)
      t.same(
        [...some.keys()].sort((left, right) => left - right),
        wanted,
      )
      for (const [ordinal, frame] of some) t.equal(digestOf(all.get(ordinal)!), digestOf(frame), `${ordinal}`)
    }
  })

  t.test(`${name}: cut anywhere it is refused`, async t => {
    const bytes = readClip(name)
    for (let length = 0; length < bytes.length; length += 211) {
      const cut = bytes.subarray(0, length)
      await t.rejects(openClip(cut, { label: 'video 3' }), { code: 'VIDEO_UNREADABLE', data: { label: 'video 3' } })
    }
  })
}

t.test('damaged inside, a clip is refused when the damage is reached', async t => {
  const damage = (from: number, to: number) => {
    return readClip('moving.mp4').map((byte, at) => (at >= from && at < to && at % 23 === 0 ? 255 - byte : byte))
  }
  // The packets end at byte 6623, where the index begins.
  const pictures = { code: 'VIDEO_UNREADABLE', message: /its picture data is damaged/ }
  await t.rejects(readFrames(damage(900, 6600), [0, 30, 47]), pictures)
  await t.rejects(readFrames(damage(6640, 7952), [0, 30, 47]), { code: 'VIDEO_UNREADABLE' })
})

t.test('colours are those that the file asks for', async t => {
  const { name, frame, points } = clipGolden.tagged
  const { width, data } = (await readFrames(readClip(name), [frame])).get(frame)!
  // PyAV converts with tables of whole numbers, so that a level or two lie between.
  const differences = points.flatMap(([x, y, ...rgb]) =>
    rgb.map((value, at) => Math.abs(value - data[(y * width + x) * 3 + at]!)),
  )
  t.equal(differences.length, 3 * 54)
  t.ok(Math.max(...differences) <= 3, `${Math.max(...differences)} levels`)
})

t.test('limits are told with what came', async t => {
  const bytes = readClip('moving.mp4')
  await t.rejects(openClip(bytes, { label: 'a.mp4', pixelLimit: 1000 }), {
    code: 'VIDEO_TOO_LARGE',
    message: /^a\.mp4 is too large: its frames are 96 x 64 pixels; the most that is decoded is 1000 pixels/,
  })
  await t.rejects(openClip(bytes, { label: 'a.mp4', secondsLimit: 3 }), {
    code: 'VIDEO_TOO_LARGE',
    message: /4 seconds long; the most that is read is 3/,
  })
  const gif = await makeGif(
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    2000,
  )
  await t.rejects(openClip(gif, { label: 'a.gif', secondsLimit: 3 }), { code: 'VIDEO_TOO_LARGE' })
  await t.rejects(openClip(gif, { label: 'a.gif', pixelLimit: 100 }), { code: 'VIDEO_TOO_LARGE' })
})

t.test('frames of a GIF', async t => {
  const colours = [0, 1, 2, 3, 4, 5].map(index => [index * 50, 0, 255 - index * 50] as const)
  const gif = await makeGif(colours)
  const frames = await readFrames(gif, [5, 0, 3])
  for (const ordinal of [0, 3, 5]) t.same([...frames.get(ordinal)!.data.subarray(0, 3)], colours[ordinal])
  t.equal(frames.size, 3)
  for (let length = 0; length < gif.length - 1; length += 7) {
    const reading = readFrames(gif.subarray(0, length), [0])
    await t.rejects(reading, { code: 'VIDEO_UNREADABLE' }, `${length} of ${gif.length}`)
  }
})

t.test('what is no video is said to be none', async t => {
  for (const name of ['rgb.png', 'photo.jpg', 'text.png']) {
    await t.rejects(openClip(readImage(name), { label: name }), {
      code: 'VIDEO_UNREADABLE',
      message: `${name} cannot be read as a video: it begins like no format that is read; those are MP4, WebM, Matroska, GIF and animated WebP.`,
    })
  }
  await t.rejects(openClip(new Uint8Array(), { label: 'nothing' }), {
    code: 'VIDEO_UNREADABLE',
    message: /has no bytes/,
  })
  const header = Buffer.from('0000001866747970697 36f6d0000000069736f6d6d703432'.replace(' ', ''), 'hex')
  await t.rejects(openClip(header, { label: 'a header' }), { code: 'VIDEO_UNREADABLE' })
})

t.test('without the package that decodes, the message tells how to get it', async t => {
  await t.rejects(loadCodecs('holiday.mp4', 'a-package-that-is-not-there'), {
    code: 'VIDEO_DECODER_MISSING',
    message: /^holiday\.mp4 is a video file, .* "npm install @napi-rs\/webcodecs@1\.3\.1" installs it; /,
  })
})
