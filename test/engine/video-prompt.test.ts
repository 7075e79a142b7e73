import t from 'tap'
import { inspectModel } from '../../kernels/checkpoint/index.js'
import { chooseTemplate } from '../../runtime/chat/choose.js'
import { type BuiltPrompt, PromptBuilder } from '../../runtime/engine/prompt-builder.js'
import { readTokenizer } from '../../runtime/engine/read-tokenizer.js'
import { VideoPlanner } from '../../runtime/engine/video-planner.js'
import type { VideoSource } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { ClipStore, describeClip } from '../../runtime/vision/clip-store.js'
import { ImageKeyTable, specFingerprint } from '../../runtime/vision/key.js'
import type { SampleRequest } from '../../runtime/vision/messages.js'
import { visionSpec } from '../../runtime/vision/spec.js'
import { frameSpec, planVideo, sampleFrames, type VideoSpec, videoTokens } from '../../runtime/vision/video.js'
import { videoSpec } from '../../runtime/vision/video-spec.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { readImage } from '../support/pictures.js'

const info = await inspectModel(checkpointPath('video-clip-llama'))
const pictures = visionSpec(info)
const tokenizer = await readTokenizer(info, false)
const { template } = chooseTemplate(info)
const tokenId = info.video!.tokenId
const TILE_BYTES = 3 * pictures.tileSize ** 2

interface Bench {
  readonly builder: PromptBuilder
  readonly clips: ClipStore
  readonly requests: SampleRequest[]
}

/** A builder over a decoder that reads a file as a list of frames, one byte each. null: of a model without video. */
function bench(fields: Partial<VideoSpec> | null = {}, contextLength = 512): Bench {
  const requests: SampleRequest[] = []
  const frames = frameSpec(pictures)
  const sample = async (request: SampleRequest) => {
    requests.push(request)
    await new Promise(resolve => setImmediate(resolve))
    const { source, tiles, label, spec } = request
    const shown =
      source.kind === 'pictures'
        ? source.pictures.map(picture => picture.bytes[0]!)
        : sampleFrames(source.bytes.length, source.frames, spec.profile).map(ordinal => source.bytes[ordinal]!)
    if (shown.includes(0)) throw new EngineError('VIDEO_UNREADABLE', { label, what: 'a frame is black.' })
    for (const [at, byte] of shown.entries()) new Uint8Array(tiles, at * TILE_BYTES, TILE_BYTES).fill(byte)
    return { digests: shown.map(byte => byte.toString(16).padStart(64, '0')) }
  }
  const clips = new ClipStore({ sample, spec: frames, pixelLimit: 1e6 })
  const spec = { ...videoSpec(info, pictures)!, ...fields }
  const modelFingerprint = info.fingerprint
  const planner = new VideoPlanner({ spec, frameSpec: frames, modelFingerprint, clips, contextLength })
  const builder = new PromptBuilder({
    tokenizer,
    template,
    spec: pictures,
    fingerprint: specFingerprint(pictures, info.fingerprint),
    imageTokenId: info.imageTokenId,
    keys: new ImageKeyTable(),
    pixelLimit: 1e6,
    family: info.family,
    ...(fields !== null && { video: { tokenId, planner } }),
  })
  return { builder, clips, requests }
}

const film = (...frames: number[]): VideoSource => ({ bytes: Uint8Array.from(frames), frames: frames.length })
const keysOf = ({ spans }: BuiltPrompt) => spans.map(span => span.key)

/** Laws of every built prompt: spans in order, one picture each, and one negative number for each key. */
function checkSpans(
  t: Pick<typeof import('tap').t, 'same' | 'ok' | 'equal'>,
  { elements, spans, pictures }: BuiltPrompt,
): void {
  t.same(
    pictures.map(({ key, plan }) => [key, plan.tokens]),
    spans.map(({ key, count }) => [key, count]),
  )
  const covered = new Set<number>()
  const numbers = new Map<string, number>()
  for (const { key, start, count } of spans) {
    for (let at = start; at < start + count; at++) covered.add(at)
    const rows = elements.subarray(start, start + count)
    t.ok(rows.every(row => row === rows[0] && row < 0))
    t.equal(numbers.get(key) ?? rows[0], rows[0])
    numbers.set(key, rows[0]!)
  }
  t.equal(new Set(numbers.values()).size, numbers.size)
  t.same(
    [...elements.keys()].filter(at => elements[at]! < 0),
    [...covered].sort((left, right) => left - right),
  )
}

