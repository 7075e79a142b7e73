import { createHash } from 'node:crypto'
import type { ImageValue } from './types.js'

/** A picture in a session's user turn. */
export interface ImageHole {
  readonly kind: 'picture'
  readonly value: ImageValue
}

/** A picture for a session: chat.user`${image('receipt.png')} What is the total?` Programs take theirs as inputs. */
export function image(value: ImageValue): ImageHole {
  return { kind: 'picture', value }
}

/** Equal for the same place or the same bytes: SHA-256 of the bytes, or the URL or path. */
export function pictureKey(value: ImageValue): string {
  return value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : String(value)
}
