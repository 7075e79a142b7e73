import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inspectModel } from '../../kernels/checkpoint/index.js'
import { createEngine, type EngineOptions, type RadiantEngine } from '../../runtime/engine.js'
import type { GenerateRequest, Prompt, VideoSource } from '../../runtime/protocol/backend.js'
import type { ErrorCode } from '../../runtime/protocol/error.js'
import { sampleFrames } from '../../runtime/vision/video.js'
import { clipAnswers, makeGif, readClip, readFrames, toPng } from '../support/clips.js'
import { checkpointPath, readGolden } from '../support/golden-checkpoint.js'
import { largestDifference, loadKernelModel } from '../support/kernel-model.js'
import { readImage } from '../support/pictures.js'

/** Rows of a frame of both fixtures: 4 x 4 patches, pooled by 2. */
const ROWS = 4

async function withEngine(options: EngineOptions, use: (engine: RadiantEngine) => Promise<void>): Promise<void> {
  const engine = await createEngine({ threads: 1, ...options })
  try {
    await use(engine)
    await engine.flushCache()
    await new Promise(resolve => setImmediate(resolve))
    engine.checkIntegrity()
    t.equal(engine.status().pages.inUse, 0, 'pages in use return to zero')
  } finally {
    await engine.close()
  }
}

const [before, after] = clipAnswers.prompt

function show(video: VideoSource, maxTokens = 4, ending = after): GenerateRequest {
  const parts = [{ kind: 'text', text: before } as const, { kind: 'video', video } as const]
  const prompt: Prompt = { kind: 'raw', parts: [...parts, { kind: 'text', text: ending }] }
  return { prompt, sampling: { maxTokens, ignoreEos: true } }
}

for (const checkpoint of new Set(clipAnswers.cases.map(each => each.checkpoint))) {
  t.test(`${checkpoint} answers about clips as it does in transformers`, async t => {
    await withEngine({ model: checkpointPath(checkpoint), cachePath: t.testdir() }, async engine => {
      const cases = clipAnswers.cases.filter(each => each.checkpoint === checkpoint)
      const results = await Promise.all(
        cases.map(({ clip, frames, answer }) => {
          return engine.generate(show({ bytes: readClip(clip), frames }, answer.length)).result
        }),
      )
      for (const [at, { clip, frames, ids, answer }] of cases.entries()) {
        const { tokenIds, usage } = results[at]!
        t.same(tokenIds, answer, `${frames} frames of ${clip}`)
        t.same([usage.promptTokens, usage.imageTokens], [ids.length, ROWS * frames])
      }
      // The ids as transformers' processor gives them, one placeholder for each row.
      const { clip, frames, ids, answer } = cases[1]!
      const prompt: Prompt = { kind: 'tokens', ids, videos: [{ bytes: readClip(clip), frames }] }
      const sampling = { maxTokens: answer.length, ignoreEos: true }
      t.same((await engine.generate({ prompt, sampling }).result).tokenIds, answer)
    })
  })

  t.test(
    `${checkpoint}: frames that are encoded one by one have the rows that transformers gives the clip`,
    async t => {
      const golden = readGolden(checkpoint)
      const info = await inspectModel(golden.path)
      const [cachePath, precision, binding] = [t.testdir(), 'float32', 'auto'] as const
      const sizes = { numSlots: 1, slotCapacity: 128, maxTiles: 8 }
      const model = await loadKernelModel({ info, binding, precision, cachePath, ...sizes })
      t.teardown(() => model.close())
      const frameFloats = 3 * info.vision.tileSize ** 2
      const rows: number[] = []
      for (let at = 0; at < golden.pixels.length; at += frameFloats) {
        rows.push(...(await model.encode(golden.pixels.subarray(at, at + frameFloats), null, true)))
      }
      t.equal(rows.length, golden.features.length)
      t.ok(largestDifference(rows, golden.features) < 1e-4)
    },
  )
}

const model = checkpointPath('video-clip-llama')

