import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { EncodedVideoChunk, Mp4Demuxer, VideoFrame } from '@napi-rs/webcodecs'
import { EngineError } from '../protocol/error.js'
import { type Clip, type ClipLimits, checkDuration, checkFrameSize, unreadable } from './clip-checks.js'
import { collectYoungGarbage } from './collect-garbage.js'
import { type FrameRun, planRuns, shownOrder } from './frame-runs.js'
import type { RgbImage } from './resize.js'
import { type YuvColours, type YuvImage, yuvToRgb } from './yuv.js'

const PACKAGE = '@napi-rs/webcodecs'
const VERSION = '1.3.1'
/** Packets on their way through a decoder; each may become a frame in memory. */
const MAX_QUEUED = 16
/** Frames between two collections of those that are closed. */
const FRAMES_PER_COLLECTION = 16

type Codecs = typeof import('@napi-rs/webcodecs')
type Configuration = NonNullable<Mp4Demuxer['videoDecoderConfig']>

/** The optional package. Throws VIDEO_DECODER_MISSING; `specifier` is for tests. */
export async function loadCodecs(label: string, specifier: string = PACKAGE): Promise<Codecs> {
  try {
    return await import(specifier)
  } catch (cause) {
    const what = reasonOf(cause)
    throw new EngineError('VIDEO_DECODER_MISSING', { label, what, package: `${PACKAGE}@${VERSION}` }, { cause })
  }
}

interface Track {
  readonly configuration: Configuration
  /** In the order of decoding. */
  readonly chunks: readonly EncodedVideoChunk[]
}

/** The first video track of a file. Its packets are copied; frames are decoded when they are read. */
export async function openTrack(bytes: Uint8Array, container: 'mp4' | 'webm', limits: ClipLimits): Promise<Clip> {
  const codecs = await loadCodecs(limits.label)
  const track = await keepAlive(() => demux(bytes, container, codecs, limits))
  const { chunks, configuration } = track
  const isVp8 = configuration.codec.startsWith('vp8')
  const list = {
    times: chunks.map(chunk => chunk.timestamp),
    isKey: chunks.map(chunk => chunk.type === 'key'),
    isShown: chunks.map(chunk => !isVp8 || isShownVp8(chunk)),
  }
  const order = shownOrder(list)
  const [first = 0, last = 0] = [order[0], order.at(-1)].map(packet => list.times[packet ?? 0])
  checkDuration((last - first) / 1e6, limits)
  return {
    frames: order.length,
    read: (wanted, take) =>
      keepAlive(async () => {
        for (const run of planRuns(list, wanted)) {
          await decodeRun(run, track, codecs, limits, (ordinal, frame) => {
            return wanted.has(ordinal) ? copyFrame(frame, limits).then(image => take(ordinal, image)) : null
          })
        }
      }),
  }
}

async function demux(bytes: Uint8Array, container: 'mp4' | 'webm', codecs: Codecs, limits: ClipLimits): Promise<Track> {
  const { label } = limits
  const chunks: EncodedVideoChunk[] = []
  const failures: unknown[] = []
  const callbacks = {
    videoOutput: (chunk: EncodedVideoChunk) => void chunks.push(chunk),
    error: (error: unknown) => void failures.push(error),
  }
  const demuxer = container === 'mp4' ? new codecs.Mp4Demuxer(callbacks) : new codecs.WebMDemuxer(callbacks)
  try {
    await demuxer.loadBuffer(bytes).catch((cause: unknown) => {
      throw unreadable(label, `its structure is damaged (${reasonOf(cause)}).`, cause)
    })
    checkDuration((demuxer.duration ?? 0) / 1e6, limits)
    const configuration = demuxer.videoDecoderConfig
    if (configuration === null) throw unreadable(label, 'it has no video track.')
    if (!configuration.codec || configuration.codec === 'none') {
      throw unreadable(label, 'its video track is damaged or of a kind that is not decoded.')
    }
    checkFrameSize(configuration.codedWidth, configuration.codedHeight, limits)
    await demuxer.demuxAsync().catch((error: unknown) => void failures.push(error))
    const [cause] = failures
    if (cause !== undefined) throw unreadable(label, `its structure is damaged (${reasonOf(cause)}).`, cause)
    return { configuration, chunks }
  } finally {
    demuxer.close()
  }
}

