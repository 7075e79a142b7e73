import type { ErrorCode, ErrorData } from '../protocol/error.js'
import type { Orientation, Size, VisionSpec } from './spec.js'

/** All that passes between the engine and the preprocessing workers. A worker never throws: failures are data. */
export type VisionRequest = MeasureRequest | PreprocessRequest | SampleRequest | NormaliseRequest

/** Size of a picture by its header. */
export interface MeasureRequest {
  readonly op: 'measure'
  readonly bytes: Uint8Array
  readonly orientation: Orientation
  readonly label?: string
  /** Most pixels that are decoded. Default 100 million. */
  readonly pixelLimit?: number
}

/** Decodes, scales and normalises a picture into its views. */
export interface PreprocessRequest {
  readonly op: 'preprocess'
  readonly bytes: Uint8Array
  readonly spec: VisionSpec
  readonly label?: string
  readonly pixelLimit?: number
  /** [views, 3, tileSize, tileSize] float32 is written here from byte `offset` (a multiple of 4) on. The caller owns the range until the reply. */
  readonly pixels: SharedArrayBuffer
  readonly offset: number
}

export interface PreprocessSummary extends Size {
  readonly views: number
  readonly tokens: number
  /** Floats written from `offset` on. */
  readonly floats: number
}

/** Takes frames from a video and scales each to the tile that the tower sees. */
export interface SampleRequest {
  readonly op: 'sample'
  readonly source: FrameSource
  /** That of frames; its profile says which are taken. */
  readonly spec: VisionSpec
  readonly label: string
  readonly pixelLimit?: number
  /** [frames, tileSize, tileSize, 3] 8-bit RGB is written here. The caller owns it again from the reply on. */
  readonly tiles: SharedArrayBuffer
}

/** A file of which `frames` are sampled, or pictures that are all taken. */
export type FrameSource =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly frames: number }
  | { readonly kind: 'pictures'; readonly pictures: readonly { readonly bytes: Uint8Array; readonly label: string }[] }

export interface SampleSummary {
  /** SHA-256 of each tile, 64 hex digits. */
  readonly digests: readonly string[]
}

/** Normalises a tile that is there already. */
export interface NormaliseRequest {
  readonly op: 'normalise'
  /** As a SampleRequest has them. */
  readonly tiles: SharedArrayBuffer
  readonly tile: number
  readonly spec: VisionSpec
  /** [1, 3, tileSize, tileSize] float32 is written here from byte `offset` on; see PreprocessRequest. */
  readonly pixels: SharedArrayBuffer
  readonly offset: number
}

export interface VisionReplies {
  readonly measure: Size
  readonly preprocess: PreprocessSummary
  readonly sample: SampleSummary
  readonly normalise: null
}

export type VisionReply<Op extends VisionRequest['op'] = VisionRequest['op']> =
  | { readonly ok: true; readonly value: VisionReplies[Op] }
  | { readonly ok: false; readonly error: { readonly code: ErrorCode; readonly data: ErrorData } }
