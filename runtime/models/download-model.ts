import { channel } from 'node:diagnostics_channel'
import { rm, stat, statfs } from 'node:fs/promises'
import { DOWNLOAD_CHANNEL, type DownloadProgress } from '../protocol/download.js'
import { EngineError } from '../protocol/error.js'
import { fetchFile } from './fetch-file.js'
import { HubCache } from './hub-cache.js'
import { type HubAccess, HubClient, type HubFile } from './hub-client.js'
import { isCommit, type ModelId } from './model-id.js'
import { chooseDescriptions, chooseWeights, type RepositoryKind } from './needed-files.js'
import { explain, pause, TransientFailure } from './transient-failure.js'

export interface DownloadOptions {
  /** Folder of all cached models, as huggingface_hub lays it out. */
  readonly cachePath: string
  /** Nothing is fetched: what is not in the cache is an error. */
  readonly offline: boolean
  readonly hub: HubAccess
  /** Default 'model'. */
  readonly kind?: RepositoryKind
  /** Files fetched at once. Default 4. */
  readonly concurrency?: number
  /** Silence after which a transfer counts as broken. Default one minute. */
  readonly stallMs?: number
  /** Wait before a first repetition. Default half a second. */
  readonly retryMs?: number
  readonly signal?: AbortSignal
}

const MAX_LISTING_ATTEMPTS = 4
const REPORT_MS = 100

/**
 * Folder with the files of a model, fetched as far as they are not in the cache. A hub that cannot be reached is no
 * error when the cache has the revision. Progress goes to the DOWNLOAD_CHANNEL.
 *
 * @throws EngineError MODEL_OFFLINE, MODEL_DOWNLOAD_FAILED, MODEL_NOT_FOUND, MODEL_UNSUPPORTED, MODEL_CORRUPT, or the
 *   signal's reason. What came so far is kept, and the next call goes on from there.
 */
export async function downloadModel(id: ModelId, options: DownloadOptions): Promise<string> {
  const cache = new HubCache(options.cachePath, id)
  const cached = await cache.readCommit()
  const missing = cached === null ? 'all of it' : await cache.findMissing(cached, options.kind ?? 'model')
  const isComplete = cached !== null && missing === null
  // A commit never changes, so there is nothing to ask for.
  if (isComplete && (options.offline || isCommit(id.revision))) return cache.snapshot(cached)
  if (options.offline) {
    const what = `${missing} is missing in ${options.cachePath}; fetch it once with RADIANT_OFFLINE unset.`
    throw new EngineError('MODEL_OFFLINE', { model: id.text, what })
  }
  const { retryMs = 500, stallMs = 60_000 } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])])
  const client = new HubClient(options.hub, stallMs, signal)
  try {
    const attempts = isComplete ? 1 : MAX_LISTING_ATTEMPTS
    const commit = await repeat(attempts, retryMs, signal, () => client.resolveCommit(id)).catch((error: unknown) => {
      if (isComplete && error instanceof TransientFailure) return cached
      throw error
    })
    if (commit === cached && isComplete) return cache.snapshot(commit)
    const files = await repeat(MAX_LISTING_ATTEMPTS, retryMs, signal, () => client.listFiles(id, commit))
    await new Download(id, commit, files, cache, client, { ...options, retryMs, signal }, stop).run()
    await cache.writeCommit(commit)
    return cache.snapshot(commit)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (EngineError.isInstance(error)) throw error
    const what = `${explain(error)}. What came so far is kept; another attempt goes on from there.`
    throw new EngineError('MODEL_DOWNLOAD_FAILED', { model: id.text, what }, { cause: error })
  }
}

type RunOptions = DownloadOptions & { readonly retryMs: number; readonly signal: AbortSignal }

class Download {
  readonly #files: ReadonlyMap<string, HubFile>
  /** Bytes in the cache by name. */
  readonly #lengths = new Map<string, number>()
  #totalBytes: number
  #reportedAt = 0

  constructor(
    readonly id: ModelId,
    readonly commit: string,
    files: readonly HubFile[],
    readonly cache: HubCache,
    readonly client: HubClient,
    readonly options: RunOptions,
    readonly stop: AbortController,
  ) {
    this.#files = new Map(files.map(file => [file.name, file]))
    this.#totalBytes = 0
  }

