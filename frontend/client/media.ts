import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ImageSource, VideoSource } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { describe } from '../ir/describe.js'

export type Refuse = (what: string) => EngineError

export const RIGHT_FILE = 'encoded bytes, a file: or data: URL, or a path'
export const RIGHT_VIDEO = `${RIGHT_FILE}, { file, frames }, or an array of pictures`

/** The encoded bytes behind a picture; nothing is decoded. Equal bytes are one picture to an engine, wherever they came from. */
export function readImage(value: unknown, refuse: Refuse): Promise<ImageSource> {
  return readSource(value, 'picture', RIGHT_FILE, refuse)
}

/** A video file's bytes, with how many frames to sample if that was said; or the pictures that are its frames. */
export async function readVideo(value: unknown, refuse: Refuse): Promise<VideoSource> {
  if (Array.isArray(value)) {
    if (value.length === 0) throw refuse('there are no frames; give at least one picture')
    return { pictures: await Promise.all(value.map(frame => readImage(frame, refuse))) }
  }
  if (typeof value !== 'object' || value === null || !('file' in value)) {
    return readSource(value, 'video', RIGHT_VIDEO, refuse)
  }
  const frames = 'frames' in value ? value.frames : undefined
  if (typeof frames !== 'number' || !Number.isSafeInteger(frames) || frames < 1) {
    throw refuse(`frames is ${describe(frames)}; it must be a whole number over 0`)
  }
  return { ...(await readSource(value.file, 'video', RIGHT_FILE, refuse)), frames }
}

type Source = { readonly bytes: Uint8Array; readonly label?: string }

async function readSource(value: unknown, what: string, right: string, refuse: Refuse): Promise<Source> {
  if (value instanceof Uint8Array) {
    if (value.length === 0) throw refuse(`the bytes are empty; give an encoded ${what}`)
    return { bytes: value }
  }
  if (typeof value === 'string' && value !== '') {
    // A scheme has two letters or more here, which spares the drives of Windows paths.
    const isUrl = /^[a-z]{2,}:/i.test(value) && URL.canParse(value)
    return isUrl ? readUrl(new URL(value), what, refuse) : readPath(value)
  }
  if (value instanceof URL) return readUrl(value, what, refuse)
  throw refuse(`${describe(value)} is no ${what}; give ${right}`)
}

async function readUrl(url: URL, what: string, refuse: Refuse): Promise<Source> {
  if (url.protocol === 'file:') return readPath(fileURLToPath(url))
  if (url.protocol !== 'data:') {
    throw refuse(`${url.protocol} URLs are not fetched; fetch the ${what} and give its bytes`)
  }
  const [, base64] = /^data:[^,]*;base64,(.+)$/s.exec(url.href) ?? []
  if (base64 === undefined) throw refuse('the data: URL holds no base64')
  return { bytes: new Uint8Array(Buffer.from(base64, 'base64')), label: `the ${what} of a data: URL` }
}

async function readPath(path: string): Promise<Source> {
  try {
    return { bytes: await readFile(path), label: basename(path) }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new EngineError('IMAGE_NOT_FOUND', { path }, { cause })
    throw new EngineError('IMAGE_UNREADABLE', { label: path, what: message }, { cause })
  }
}