t.test('1, 8, 16 and 56 frames in one prompt have exactly the planned tokens', async t => {
  await withEngine({ model, cachePath: t.testdir() }, async engine => {
    const counts = [1, 8, 16, 56]
    const content = counts.map(frames => ({ kind: 'video', video: { bytes: readClip('moving.mp4'), frames } }) as const)
    const prompt: Prompt = { kind: 'chat', messages: [{ role: 'user', content }] }
    const { usage } = await engine.generate({ prompt, sampling: { maxTokens: 2 } }).result
    t.equal(usage.imageTokens, ROWS * (1 + 8 + 16 + 56))
    t.equal(usage.imageEncodes, 48, 'no frame is encoded twice; 56 samples of 48 frames show each at least once')
    const bare = { ...prompt, messages: [{ role: 'user' as const, content: [] }] }
    const texts = (await engine.generate({ prompt: bare, sampling: { maxTokens: 2 } }).result).usage.promptTokens
    t.equal(usage.promptTokens, texts + usage.imageTokens + 4, 'each place is on a line of its own')
  })
})

t.test('one answer whatever is cached, batched or sampled before', async t => {
  const question = show({ bytes: readClip('moving.webm'), frames: 12 }, 8)
  const texts: string[] = []
  for (const options of [{}, { prefixCache: false, maxRunning: 1, maxChunk: 7 }, { pageSize: 5, maxChunk: 33 }]) {
    await withEngine({ model, cachePath: t.testdir(), ...options }, async engine => {
      const first = await engine.generate(question).result
      const crowd = [question, show({ bytes: readClip('moving.mp4') }), question].map(
        each => engine.generate(each).result,
      )
      const again = (await Promise.all(crowd)).filter((_, at) => at !== 1)
      texts.push(first.text, ...again.map(result => result.text))
      t.equal(first.usage.imageEncodes, 12)
      for (const { usage } of again) t.equal(usage.imageEncodes, 0)
    })
  }
  t.equal(new Set(texts).size, 1)
})

t.test('frames given as pictures are found where a file left them, and the other way round', async t => {
  const bytes = readClip('moving.mp4')
  const ordinals = sampleFrames(48, 6, 'hf')
  const frames = await readFrames(bytes, ordinals)
  const pictures = await Promise.all(ordinals.map(async ordinal => ({ bytes: await toPng(frames.get(ordinal)!) })))
  await withEngine({ model, cachePath: t.testdir() }, async engine => {
    const fromFile = await engine.generate(show({ bytes, frames: 6 })).result
    const fromPictures = await engine.generate(show({ pictures }, 4, ' another question')).result
    t.equal(fromFile.usage.imageEncodes, 6)
    t.equal(fromPictures.usage.imageEncodes, 0)
    t.equal(fromPictures.usage.cachedImageTokens, 6 * ROWS, 'the prefix of the file serves the pictures')
    const fewer = await engine.generate(show({ pictures: pictures.slice(0, 3) })).result
    t.ok(fewer.usage.cachedImageTokens === 3 * ROWS && fewer.usage.imageEncodes === 0)
    const whole = await engine.generate(show({ pictures }, 4)).result
    t.equal(whole.text, fromFile.text)
  })
})

t.test('features that had to go are made again from the file', async t => {
  // 512 rows of 32 numbers, the least there is; the three clips have 624.
  const featureCacheBytes = 65_536
  await withEngine({ model, cachePath: t.testdir(), featureCacheBytes, prefixCache: false }, async engine => {
    const gif = await makeGif(
      Array.from({ length: 60 }, (_, at) => [(at * 97) % 256, (at * 31) % 256, (at * 53) % 256] as const),
    )
    const ask = async (bytes: Uint8Array, frames: number) => {
      return (await engine.generate(show({ bytes, frames })).result).text
    }
    const clips = [[readClip('moving.mp4'), 48] as const, [readClip('moving.webm'), 48] as const, [gif, 60] as const]
    const alone: string[] = []
    for (const [bytes, frames] of clips) alone.push(await ask(bytes, frames))
    t.same(await Promise.all(clips.map(([bytes, frames]) => ask(bytes, frames))), alone)
    t.ok(engine.status().imageEncodes > 156, 'some were encoded twice')
  })
})