for (const newline of ['none', 'grid', 'frame', 'one-token'] as const) {
  for (const poolPlace of ['before', 'after'] as const) {
    t.test(
      `newline ${newline}, pooled ${poolPlace} the connector: frames one by one are the clip as a whole`,
      async t => {
        const { builder } = bench({ newline, poolPlace })
        for (const count of [1, 2, 8, 16, 56]) {
          const frames = Array.from({ length: count }, (_, at) => at + 1)
          const prompt = await builder.build({ ids: [1, 90, tokenId, 91], images: [], videos: [film(...frames)] })
          checkSpans(t, prompt)
          const spec: VideoSpec = { ...videoSpec(info, pictures)!, newline, poolPlace }
          t.equal(prompt.elements.length, 3 + videoTokens(count, spec))
          t.equal(prompt.spans.length, count)
          const whole = planVideo(count, spec).packing
          const rowsOfFrame = poolPlace === 'before' ? info.video!.featuresPerFrame : info.vision.featuresPerTile
          const parts = prompt.pictures.map(({ plan }) => plan.packing)
          const rows = parts.flatMap(({ rows }, frame) => {
            const own = rows ?? Array.from({ length: rowsOfFrame }, (_, row) => row)
            return own.map(row => (row < 0 ? row : row + frame * rowsOfFrame))
          })
          t.same(rows, whole.rows ?? rows.map((_, row) => row))
          if (whole.kind === 'blend') {
            t.same(
              parts.flatMap(part => (part.kind === 'blend' ? part.weights : [])),
              whole.weights,
            )
          }
        }
      },
    )
  }
}

t.test('clips that share frames share their keys, wherever they stand', async t => {
  const { builder, requests } = bench()
  const ids = [1, tokenId, 90, tokenId, 91]
  const prompt = await builder.build({ ids, images: [], videos: [film(1, 2, 3), film(3, 4, 1, 1)] })
  checkSpans(t, prompt)
  const [one, two, three, again, four, first, twice] = keysOf(prompt)
  t.same([three, one, one], [again, first, twice])
  t.equal(new Set([one, two, three, four]).size, 4)
  const given = { pictures: [{ bytes: Uint8Array.of(2) }, { bytes: Uint8Array.of(4) }] }
  t.same(keysOf(await builder.build({ ids: [1, tokenId], images: [], videos: [given] })), [two, four])
  t.equal(requests.length, 3)
})

t.test('a newline that ends the clip makes its last frame another one', async t => {
  const { builder } = bench({ newline: 'one-token' })
  const prompt = await builder.build({ ids: [1, tokenId], images: [], videos: [film(5, 5, 5)] })
  const [first, second, last] = keysOf(prompt)
  t.equal(first, second)
  t.not(first, last)
  t.same(
    prompt.spans.map(span => span.count),
    [4, 4, 5],
  )
})

t.test('what a frame is known by includes the model and the way it becomes rows', async t => {
  const keys = await Promise.all(
    [{}, { poolMode: 'max' } as const, { newline: 'grid' } as const].map(async fields => {
      return keysOf(await bench(fields).builder.build({ ids: [1, tokenId], images: [], videos: [film(1)] }))[0]
    }),
  )
  t.equal(new Set(keys).size, 3)
})

t.test(
  'frames of a clip are remembered: it is decoded once, however often and by however many it is shown',
  async t => {
    const { builder, clips, requests } = bench()
    const ids = { ids: [1, tokenId], images: [], videos: [film(1, 2, 3, 4)] }
    const [one, two] = await Promise.all([builder.build(ids), builder.build(ids)])
    t.same(keysOf(one), keysOf(two))
    await builder.build({ ...ids, ids: [1, 90, tokenId], videos: [film(1, 2, 3, 4)] })
    t.equal(requests.length, 1)
    t.equal(clips.decodes, 1)
    await builder.build({ ...ids, videos: [{ bytes: Uint8Array.of(1, 2, 3, 4), frames: 2 }] })
    t.equal(requests.length, 2, 'another number of frames is another clip')
  },
)

