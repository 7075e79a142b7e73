import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { HubFile } from './hub-client.js'
import { isCommit, type ModelId } from './model-id.js'
import { findMissing, type RepositoryKind, WEIGHT_INDEX } from './needed-files.js'

const PARTIAL = '.incomplete'
/** A partial file that nobody wrote to for this long has lost its writer, wherever that ran. */
const ABANDONED_MS = 10 * 60_000

let serial = 0

/**
 * One repository in the cache, laid out as huggingface_hub does, so that both find what the other fetched:
 *
 *   models--org--name/blobs/DIGEST             contents
 *   models--org--name/snapshots/COMMIT/NAME    links to them
 *   models--org--name/refs/REVISION            a commit
 *
 * Everything appears under its name whole or not at all. Processes may share a cache: each writes partial files of
 * its own, `blobs/DIGEST.HOST-PID-N.incomplete`, and goes on with one whose writer has gone after renaming it.
 */
export class HubCache {
  readonly #id: ModelId
  readonly #folder: string

  constructor(root: string, id: ModelId) {
    this.#id = id
    this.#folder = join(root, `models--${id.repository.replace('/', '--')}`)
  }

  /** The commit that the revision stood for when it was fetched last; null when it never was. */
  async readCommit(): Promise<string | null> {
    const { revision } = this.#id
    if (isCommit(revision)) return revision
    const commit = (await readFile(this.#reference(), 'utf8').catch(() => '')).trim()
    return isCommit(commit) ? commit : null
  }

  async writeCommit(commit: string): Promise<void> {
    const path = this.#reference()
    await mkdir(join(path, '..'), { recursive: true })
    const temporary = `${path}.${uniqueName()}`
    await writeFile(temporary, commit)
    await rename(temporary, path)
  }

  snapshot(commit: string): string {
    return join(this.#folder, 'snapshots', commit)
  }

  /** The first file that is lacking in the snapshot; null when it is complete. */
  async findMissing(commit: string, kind: RepositoryKind): Promise<string | null> {
    const folder = this.snapshot(commit)
    const listed = await readdir(folder).catch(() => [])
    const present = await Promise.all(listed.map(async name => (await sizeOf(join(folder, name))) !== null))
    const names = new Set(listed.filter((_, index) => present[index]))
    return findMissing(this.#id.text, names, await this.readIndex(commit), kind)
  }

  /** Text of the index of the weights; null where the snapshot has none. */
  async readIndex(commit: string): Promise<string | null> {
    return readFile(join(this.snapshot(commit), WEIGHT_INDEX), 'utf8').catch(() => null)
  }

  /** Whether the file is in the snapshot; one whose contents are in the cache already is linked into it. */
  async holds(commit: string, file: HubFile): Promise<boolean> {
    const path = join(this.snapshot(commit), file.name)
    if ((await sizeOf(path)) === file.size) return true
    if ((await sizeOf(this.#blob(file))) !== file.size) return false
    await this.#link(commit, file)
    return true
  }

  /** A path to write the file to, this process's alone; it holds the file's beginning where one was left behind. */
  async claimPartial(file: HubFile): Promise<string> {
    const folder = join(this.#folder, 'blobs')
    await mkdir(folder, { recursive: true })
    const own = join(folder, `${file.digest.value}.${uniqueName()}${PARTIAL}`)
    for (const name of await readdir(folder)) {
      if (!name.startsWith(`${file.digest.value}.`) || !name.endsWith(PARTIAL)) continue
      const found = join(folder, name)
      if (!(await isAbandoned(found, name))) continue
      // Of two processes that see the same partial file one renames it; the other finds it gone.
      const isClaimed = await rename(found, own).then(
        () => true,
        () => false,
      )
      if (isClaimed) break
    }
    return own
  }

  /** Bytes of the partial files of this content that nobody writes to: what claimPartial would go on with. */
  async partialBytes(file: HubFile): Promise<number> {
    const folder = join(this.#folder, 'blobs')
    let most = 0
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.startsWith(`${file.digest.value}.`) || !name.endsWith(PARTIAL)) continue
      const found = join(folder, name)
      if (await isAbandoned(found, name)) most = Math.max(most, (await sizeOf(found)) ?? 0)
    }
    return Math.min(most, file.size)
  }

  /** Gives a complete and checked partial file its name. */
  async place(commit: string, file: HubFile, partial: string): Promise<void> {
    await rename(partial, this.#blob(file))
    await this.#link(commit, file)
  }

  #link(commit: string, file: HubFile): Promise<void> {
    return linkFile(join('..', '..', 'blobs', file.digest.value), this.#blob(file), this.snapshot(commit), file.name)
  }

  #blob(file: HubFile): string {
    return join(this.#folder, 'blobs', file.digest.value)
  }

  #reference(): string {
    return join(this.#folder, 'refs', ...this.#id.revision.split('/'))
  }
}

/** Makes `folder/name` a link to a file, which `target` names as seen from there and `file` from here. */
export async function linkFile(target: string, file: string, folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${name}.${uniqueName()}`)
  // Windows wants a privilege for symbolic links, and some file systems know no links at all.
  await symlink(target, temporary)
    .catch(() => link(file, temporary))
    .catch(() => copyFile(file, temporary))
  await rename(temporary, join(folder, name)).catch(async (error: unknown) => {
    await rm(temporary, { force: true })
    throw error
  })
}

function uniqueName(): string {
  return `${hostname().replace(/[^\w]/g, '_')}-${process.pid}-${++serial}`
}

/** Whether the writer of a partial file ended. A file without a writer's name comes from another program. */
async function isAbandoned(path: string, name: string): Promise<boolean> {
  const facts = await stat(path).catch(() => null)
  if (facts === null) return false
  if (Date.now() - facts.mtimeMs > ABANDONED_MS) return true
  const [, host, writer] = /\.(\w+)-(\d+)-\d+\.incomplete$/.exec(name) ?? []
  return host === hostname().replace(/[^\w]/g, '_') && !isRunning(Number(writer))
}

function isRunning(writer: number): boolean {
  try {
    // Signal 0 is not sent; it asks whether one could be.
    process.kill(writer, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Bytes of a file, through links; null for anything else. */
async function sizeOf(path: string): Promise<number | null> {
  const facts = await stat(path).catch(() => null)
  return facts?.isFile() ? facts.size : null
}
