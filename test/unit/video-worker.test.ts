import t from 'tap'
import { sampleFrames } from '../../runtime/vision/video.js'
import answer from '../../runtime/vision/worker.js'
import { digestOf, makeGif, readClip, readFrames, toPng } from '../support/clips.js'
import { readImage, specOf } from '../support/pictures.js'

const spec = specOf({ tileSize: 28, side: 4, featuresPerTile: 16 })
const tileBytes = 3 * 28 * 28

async function sample(source: Parameters<typeof request>[0], profile: 'orig' | 'hf' = 'hf') {
  const { tiles, ...rest } = request(source, profile)
  const reply = await answer({ ...rest, tiles })
  return { reply, tiles: new Uint8Array(tiles) }
}

function request(
  source:
    | { kind: 'file'; bytes: Uint8Array; frames: number }
    | { kind: 'pictures'; pictures: { bytes: Uint8Array; label: string }[] },
  profile: 'orig' | 'hf',
) {
  const frames = source.kind === 'file' ? source.frames : source.pictures.length
  const tiles = new SharedArrayBuffer(frames * tileBytes)
  return { op: 'sample', source, spec: { ...spec, profile }, label: 'video 1', tiles } as const
}

t.test('a frame becomes the same floats as a picture of it', async t => {
  const bytes = readClip('moving.mp4')
  for (const profile of ['orig', 'hf'] as const) {
    const ordinals = sampleFrames(48, 5, profile)
    const { reply, tiles } = await sample({ kind: 'file', bytes, frames: 5 }, profile)
    t.match(reply, { ok: true })
    const frames = await readFrames(bytes, ordinals)
    for (const [place, ordinal] of ordinals.entries()) {
      const png = await toPng(frames.get(ordinal)!)
      const [whole, tile] = [new SharedArrayBuffer(tileBytes * 4), new SharedArrayBuffer(tileBytes * 4 + 16)]
      await answer({ op: 'preprocess', bytes: png, spec, pixels: whole, offset: 0 })
      const message = { op: 'normalise', tiles: tiles.buffer as SharedArrayBuffer, tile: place, spec } as const
      t.same(await answer({ ...message, pixels: tile, offset: 16 }), { ok: true, value: null })
      t.same(new Float32Array(tile, 16), new Float32Array(whole), `${profile} ${ordinal}`)
    }
  }
})

t.test('equal frames have equal digests, whatever file they come from', async t => {
  const bytes = readClip('moving.webm')
  const ordinals = sampleFrames(48, 4, 'hf')
  const frames = await readFrames(bytes, ordinals)
  const pictures = await Promise.all(
    ordinals.map(async ordinal => ({ bytes: await toPng(frames.get(ordinal)!), label: 'a frame' })),
  )
  const fromFile = await sample({ kind: 'file', bytes, frames: 4 })
  const fromPictures = await sample({ kind: 'pictures', pictures })
  t.same(fromFile.reply, fromPictures.reply)
  const digests = Array.from({ length: 4 }, (_, at) => {
    return digestOf({ width: 28, height: 28, data: fromFile.tiles.subarray(at * tileBytes, (at + 1) * tileBytes) })
  })
  t.same(fromFile.reply, { ok: true, value: { digests } })
  t.equal(new Set(digests).size, 4)
})

t.test('a clip shorter than what is asked for repeats frames', async t => {
  const gif = await makeGif([
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ])
  const { reply, tiles } = await sample({ kind: 'file', bytes: gif, frames: 6 })
  const colours = Array.from({ length: 6 }, (_, at) => [...tiles.subarray(at * tileBytes, at * tileBytes + 3)])
  t.same(colours, [
    [255, 0, 0],
    [255, 0, 0],
    [0, 255, 0],
    [0, 255, 0],
    [0, 0, 255],
    [0, 0, 255],
  ])
  t.match(reply, { ok: true, value: { digests: { length: 6 } } })
})

t.test('failures are data', async t => {
  const text = { kind: 'file', bytes: Buffer.from('hello'), frames: 2 } as const
  t.match((await sample(text)).reply, { ok: false, error: { code: 'VIDEO_UNREADABLE', data: { label: 'video 1' } } })
  const broken = { kind: 'pictures', pictures: [{ bytes: readImage('text.png'), label: 'frame 1' }] } as const
  t.match((await sample({ ...broken, pictures: [...broken.pictures] })).reply, {
    ok: false,
    error: { code: 'IMAGE_UNREADABLE', data: { label: 'frame 1' } },
  })
  const message = request({ kind: 'file', bytes: readClip('moving.mp4'), frames: 2 }, 'hf')
  t.match(await answer({ ...message, tiles: new SharedArrayBuffer(5) }), {
    ok: false,
    error: { code: 'ENGINE_FAILED' },
  })
})
