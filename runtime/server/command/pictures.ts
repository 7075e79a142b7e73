import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSource } from '../../protocol/backend.js'
import { EngineError } from '../../protocol/error.js'
import { UsageError } from './arguments.js'

const PICTURE_NAME = /\.(?:png|jpe?g|webp|gif|tiff?|avif)$/i

export interface PictureList {
  readonly paths: readonly string[]
  /** One file was named: its value is wanted, not a list. */
  readonly isSingle: boolean
}

/** Folders become the pictures in them, by name, not deeper; files stay as named, there or not. Throws UsageError for a folder without any. */
export async function listPictures(given: readonly string[]): Promise<PictureList> {
  const lists = await Promise.all(given.map(expand))
  return { paths: lists.flatMap(list => list.paths), isSingle: given.length === 1 && lists[0]!.isSingle }
}

/** Throws IMAGE_NOT_FOUND or IMAGE_UNREADABLE. */
export async function readPicture(path: string): Promise<ImageSource> {
  try {
    return { bytes: await readFile(path), label: path }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new EngineError('IMAGE_NOT_FOUND', { path }, { cause: error })
    throw new EngineError('IMAGE_UNREADABLE', { label: path, what: reason(error) }, { cause: error })
  }
}

async function expand(path: string): Promise<PictureList> {
  const isFolder = await stat(path).then(
    entry => entry.isDirectory(),
    () => false,
  )
  if (!isFolder) return { paths: [path], isSingle: true }
  const names = (await readdir(path)).filter(name => PICTURE_NAME.test(name)).sort()
  if (names.length === 0)
    throw new UsageError(`The folder ${path} holds no pictures (png, jpg, webp, gif, tiff, avif).`)
  return { paths: names.map(name => join(path, name)), isSingle: false }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Why the system refused, without its code and path: "permission denied". */
export function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /^[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message
}
