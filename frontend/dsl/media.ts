import { createHash } from 'node:crypto'
import type { ImageValue, VideoValue } from './types.js'

/** A picture or video in a session's user turn. */
export type MediaHole =
  | { readonly kind: 'media'; readonly type: 'image'; readonly value: ImageValue }
  | { readonly kind: 'media'; readonly type: 'video'; readonly value: VideoValue }

/** A picture for a session: chat.user`${image('receipt.png')} What is the total?` Programs take theirs as inputs. */
export function image(value: ImageValue): MediaHole {
  return { kind: 'media', type: 'image', value }
}

/** A video for a session: chat.user`${video('drive.mp4')} Who has the right of way?` */
export function video(value: VideoValue): MediaHole {
  return { kind: 'media', type: 'video', value }
}

/** Equal for the same place or the same bytes: SHA-256 of the bytes, or the URL or path, for each file of the hole. */
export function mediaKey({ type, value }: MediaHole): string {
  if (Array.isArray(value)) return `${type} ${value.map(fileKey).join(' ')}`
  const { file, frames } = isSampled(value) ? value : { file: value as ImageValue, frames: '' }
  return `${type} ${frames} ${fileKey(file)}`
}

const fileKey = (value: ImageValue): string =>
  value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : String(value)

const isSampled = (value: VideoValue): value is { readonly file: ImageValue; readonly frames: number } =>
  typeof value === 'object' && 'file' in value
