import type { VideoSource } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import { type ClipStore, countFrames, describeClip, type VideoClip } from '../vision/clip-store.js'
import { imageKey, specFingerprint } from '../vision/key.js'
import type { VisionSpec } from '../vision/spec.js'
import { fitVideo, planVideo, type VideoSpec, videoTokens } from '../vision/video.js'
import type { PlannedPicture } from './planned-picture.js'

export interface VideoPlannerOptions {
  readonly spec: VideoSpec
  /** Preprocessing of a frame. */
  readonly frameSpec: VisionSpec
  readonly modelFingerprint: string
  readonly clips: ClipStore
  readonly contextLength: number
}

const DEFAULT_FRAMES = { hf: 8, orig: 32 } as const

/** Videos -> frames, each of which is a picture of its own to the caches: clips that share frames share work. */
export class VideoPlanner {
  readonly #options: VideoPlannerOptions

  constructor(options: VideoPlannerOptions) {
    this.#options = options
  }

  /** Decides the number of frames; looks at no bytes but for the clip's name. Throws REQUEST_INVALID. */
  describe(video: VideoSource, index: number): VideoClip {
    const label = video.label ?? `video ${index + 1}`
    if ('pictures' in video) {
      if (video.pictures.length === 0) throw refuse(`${label} is a list of no frames.`)
      const pictures = video.pictures.map(({ bytes, label: name }, at) => {
        return { bytes, label: name ?? `frame ${at + 1} of ${label}` }
      })
      return describeClip(label, { kind: 'pictures', pictures })
    }
    const frames = video.frames ?? DEFAULT_FRAMES[this.#options.spec.profile]
    if (!Number.isSafeInteger(frames) || frames < 1) {
      throw refuse(`${label} is to be sampled at ${frames} frames; a whole number from 1 was expected.`)
    }
    return describeClip(label, { kind: 'file', bytes: video.bytes, frames })
  }

  tokens(clip: VideoClip): number {
    return videoTokens(countFrames(clip.source), this.#options.spec)
  }

  /**
   * Before anything is decoded.
   * @param otherTokens of the prompt beside all videos; @param room that must be left for the answer.
   * @throws EngineError VIDEO_TOO_LONG, which says how many frames of the longest clip would fit.
   */
  checkFit(clips: readonly VideoClip[], otherTokens: number, room: number): void {
    const { spec, contextLength } = this.#options
    const total = clips.reduce((sum, clip) => sum + this.tokens(clip), otherTokens)
    if (total + room <= contextLength || clips.length === 0) return
    const longest = clips.reduce((most, clip) => (this.tokens(clip) > this.tokens(most) ? clip : most))
    const beside = { contextLength, otherTokens: total - this.tokens(longest), reserve: room }
    const { message, frames } = fitVideo(countFrames(longest.source), spec, beside)
    throw new EngineError('VIDEO_TOO_LONG', { label: longest.label, what: message, frames })
  }

  /** The frames in their order; decodes the clip unless its frames are remembered. Rejects as `ClipStore.digests` does. */
  async plan(clip: VideoClip): Promise<PlannedPicture[]> {
    const digests = await this.#options.clips.digests(clip)
    const inner = this.#layout(false)
    const last = this.#layout(true)
    return digests.map((digest, index) => {
      const { plan, fingerprint } = index === digests.length - 1 ? last : inner
      return {
        key: imageKey(Buffer.from(digest, 'hex'), fingerprint),
        label: `frame ${index + 1} of ${clip.label}`,
        plan,
        source: { kind: 'frame', clip, index, pooled: this.#options.spec.poolPlace === 'before' },
      }
    })
  }

  /** How one frame becomes rows. A newline that ends the clip belongs to its last frame, which is another picture for it. */
  #layout(isLast: boolean) {
    const { spec, frameSpec, modelFingerprint } = this.#options
    const newline = spec.newline === 'one-token' ? (isLast ? 'frame' : 'none') : spec.newline
    const video: VideoSpec = { ...spec, newline }
    const { tokens, packing } = planVideo(1, video)
    const fingerprint = specFingerprint({ ...frameSpec, video }, modelFingerprint)
    return { plan: { views: 1, tokens, packing }, fingerprint }
  }
}

function refuse(what: string): EngineError {
  return new EngineError('REQUEST_INVALID', { what })
}