  async run(): Promise<void> {
    const { text } = this.id
    const names = new Set(this.#files.keys())
    const descriptions = chooseDescriptions(text, names, this.options.kind).map(name => this.#file(name))
    // Until the index has come, every weight file counts: a total that jumps up would be worse.
    const likely = [...this.#files.values()].filter(({ name }) => name.endsWith('.safetensors'))
    this.#totalBytes = sumBytes([...descriptions, ...likely])
    try {
      await this.#fetchAll(descriptions)
      const index = await this.cache.readIndex(this.commit)
      const weights = chooseWeights(text, index).map(name => this.#file(name))
      this.#totalBytes = sumBytes([...descriptions, ...weights])
      await this.#fetchAll(weights)
    } finally {
      this.#report('ended')
    }
  }

  #file(name: string): HubFile {
    const file = this.#files.get(name)
    if (file !== undefined) return file
    const what = `${name} is listed in its index, and the repository does not have it.`
    throw new EngineError('MODEL_CORRUPT', { path: this.id.text, what })
  }

  /** Fetches what the cache lacks, a few files at a time. The first failure stops the others. */
  async #fetchAll(files: readonly HubFile[]): Promise<void> {
    const pending: HubFile[] = []
    for (const file of files) {
      if (await this.cache.holds(this.commit, file)) this.#lengths.set(file.name, file.size)
      else pending.push(file)
    }
    if (pending.length === 0) return
    await this.#checkSpace(pending)
    const queue = pending.values()
    const drain = async (): Promise<void> => {
      for (const file of queue) await this.#fetch(file)
    }
    const drains = Array.from({ length: this.options.concurrency ?? 4 }, () =>
      drain().catch((error: unknown) => {
        this.stop.abort(error)
        throw error
      }),
    )
    // All have closed their files before anybody is told, and what stopped the others is the reason.
    await Promise.allSettled(drains)
    this.stop.signal.throwIfAborted()
  }

  async #fetch(file: HubFile): Promise<void> {
    const { id, commit, cache, client } = this
    const partial = await cache.claimPartial(file)
    await fetchFile(file, partial, from => client.read(id, commit, file.name, from), {
      retryMs: this.options.retryMs,
      signal: this.options.signal,
      onLength: bytes => {
        this.#lengths.set(file.name, bytes)
        this.#report('running')
      },
    }).catch(async (error: unknown) => {
      if ((await stat(partial).catch(() => null))?.size === 0) await rm(partial, { force: true })
      throw error
    })
    await cache.place(commit, file, partial)
  }

  /** A disk that fills up after an hour says so now. */
  async #checkSpace(files: readonly HubFile[]): Promise<void> {
    const disk = await statfs(this.options.cachePath).catch(() => null)
    const free = disk === null ? Infinity : disk.bavail * disk.bsize
    const begun = await Promise.all(files.map(file => this.cache.partialBytes(file)))
    const wanted = sumBytes(files) - begun.reduce((sum, bytes) => sum + bytes, 0)
    if (wanted <= free) return
    const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1)
    const what = `${gigabytes(wanted)} GB are to come, and ${this.options.cachePath} has ${gigabytes(free)} GB left.`
    throw new EngineError('MODEL_DOWNLOAD_FAILED', { model: this.id.text, what })
  }

  #report(state: DownloadProgress['state']): void {
    const now = performance.now()
    if (state === 'running' && now - this.#reportedAt < REPORT_MS) return
    this.#reportedAt = now
    const doneBytes = [...this.#lengths.values()].reduce((sum, bytes) => sum + bytes, 0)
    const message: DownloadProgress = { model: this.id.text, state, doneBytes, totalBytes: this.#totalBytes }
    channel(DOWNLOAD_CHANNEL).publish(message)
  }
}

async function repeat<T>(attempts: number, retryMs: number, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      if (!(error instanceof TransientFailure) || attempt >= attempts) throw error
      await pause(attempt, retryMs, error, signal)
    }
  }
}

function sumBytes(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}