t.test('tiles are kept as far as there is room, digests longer', async t => {
  const sampled: string[] = []
  const sample = async ({ label, tiles }: SampleRequest) => {
    sampled.push(label)
    new Uint8Array(tiles).fill(7)
    return { digests: ['07'.repeat(32), '07'.repeat(32)] }
  }
  const clips = new ClipStore({ sample, spec: frameSpec(pictures), pixelLimit: 1e6, tileBytes: 5 * TILE_BYTES })
  const [a, b, c] = ['a', 'b', 'c'].map(label =>
    describeClip(label, { kind: 'file', bytes: Buffer.from(label), frames: 2 }),
  )
  for (const clip of [a!, b!, c!]) await clips.digests(clip)
  for (const clip of [a!, b!, c!]) t.equal((await clips.digests(clip)).length, 2)
  t.same(sampled, ['a', 'b', 'c'])
  t.equal((await clips.tiles(c!)).byteLength, 2 * TILE_BYTES)
  t.same(sampled, ['a', 'b', 'c'])
  const [one, two] = await Promise.all([clips.tiles(a!), clips.tiles(a!)])
  t.equal(one, two)
  t.same(sampled, ['a', 'b', 'c', 'a'])
  clips.checkIntegrity(true)
  const running = clips.tiles(b!)
  t.throws(() => clips.checkIntegrity(true), /1 are being sampled while idle/)
  clips.checkIntegrity(false)
  await running
  clips.checkIntegrity(true)
})

t.test('a clip that cannot be read is tried anew, and told by its label', async t => {
  const { builder, requests } = bench()
  const build = () =>
    builder.build({ ids: [1, tokenId], images: [], videos: [{ bytes: Uint8Array.of(0), label: 'a.mp4' }] })
  await t.rejects(build(), { code: 'VIDEO_UNREADABLE', data: { label: 'a.mp4' } })
  await t.rejects(build(), { code: 'VIDEO_UNREADABLE' })
  t.equal(requests.length, 2)
})

t.test('what does not fit is refused before anything is decoded', async t => {
  const { builder, requests } = bench({}, 64)
  const build = (frames: number, ids = [1, tokenId]) =>
    builder.build({ ids, images: [], videos: [{ bytes: Uint8Array.of(1), frames, label: 'a.mp4' }] }, 10)
  t.equal((await build(13)).elements.length, 53)
  t.equal(requests.length, 1)
  await t.rejects(build(14), {
    code: 'VIDEO_TOO_LONG',
    message:
      'a.mp4 does not fit: 14 frames take 56 tokens (4 a frame); beside 1 tokens of text and 10 for the answer, the context of 64 has room for 13 frames. All would fit with positions scaled by 2.',
    data: { frames: 13 },
  })
  await t.rejects(build(13, [1, 90, 91, tokenId]), { code: 'VIDEO_TOO_LONG', data: { frames: 12 } })
  for (const frames of [0, -1, 1.5, Number.NaN]) await t.rejects(build(frames), { code: 'REQUEST_INVALID' })
  await t.rejects(builder.build({ ids: [tokenId], images: [], videos: [{ pictures: [] }] }), {
    code: 'REQUEST_INVALID',
  })
  t.equal(requests.length, 1)
})

t.test('ids may stand for a clip once, or once for each of its rows', async t => {
  const { builder } = bench()
  const videos = [film(1, 2), film(3)]
  const short = await builder.build({ ids: [1, tokenId, tokenId, 90], images: [], videos })
  const long = await builder.build({ ids: [1, ...new Array(12).fill(tokenId), 90], images: [], videos })
  t.same(short.elements, long.elements)
  const image = { bytes: readImage('rgb.png') }
  const both = await builder.build({ ids: [1, tokenId, info.imageTokenId, 90, tokenId], images: [image], videos })
  checkSpans(t, both)
  t.equal(both.spans.length, 4)
  for (const ids of [
    [1],
    [1, tokenId],
    [1, tokenId, 90, ...new Array(11).fill(tokenId)],
    new Array(13).fill(tokenId),
  ]) {
    await t.rejects(builder.build({ ids, images: [], videos }), { code: 'VIDEO_COUNT_MISMATCH', data: { videos: 2 } })
  }
})

t.test('a model without video says so, whatever the prompt', async t => {
  const { builder } = bench(null)
  const part = { kind: 'video', video: film(1) } as const
  const refusal = { code: 'VIDEO_UNSUPPORTED', data: { family: 'llava_next_video' } }
  t.throws(() => builder.encode({ kind: 'raw', parts: [part] }), refusal)
  t.throws(() => builder.encode({ kind: 'chat', messages: [{ role: 'user', content: [part] }] }), refusal)
  t.throws(() => builder.encode({ kind: 'tokens', ids: [1], videos: [film(1)] }), refusal)
})
