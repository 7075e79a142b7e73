import { EngineError } from '../protocol/error.js'
import type { RgbImage } from './resize.js'

/** A moving picture whose frames can be counted and, some of them, decoded. */
export interface Clip {
  /** Frames in all. */
  readonly frames: number
  /**
   * Decodes the wanted frames, each ordinal once and in no promised order; a frame is handed over before many more are
   * decoded. Throws VIDEO_UNREADABLE, VIDEO_TOO_LARGE.
   */
  read(wanted: ReadonlySet<number>, take: (ordinal: number, frame: RgbImage) => void): Promise<void>
}

export interface ClipLimits {
  /** Names the clip in errors. */
  readonly label: string
  readonly pixels: number
  readonly seconds: number
}

export function unreadable(label: string, what: string, cause?: unknown): EngineError {
  return new EngineError('VIDEO_UNREADABLE', { label, what }, { cause })
}

/** Throws VIDEO_TOO_LARGE for a frame over the limit. */
export function checkFrameSize(width: number, height: number, { label, pixels }: ClipLimits): void {
  if (width * height <= pixels) return
  const what = `its frames are ${width} x ${height} pixels; the most that is decoded is ${pixels} pixels.`
  throw new EngineError('VIDEO_TOO_LARGE', { label, what })
}

/** Throws VIDEO_TOO_LARGE for a clip over the limit. */
export function checkDuration(duration: number, { label, seconds }: ClipLimits): void {
  if (duration <= seconds) return
  const what = `it is ${Math.round(duration)} seconds long; the most that is read is ${seconds} seconds.`
  throw new EngineError('VIDEO_TOO_LARGE', { label, what })
}