/**
 * Frames come in the order of showing, which is how they are told apart: the times that the decoder gives them are not
 * those of their packets. A decoder of its own for each run, so that nothing is left over from the one before.
 */
async function decodeRun(
  { packets, frames }: FrameRun,
  { configuration, chunks }: Track,
  codecs: Codecs,
  { label }: ClipLimits,
  take: (ordinal: number, frame: VideoFrame) => Promise<void> | null,
): Promise<void> {
  let shown = 0
  const failures: unknown[] = []
  const copies = new Set<Promise<void>>()
  const decoder = new codecs.VideoDecoder({
    output: frame => {
      const ordinal = frames[shown++]
      if (shown % FRAMES_PER_COLLECTION === 0) collectYoungGarbage()
      const copy = ordinal === undefined ? null : take(ordinal, frame)
      if (copy === null) return frame.close()
      const done: Promise<void> = copy
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          frame.close()
          copies.delete(done)
        })
      copies.add(done)
    },
    error: error => void failures.push(error),
  })
  try {
    // Software alone: whether a picture's bits are always the same must not depend on the machine's devices.
    decoder.configure({ ...configuration, hardwareAcceleration: 'prefer-software' })
    for (const packet of packets) {
      if (failures.length > 0) break
      decoder.decode(chunks[packet]!)
      while (decoder.decodeQueueSize >= MAX_QUEUED && failures.length === 0) await sleep(1)
      // Decoded frames wait in memory until the event loop hands them over.
      await nextTurn()
      await Promise.all(copies)
    }
    await decoder.flush()
    await Promise.all(copies)
  } catch (error) {
    // The decoder's own complaint, which says more, is on its way.
    await sleep(1)
    failures.push(error)
  } finally {
    if (decoder.state !== 'closed') decoder.close()
  }
  const [cause] = failures
  if (EngineError.isInstance(cause)) throw cause
  if (cause !== undefined) throw unreadable(label, `its picture data is damaged (${reasonOf(cause)}).`, cause)
  if (shown < frames.length) throw unreadable(label, `${frames.length - shown} of its frames cannot be decoded.`)
}

const CHROMA_SHIFTS: Readonly<Record<string, YuvImage['chromaShift']>> = {
  I420: { x: 1, y: 1 },
  I422: { x: 1, y: 0 },
  I444: { x: 0, y: 0 },
}

/** The colours that a file asks for; null for those that the package's own conversion assumes, whatever the file asks for. */
function taggedColours({ colorSpace }: VideoFrame): YuvColours | null {
  const { matrix: tagged, fullRange } = colorSpace
  const matrix = tagged === 'bt709' ? 'bt709' : tagged === 'bt2020-ncl' ? 'bt2020' : 'bt601'
  return matrix === 'bt601' && fullRange !== true ? null : { matrix, fullRange: fullRange === true }
}

async function copyFrame(frame: VideoFrame, limits: ClipLimits): Promise<RgbImage> {
  const { width, height } = frame.visibleRect
  checkFrameSize(width, height, limits)
  const chromaShift = frame.format === null ? undefined : CHROMA_SHIFTS[frame.format]
  const colours = taggedColours(frame)
  if (chromaShift !== undefined && colours !== null) {
    const data = new Uint8Array(frame.allocationSize())
    const planes = await frame.copyTo(data)
    return yuvToRgb({ width, height, data, planes, chromaShift }, colours)
  }
  const format = { format: 'RGBA' } as const
  const source = new Uint8Array(frame.allocationSize(format))
  await frame.copyTo(source, format)
  const data = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = source[from]!
    data[to + 1] = source[from + 1]!
    data[to + 2] = source[from + 2]!
  }
  return { width, height, data }
}

/** Bit 4 of a packet's first byte (RFC 6386, section 9.1). Other codecs pack hidden frames together with a shown one. */
function isShownVp8(chunk: EncodedVideoChunk): boolean {
  const data = new Uint8Array(chunk.byteLength)
  chunk.copyTo(data)
  return (data[0]! & 0x10) !== 0
}

/** The package's threads do not keep the process alive while somebody waits for them. */
async function keepAlive<Value>(action: () => Promise<Value>): Promise<Value> {
  const timer = setInterval(() => {}, 1000)
  try {
    return await action()
  } finally {
    clearInterval(timer)
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)
}
