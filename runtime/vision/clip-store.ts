import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { FrameSource, SampleRequest, SampleSummary } from './messages.js'
import type { VisionSpec } from './spec.js'

/** A video to be shown, with the number of its frames decided; made by `describeClip`. */
export interface VideoClip {
  /** Equal names, equal frames. */
  readonly name: string
  readonly label: string
  readonly source: FrameSource
}

export interface ClipStoreOptions {
  /** Sends a message to a preprocessing worker. */
  sample(request: SampleRequest): Promise<SampleSummary>
  /** That of frames. */
  readonly spec: VisionSpec
  readonly pixelLimit: number
  /** Bytes of tiles that are kept for the encoder, or for another request. Default 128 MiB. */
  readonly tileBytes?: number
  /** Clips whose frames are remembered by their digests. Default 4096. */
  readonly numClips?: number
}

const TILE_BYTES = 128 * 2 ** 20

interface Sampled extends SampleSummary {
  readonly tiles: SharedArrayBuffer
}

/**
 * Frames of videos. Which frames a file yields is remembered far longer than their pixels: when the features of all are
 * still there, nothing is decoded again. A clip is decoded once, however many ask for it at the same time.
 */
export class ClipStore {
  readonly #options: ClipStoreOptions
  readonly #digests: LRUCache<string, readonly string[]>
  readonly #tiles: LRUCache<string, SharedArrayBuffer>
  readonly #running = new Map<string, Promise<Sampled>>()
  #decodes = 0

  constructor(options: ClipStoreOptions) {
    const { numClips = 4096, tileBytes = TILE_BYTES } = options
    this.#options = options
    this.#digests = new LRUCache({ max: numClips })
    this.#tiles = new LRUCache({ maxSize: tileBytes, sizeCalculation: tiles => tiles.byteLength })
  }

  /** Clips decoded so far. */
  get decodes(): number {
    return this.#decodes
  }

  /** SHA-256 of each frame's tile, 64 hex digits. Rejects as `sampleVideo` does. */
  async digests(clip: VideoClip): Promise<readonly string[]> {
    return this.#digests.get(clip.name) ?? (await this.#sample(clip)).digests
  }

  /** [frames, tileSize, tileSize, 3] 8-bit RGB, to be read only. Rejects as `sampleVideo` does. */
  async tiles(clip: VideoClip): Promise<SharedArrayBuffer> {
    return this.#tiles.get(clip.name) ?? (await this.#sample(clip)).tiles
  }

  /** Throws when the tiles exceed their budget or do not match the number of frames; `idle` also when one is being sampled. */
  checkIntegrity(idle: boolean): void {
    const { spec, tileBytes = TILE_BYTES } = this.#options
    if (idle && this.#running.size > 0) throw new Error(`clips: ${this.#running.size} are being sampled while idle`)
    let total = 0
    for (const [name, tiles] of this.#tiles.entries()) {
      total += tiles.byteLength
      const frames = this.#digests.peek(name)?.length
      if (frames !== undefined && frames * 3 * spec.tileSize ** 2 !== tiles.byteLength) {
        throw new Error(`clips: ${frames} frames have ${tiles.byteLength} bytes of tiles`)
      }
    }
    if (total > tileBytes) throw new Error(`clips: ${total} bytes of tiles are kept, and ${tileBytes} may be`)
  }

  #sample({ name, label, source }: VideoClip): Promise<Sampled> {
    const running = this.#running.get(name)
    if (running !== undefined) return running
    const { sample, spec, pixelLimit } = this.#options
    const tiles = new SharedArrayBuffer(countFrames(source) * 3 * spec.tileSize ** 2)
    this.#decodes++
    const sampled = sample({ op: 'sample', source, spec, label, pixelLimit, tiles })
      .then(({ digests }) => {
        this.#digests.set(name, digests)
        this.#tiles.set(name, tiles)
        return { digests, tiles }
      })
      .finally(() => this.#running.delete(name))
    this.#running.set(name, sampled)
    return sampled
  }
}

export function countFrames(source: FrameSource): number {
  return source.kind === 'file' ? source.frames : source.pictures.length
}

/** Reads all bytes once, for the name. */
export function describeClip(label: string, source: FrameSource): VideoClip {
  const hash = createHash('sha256')
  if (source.kind === 'file') hash.update(`file ${source.frames}\n`).update(source.bytes)
  else for (const { bytes } of source.pictures) hash.update(`picture ${bytes.length}\n`).update(bytes)
  return { name: hash.digest('hex'), label, source }
}
