import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../protocol/error.js'
import { invalid, quote } from './fields.js'
import type { ImageLoader } from './options.js'

export interface ImageLoaderOptions {
  readonly fetchesUrls: boolean
  /** Real path of the only folder that files are opened in; null opens none. */
  readonly folder: string | null
  /** Largest picture that is fetched, in bytes. Default 32 MiB. */
  readonly byteLimit?: number
  /** Largest file that is opened, in bytes. Default 256 MiB. */
  readonly fileLimit?: number
  /** Default 10000. */
  readonly timeoutMs?: number
}

/** A loader for servers whose clients may name pictures. Whoever lets it fetch URLs lets clients reach what this machine reaches. */
export function createImageLoader(options: ImageLoaderOptions): ImageLoader {
  const { fetchesUrls, folder, byteLimit = 32 * 2 ** 20, fileLimit = 256 * 2 ** 20, timeoutMs = 10_000 } = options
  return async (reference, signal) => {
    if (/^https?:/i.test(reference)) {
      if (!fetchesUrls) throw invalid(`This server fetches no pictures by URL; got ${quote(reference)}.`)
      return fetchPicture(reference, byteLimit, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    }
    if (folder === null) throw invalid(`This server opens no pictures by path; got ${quote(reference)}.`)
    return readWithin(folder, reference, fileLimit)
  }
}

async function fetchPicture(url: string, byteLimit: number, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal })
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
    const chunks: Uint8Array[] = []
    let size = 0
    // Counted while it comes: a length that a header promises binds nobody.
    for await (const chunk of response.body) {
      size += chunk.length
      if (size > byteLimit) throw new Error(`it is larger than ${byteLimit} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new EngineError('IMAGE_UNREADABLE', { label: url, what }, { cause: error })
  }
}

/** Links are followed first, so none leads outside. A path outside is told as one that does not exist. */
async function readWithin(folder: string, reference: string, fileLimit: number): Promise<Uint8Array> {
  try {
    const path = await realpath(resolve(folder, reference.startsWith('file:') ? fileURLToPath(reference) : reference))
    const inner = relative(folder, path)
    if (inner.startsWith('..') || isAbsolute(inner)) throw new Error('it lies outside the folder')
    const { size } = await stat(path)
    if (size > fileLimit)
      throw invalid(`${quote(reference)} has ${size} bytes; files of at most ${fileLimit} are opened.`)
    return await readFile(path)
  } catch (error) {
    if (EngineError.isInstance(error)) throw error
    throw new EngineError('IMAGE_NOT_FOUND', { path: reference }, { cause: error })
  }
}
