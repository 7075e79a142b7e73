import type { VideoClip } from '../vision/clip-store.js'
import type { ImagePlan } from '../vision/plan.js'

/** A picture of a prompt, or a frame of one of its videos: planned, its pixels not normalised yet. */
export interface PlannedPicture {
  /** 128-bit key of what is seen, preprocessing and model, 32 hex digits. */
  readonly key: string
  readonly label: string
  readonly plan: Pick<ImagePlan, 'views' | 'tokens' | 'packing'>
  readonly source: PictureSource
}

export type PictureSource =
  | { readonly kind: 'picture'; readonly bytes: Uint8Array }
  /** `pooled`: the vision tower pools, before the connector. */
  | { readonly kind: 'frame'; readonly clip: VideoClip; readonly index: number; readonly pooled: boolean }
