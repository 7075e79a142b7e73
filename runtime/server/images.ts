import type { ImageSource } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import { invalid, quote } from './fields.js'
import type { ImageLoader } from './options.js'

/** Turns what a request says about a picture into its bytes. `param` names the field in messages. */
export type ReadImage = (reference: string, param: string) => Promise<ImageSource>

export type ImageReference =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'remote'; readonly reference: string }

const DATA_URI = /^data:([^,]*),/s
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/
const PATH = /^(?:file:|\.{0,2}\/|~|[A-Za-z]:\\)|\.(?:png|jpe?g|webp|gif|bmp|tiff?|avif|heic|mp4|mov|webm|mkv)$/i

/**
 * A data: URI, an http(s) URL, a path, or (only where `bareBase64`) base64 by itself. A path is told from base64 by its
 * start or its ending; a base64 text longer than any path may begin with "/" (JPEG does).
 * Throws REQUEST_INVALID or IMAGE_UNREADABLE.
 */
export function parseImageReference(reference: string, param: string, bareBase64: boolean): ImageReference {
  if (reference.startsWith('data:')) return { kind: 'inline', bytes: decodeDataUri(reference, param) }
  if (/^https?:\/\//i.test(reference)) return { kind: 'remote', reference }
  const compact = reference.length > 256 || !PATH.test(reference) ? reference.replace(/\s+/g, '') : ''
  if (bareBase64 && BASE64.test(compact)) return { kind: 'inline', bytes: decodeBase64(compact, param) }
  if (PATH.test(reference)) return { kind: 'remote', reference }
  throw invalid(
    `"${param}" must be a data: URI${bareBase64 ? ', base64' : ''} or an http(s) URL; got ${quote(reference)}.`,
    param,
  )
}

/** Bytes of all that one request may name: the body that names it is a few characters long. */
const REMOTE_LIMIT = 512 * 2 ** 20

/** A reader for one request: what it names twice is loaded once, and all of it within a limit. */
export function makeReadImage(loader: ImageLoader | undefined, signal: AbortSignal, bareBase64: boolean): ReadImage {
  const loaded = new Map<string, Uint8Array>()
  let total = 0
  return async (reference, param) => {
    const parsed = parseImageReference(reference, param, bareBase64)
    if (parsed.kind === 'inline') return { bytes: parsed.bytes, label: param }
    if (loader === undefined) {
      throw invalid(
        `"${param}" names a picture (${quote(reference)}), and this server fetches none; send the bytes as a data: URI, data:image/png;base64,...`,
        param,
      )
    }
    const bytes = loaded.get(reference) ?? (await loader(reference, signal))
    if (!loaded.has(reference)) total += bytes.length
    if (total > REMOTE_LIMIT)
      throw invalid(`The pictures and videos that this request names have over ${REMOTE_LIMIT} bytes.`, param)
    loaded.set(reference, bytes)
    return { bytes, label: param }
  }
}

function decodeDataUri(uri: string, param: string): Uint8Array {
  const header = DATA_URI.exec(uri)
  if (header === null) throw unreadable(param, 'the data: URI has no comma between its type and its content.')
  const content = uri.slice(header[0].length)
  if (/;base64$/i.test(header[1]!.trim())) return decodeBase64(content.replace(/\s+/g, ''), param)
  throw unreadable(param, 'the data: URI must be base64 (data:image/png;base64,...).')
}

function decodeBase64(text: string, param: string): Uint8Array {
  if (!BASE64.test(text)) throw unreadable(param, text === '' ? 'it is empty.' : 'its base64 is malformed.')
  return Buffer.from(text, 'base64')
}

function unreadable(param: string, what: string): EngineError {
  // The parameter is all that tells a video from a picture here: `video_data[0]`, `messages[0].content[1].video_url.url`.
  const code = param.includes('video') ? 'VIDEO_UNREADABLE' : 'IMAGE_UNREADABLE'
  return new EngineError(code, { label: param, what, param })
}
