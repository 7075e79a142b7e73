import { EngineError } from '../protocol/error.js'
import type { ModelId } from './model-id.js'
import { explain, TransientFailure } from './transient-failure.js'

export interface HubAccess {
  /** Address of the hub or of a mirror, without a slash at the end. */
  readonly endpoint: string
  /** Sent to the endpoint alone, never to the servers that it redirects to. */
  readonly token: string | null
}

export interface HubFile {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** sha256 of a file in large-file storage; of others the sha1 that git gives a blob. */
  readonly digest: { readonly kind: 'sha256' | 'git-blob'; readonly value: string }
}

/** An answer to a listing is small: one that takes longer will not come. */
const LISTING_MS = 30_000

/**
 * The hub's API through its own package, and the bytes of files by `fetch`: the package's reader can neither be aborted
 * nor tell that a server ignored the range it was asked for.
 *
 * Every method rejects with TransientFailure for what may go well another time, with EngineError for a refusal.
 */
export class HubClient {
  readonly endpoint: string
  readonly #token: string | null
  readonly #stallMs: number
  readonly #signal: AbortSignal

  /** `stallMs`: silence after which a transfer counts as broken. */
  constructor(access: HubAccess, stallMs: number, signal: AbortSignal) {
    this.endpoint = access.endpoint
    this.#token = access.token
    this.#stallMs = stallMs
    this.#signal = signal
  }

  /** The commit that a revision stands for now. */
  async resolveCommit(id: ModelId): Promise<string> {
    return this.#ask(id, async fetch => {
      const { modelInfo } = await import('@huggingface/hub')
      const { repository: name, revision } = id
      const { sha } = await modelInfo({ name, revision, additionalFields: ['sha'], hubUrl: this.endpoint, fetch })
      if (typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha)) return sha
      throw failed(id, `${this.endpoint} gave ${JSON.stringify(sha)} as the commit of ${revision}.`)
    })
  }

  /** Files at the top of the repository; a model has none elsewhere. */
  async listFiles(id: ModelId, commit: string): Promise<readonly HubFile[]> {
    return this.#ask(id, async fetch => {
      const { listFiles } = await import('@huggingface/hub')
      const repo = { type: 'model', name: id.repository } as const
      const files: HubFile[] = []
      for await (const entry of listFiles({ repo, revision: commit, hubUrl: this.endpoint, fetch })) {
        const { type, path: name, size, oid, lfs } = entry
        if (type !== 'file' || !/^[\w.-]+$/.test(name)) continue
        if (lfs !== undefined) files.push({ name, size: lfs.size, digest: { kind: 'sha256', value: lfs.oid } })
        else if (oid !== undefined) files.push({ name, size, digest: { kind: 'git-blob', value: oid } })
      }
      const strange = files.find(({ digest }) => !/^[0-9a-f]{40,64}$/.test(digest.value))
      if (strange) throw failed(id, `the checksum "${strange.digest.value}" of ${strange.name} is none.`)
      return files
    })
  }

  /** The bytes of a file from `from` on. Ends early without an error where the server does. */
  async *read(id: ModelId, commit: string, name: string, from: number): AsyncGenerator<Uint8Array> {
    const stalled = new AbortController()
    const timer = setTimeout(
      () => stalled.abort(new Error(`nothing came for ${this.#stallMs / 1000} seconds`)),
      this.#stallMs,
    )
    try {
      const response = await fetch(`${this.endpoint}/${id.repository}/resolve/${commit}/${encodeURIComponent(name)}`, {
        // A range counts the bytes that are sent: compressed, they would be others than those of the file.
        headers: { ...this.#headers(), 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) },
        signal: AbortSignal.any([this.#signal, stalled.signal]),
      })
      if (!response.ok) throw refusal(id, this.endpoint, response.status, await response.text(), response.headers)
      if (response.body === null) return
      let unwanted = from - rangeStart(response)
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        timer.refresh()
        if (unwanted < chunk.length) yield chunk.subarray(Math.max(0, unwanted))
        unwanted -= Math.min(chunk.length, Math.max(0, unwanted))
      }
    } catch (error) {
      throw this.#classify(stalled.signal.aborted ? stalled.signal.reason : error)
    } finally {
      clearTimeout(timer)
      // Closes the connection of a transfer that nobody reads to its end.
      stalled.abort()
    }
  }

  async #ask<T>(id: ModelId, question: (get: typeof fetch) => Promise<T>): Promise<T> {
    const get: typeof fetch = async (address, options) => {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(LISTING_MS)])
      const response = await fetch(address, {
        ...options,
        headers: { ...options?.headers, ...this.#headers() },
        signal,
      })
      if (response.ok) return response
      throw refusal(id, this.endpoint, response.status, await response.text(), response.headers)
    }
    return question(get).catch((error: unknown) => {
      throw this.#classify(error)
    })
  }

  #headers(): Record<string, string> {
    return { 'user-agent': 'radiant', ...(this.#token !== null && { authorization: `Bearer ${this.#token}` }) }
  }

  /** What fetch throws of itself is a matter of the network, unless the caller wanted the end. */
  #classify(error: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason
    if (EngineError.isInstance(error) || error instanceof TransientFailure) return error
    return new TransientFailure(`${this.endpoint}: ${explain(error)}`, { cause: error })
  }
}

/** First byte of what an answer holds: 0 for a server that ignored the range. */
function rangeStart({ status, headers }: Response): number {
  if (status !== 206) return 0
  const range = headers.get('content-range') ?? ''
  const [, start] = /^bytes (\d+)-/.exec(range) ?? []
  if (start === undefined) throw new TransientFailure(`the server answered a range with "${range}"`)
  return Number(start)
}

function refusal(id: ModelId, endpoint: string, status: number, body: string, headers: Headers): Error {
  const said = `${endpoint} answered ${status}${reasonIn(body, headers)}`
  if (status === 404) {
    const what = `${said}; is the name right, and the revision "${id.revision}"?`
    return new EngineError('MODEL_NOT_FOUND', { path: id.text, what })
  }
  // Hubs answer 401 for names that do not exist too, lest private ones can be guessed.
  if (status === 401) return failed(id, `${said}; either there is no such model, or HF_TOKEN must hold a token for it.`)
  if (status === 403) return failed(id, `${said}; ask for access on its page, and set HF_TOKEN.`)
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers.get('retry-after') ?? 0)
    return new TransientFailure(said, { retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0 })
  }
  return failed(id, `${said}.`)
}

function reasonIn(body: string, headers: Headers): string {
  const stated = headers.get('x-error-message')
  if (stated !== null) return `: ${stated}`
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    return typeof error === 'string' ? `: ${error}` : ''
  } catch {
    return ''
  }
}

function failed({ text: model }: ModelId, what: string): EngineError {
  return new EngineError('MODEL_DOWNLOAD_FAILED', { model, what })
}
