import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { KernelFailure } from '../failure.js'

/**
 * Graphs on disk, by the hash of what they were made from. In the cache folder:
 *
 *   <key>.json          names the folder that holds the graph, and its files with their sizes
 *   <key>-<random>/     graph.onnx, weights.bin
 *   building-<random>/  one being written; left behind only by a process that was killed
 *
 * An entry exists once <key>.json does, and that file appears in one step. Two processes that build the same graph
 * each write a folder of their own; the first to publish wins and the other takes the winner's.
 */
interface Entry {
  readonly folder: string
  readonly files: readonly { readonly name: string; readonly size: number }[]
}

/** Folders of killed builders are removed after this long. */
const ABANDONED_MS = 24 * 60 * 60 * 1000

export interface CachedGraph {
  readonly folder: string
  /** false: built by this call. */
  readonly cached: boolean
}

/** `facts` must name everything that the graph depends on. */
export function cacheKey(facts: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)
}

/**
 * The folder of the graph with this key, built by `build` (into a folder that exists and is empty) when there is none
 * or when its files no longer have their sizes. Throws KERNEL_FAILED when the cache folder cannot be written.
 */
export async function findOrBuild(
  cachePath: string,
  key: string,
  build: (folder: string) => Promise<void>,
): Promise<CachedGraph> {
  const found = await findEntry(cachePath, key)
  if (found !== null) return { folder: found, cached: true }
  const temporary = join(cachePath, `building-${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(temporary, { recursive: true })
  } catch (error) {
    throw asFailure(cachePath, error)
  }
  try {
    await removeAbandoned(cachePath)
    await build(temporary)
    return await publish(cachePath, key, temporary)
  } catch (error) {
    throw asFailure(cachePath, error)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

function asFailure(cachePath: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  const what = `the folder of built graphs, ${cachePath}, cannot be written (${error.code}).`
  return new KernelFailure('KERNEL_FAILED', { what }, { cause: error })
}

async function publish(cachePath: string, key: string, temporary: string): Promise<CachedGraph> {
  const name = `${key}-${randomBytes(8).toString('hex')}`
  const files: { name: string; size: number }[] = []
  for (const file of (await readdir(temporary)).sort()) {
    files.push({ name: file, size: (await stat(join(temporary, file))).size })
  }
  const record = join(temporary, 'entry.json')
  const handle = await open(record, 'wx')
  try {
    await handle.writeFile(JSON.stringify({ folder: name, files } satisfies Entry))
    // Without this a power failure could leave the entry's name in place and its content empty.
    await handle.sync()
  } finally {
    await handle.close()
  }
  const folder = join(cachePath, name)
  const entry = join(cachePath, `${key}.json`)
  await rename(temporary, folder)
  try {
    // Unlike rename, link fails when another process has published in the meantime.
    await link(join(folder, 'entry.json'), entry)
  } catch (error) {
    if (!isSystemError(error)) throw error
    // Some file systems have no hard links; there the last to publish wins, and the other's folder stays usable.
    if (error.code !== 'EEXIST') {
      await rename(join(folder, 'entry.json'), entry)
      return { folder, cached: false }
    }
    const winner = await findEntry(cachePath, key)
    if (winner !== null) {
      await rm(folder, { recursive: true, force: true })
      return { folder: winner, cached: true }
    }
    await replaceDamaged(cachePath, entry, folder)
  }
  return { folder, cached: false }
}

async function replaceDamaged(cachePath: string, entry: string, folder: string): Promise<void> {
  const damaged = await readEntry(entry)
  await rename(join(folder, 'entry.json'), entry)
  if (damaged !== null) await rm(join(cachePath, damaged.folder), { recursive: true, force: true })
}

async function findEntry(cachePath: string, key: string): Promise<string | null> {
  const entry = await readEntry(join(cachePath, `${key}.json`))
  if (entry === null) return null
  for (const { name, size } of entry.files) {
    const status = await stat(join(cachePath, entry.folder, name)).catch(() => null)
    if (status?.size !== size) return null
  }
  return join(cachePath, entry.folder)
}

/** null for an entry that is absent or is not one of ours. */
async function readEntry(file: string): Promise<Entry | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const parsed = JSON.parse(text) as Partial<Entry>
    // The folder's name is joined to a path that may be deleted: it must not lead elsewhere.
    const named = typeof parsed.folder === 'string' && /^[0-9a-f]+-[0-9a-f]+$/.test(parsed.folder)
    return named && Array.isArray(parsed.files) && parsed.files.length > 0 ? (parsed as Entry) : null
  } catch {
    return null
  }
}

async function removeAbandoned(cachePath: string): Promise<void> {
  for (const name of await readdir(cachePath)) {
    if (!name.startsWith('building-')) continue
    const status = await stat(join(cachePath, name)).catch(() => null)
    if (status !== null && Date.now() - status.mtimeMs > ABANDONED_MS) {
      await rm(join(cachePath, name), { recursive: true, force: true })
    }
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