t.test('bad videos are refused with a reason, and the engine goes on', async t => {
  await withEngine({ model, cachePath: t.testdir(), contextLength: 128 }, async engine => {
    const fail = (video: VideoSource, expected: { code: ErrorCode; message?: string; data?: object }) =>
      t.rejects(engine.generate(show(video)).result, expected)
    const bytes = readClip('moving.mp4')
    await fail(
      { bytes: bytes.subarray(0, 5000), label: 'a.mp4' },
      {
        code: 'VIDEO_UNREADABLE',
        message: 'a.mp4 cannot be read as a video: it is cut short: 1623 bytes are missing at the end.',
      },
    )
    await fail({ bytes: readImage('photo.jpg') }, { code: 'VIDEO_UNREADABLE', data: { label: 'video 1' } })
    await fail({ bytes: new Uint8Array() }, { code: 'VIDEO_UNREADABLE' })
    await fail({ bytes, frames: 0 }, { code: 'REQUEST_INVALID' })
    await fail({ bytes, frames: 64 }, { code: 'VIDEO_TOO_LONG', data: { frames: 28 } })
    await fail(
      { pictures: [{ bytes: readImage('rgb.png') }, { bytes: readImage('text.png') }] },
      {
        code: 'IMAGE_UNREADABLE',
        data: { label: 'frame 2 of video 1' },
      },
    )
    const prompt: Prompt = { kind: 'tokens', ids: [1, 90], videos: [{ bytes }] }
    await t.rejects(engine.generate({ prompt }).result, { code: 'VIDEO_COUNT_MISMATCH' })
    t.equal((await engine.generate(show({ bytes, frames: 28 }, 1)).result).usage.imageTokens, 28 * ROWS)
    const aborted = engine.generate(show({ bytes, frames: 20 }))
    aborted.abort()
    t.equal((await aborted.result).finish, 'abort')
  })
})

t.test('a model without video refuses one', async t => {
  await withEngine({ model: 'pocket-v0', cachePath: t.testdir() }, async engine => {
    t.equal(engine.model.videoTokenId, undefined)
    const generation = engine.generate(show({ bytes: readClip('moving.mp4') }))
    await t.rejects(generation.result, { code: 'VIDEO_UNSUPPORTED', message: /The model takes no video \(llava\)/ })
  })
})

t.test('options about a clip are scored beside it', async t => {
  await withEngine({ model, cachePath: t.testdir() }, async engine => {
    const { prompt } = show({ bytes: readClip('moving.mp4') })
    for (const method of ['token-length-normalized', 'unconditional-likelihood-normalized'] as const) {
      const { scores, usage } = await engine.select({ prompt, choices: ['yes', 'no'], method })
      t.equal(scores.length, 2)
      t.equal(usage.imageTokens, 8 * ROWS)
    }
  })
})

/** Original layouts with newlines among the frames, pooled after the connector, written over a fixture without video. */
for (const [place, tokens] of [
  ['grid', (frames: number) => frames * 2 * 3],
  ['frame', (frames: number) => frames * 5],
  ['one_token', (frames: number) => frames * 4 + 1],
  ['no_token', (frames: number) => frames * 4],
] as const) {
  t.test(`original layout, newline ${place}`, async t => {
    const testdir = t.testdir()
    const folder = join(testdir, 'model')
    cpSync(checkpointPath('original-clip-llama'), folder, { recursive: true })
    cpSync(checkpointPath('clip-tiny-patch7-28'), join(testdir, 'clip-tiny-patch7-28'), { recursive: true })
    const path = join(folder, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8'))
    const fields = {
      mm_resampler_type: 'spatial_pool',
      mm_newline_position: place,
      mm_patch_merge_type: 'spatial_unpad',
    }
    writeFileSync(path, JSON.stringify({ ...config, ...fields }))
    await withEngine({ model: folder, cachePath: join(testdir, 'cache') }, async engine => {
      for (const frames of [1, 8, 16]) {
        const request = show({ bytes: readClip('moving.mp4'), frames })
        const { usage, tokenIds } = await engine.generate(request).result
        t.equal(usage.imageTokens, tokens(frames), `${frames} frames`)
        t.equal(tokenIds.length, 4)
      }
    })
  })
}
