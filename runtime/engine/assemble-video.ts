import type { ModelInfo } from '../runner/model-runner.js'
import type { WorkerPool } from '../runner/pool.js'
import { ClipStore } from '../vision/clip-store.js'
import type { VisionSpec } from '../vision/spec.js'
import { frameSpec } from '../vision/video.js'
import { videoSpec } from '../vision/video-spec.js'
import type { BuilderVideo } from './prompt-builder.js'
import { VideoPlanner } from './video-planner.js'

/** What the parts of an engine need for a model that takes video. */
export interface VideoParts {
  readonly builder: BuilderVideo
  readonly frames: { readonly clips: ClipStore; readonly spec: VisionSpec }
}

export interface VideoContext {
  readonly preprocessing: WorkerPool
  readonly contextLength: number
  readonly pixelLimit: number
}

/** null: the model takes no video. Throws MODEL_UNSUPPORTED for one whose way with videos is not known. */
export function assembleVideo(info: ModelInfo, pictures: VisionSpec, context: VideoContext): VideoParts | null {
  const spec = videoSpec(info, pictures)
  if (spec === null || info.video === undefined) return null
  const { preprocessing, contextLength, pixelLimit } = context
  const frames = frameSpec(pictures)
  const clips = new ClipStore({ sample: request => preprocessing.call(request), spec: frames, pixelLimit })
  const modelFingerprint = info.fingerprint
  const planner = new VideoPlanner({ spec, frameSpec: frames, modelFingerprint, clips, contextLength })
  return { builder: { tokenId: info.video.tokenId, planner }, frames: { clips, spec: frames } }
}
