import type { ErrorCode, ErrorData } from '../protocol/error.js'
import type { Orientation, Size, VisionSpec } from './spec.js'

/** All that passes between the engine and the preprocessing workers. A worker never throws: failures are data. */
export type VisionRequest = MeasureRequest | PreprocessRequest

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

export interface VisionReplies {
  readonly measure: Size
  readonly preprocess: PreprocessSummary
}

export type VisionReply<Op extends VisionRequest['op'] = VisionRequest['op']> =
  | { readonly ok: true; readonly value: VisionReplies[Op] }
  | { readonly ok: false; readonly error: { readonly code: ErrorCode; readonly data: ErrorData } }
