import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one answer. `truncate` and `stall` send half of what was asked for. */
export type Fault = 'truncate' | 'stall' | 'ignore-range' | 'busy'

export interface SeenRequest {
  /** The hub itself, or the server of large files that it redirects to. */
  readonly server: 'hub' | 'storage'
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

export interface HubContents {
  readonly repository: string
  readonly commit: string
  readonly files: Readonly<Record<string, Buffer>>
  /** A second repository; what else is stated here holds for both. */
  readonly other?: { readonly repository: string; readonly commit: string; readonly files: HubContents['files'] }
  /** Requests without it are refused. */
  readonly token?: string
  /** Checksums that the listing states instead of the right ones. */
  readonly statedChecksums?: Readonly<Record<string, string>>
  /** Called for every answer with bytes of a file: how often this file was asked for before, from 0. */
  readonly fault?: (name: string, times: number) => Fault | null
}

/** Imitates the routes of a model hub that a download needs, with large files behind a redirect to another origin. */
export class HubServer {
  readonly requests: SeenRequest[] = []
  contents: HubContents
  readonly #hub: Server
  readonly #storage: Server
  readonly #times = new Map<string, number>()

  private constructor(contents: HubContents) {
    this.contents = contents
    this.#hub = createServer((request, response) => this.#answerHub(request, response))
    this.#storage = createServer((request, response) => this.#answerStorage(request, response))
  }

  static async start(contents: HubContents): Promise<HubServer> {
    const server = new HubServer(contents)
    for (const each of [server.#hub, server.#storage]) {
      await new Promise<void>(resolve => each.listen(0, '127.0.0.1', resolve))
    }
    return server
  }

  get endpoint(): string {
    return addressOf(this.#hub)
  }

  /** Names of files whose bytes were asked for, in order. */
  get fetched(): readonly string[] {
    return this.requests.filter(({ path }) => path.includes('/resolve/')).map(({ path }) => path.split('/').at(-1)!)
  }

  async close(): Promise<void> {
    for (const each of [this.#hub, this.#storage]) {
      each.closeAllConnections()
      await new Promise(resolve => each.close(resolve))
    }
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, this.endpoint)
    const { token } = this.contents
    const { repository, files } = this.#repositoryOf(pathname)
    const name = pathname.split('/').at(-1)!
    this.#note('hub', request, pathname)
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      refuse(response, 401, 'Invalid username or password.')
    } else if (!pathname.includes(`/${repository}/`)) {
      refuse(response, 404, 'Repository not found')
    } else if (pathname.startsWith('/api/')) {
      this.#answerApi(pathname, Number(searchParams.get('cursor') ?? 0), response)
    } else if (files[name] === undefined) {
      refuse(response, 404, 'Entry not found')
    } else if (isLarge(name)) {
      response.writeHead(302, { location: `${addressOf(this.#storage)}/blob/${repository}/${name}?signature=x` }).end()
    } else {
      this.#sendFile(name, files, request, response)
    }
  }

  /** The one that a path names, or the first. */
  #repositoryOf(pathname: string): Pick<HubContents, 'repository' | 'commit' | 'files'> {
    const { other } = this.contents
    return other !== undefined && pathname.includes(`/${other.repository}/`) ? other : this.contents
  }

  /** Listings come in pages of five files. */
  #answerApi(pathname: string, first: number, response: ServerResponse): void {
    const { repository, commit, files } = this.#repositoryOf(pathname)
    const revision = decodeURIComponent(pathname.split('/').slice(6).join('/'))
    const names = Object.keys(files)
    const next = first + 5
    const link = `<${this.endpoint}${pathname}?cursor=${next}>; rel="next"`
    const page = names.slice(first, next).map(name => this.#entry(name, files))
    if (!['main', 'v1', commit].includes(revision)) refuse(response, 404, `Invalid rev id: ${revision}`)
    else if (pathname.includes('/revision/')) sendJson(response, { _id: '1', id: repository, sha: commit })
    else sendJson(response, page, next < names.length ? { link } : {})
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url!, 'http://storage')
    this.#note('storage', request, pathname)
    this.#sendFile(pathname.split('/').at(-1)!, this.#repositoryOf(pathname).files, request, response)
  }

  #sendFile(name: string, files: HubContents['files'], request: IncomingMessage, response: ServerResponse): void {
    const times = this.#times.get(name) ?? 0
    this.#times.set(name, times + 1)
    const fault = this.contents.fault?.(name, times) ?? null
    if (fault === 'busy') {
      refuse(response, 503, 'Come back later')
      return
    }
    const [, start = '0'] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
    const whole = files[name]!
    const from = fault === 'ignore-range' ? 0 : Number(start)
    const part = whole.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': part.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` }),
    })
    if (fault === 'truncate' || fault === 'stall') {
      response.write(part.subarray(0, part.length >> 1), () => {
        if (fault === 'truncate') response.destroy()
      })
    } else {
      response.end(part)
    }
  }

  #entry(name: string, files: HubContents['files']) {
    const bytes = files[name]!
    const stated = this.contents.statedChecksums?.[name]
    const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
    if (!isLarge(name)) return { type: 'file', path: name, size: bytes.length, oid: stated ?? blob }
    const oid = stated ?? createHash('sha256').update(bytes).digest('hex')
    return {
      type: 'file',
      path: name,
      size: bytes.length,
      oid: blob,
      lfs: { oid, size: bytes.length, pointerSize: 130 },
    }
  }

  #note(server: SeenRequest['server'], { headers }: IncomingMessage, path: string): void {
    this.requests.push({ server, path, range: headers.range, authorization: headers.authorization })
  }
}

function isLarge(name: string): boolean {
  return /\.(safetensors|bin)$/.test(name)
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function refuse(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
}

function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}
