import type {
  Backend,
  CallOptions,
  Constraint,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  Generation,
  Prompt,
  SelectRequest,
  SelectResult,
  Usage,
} from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { engineError, MSGPACK_TYPE, packRequest, parseLine, type WireError } from '../../runtime/protocol/wire.js'
import { AbortLink } from './abort-link.js'
import { EventLog } from './event-log.js'

export interface HttpBackendOptions {
  /** Sent as a bearer token. */
  readonly apiKey?: string
  /** Instead of the global fetch. */
  readonly fetch?: typeof fetch
}

/**
 * An engine behind a Radiant server: programs run on it as they do in process. Throws the engine's own errors, and
 * BACKEND_UNREACHABLE when nothing answers or the connection breaks.
 *
 * @example const engine = httpBackend('http://localhost:8080')
 */
export function httpBackend(url: string | URL, options: HttpBackendOptions = {}): Backend {
  const server = new Server(url, options)
  return {
    generate: (request, call = {}) => new HttpGeneration(server, request, call.signal),
    select: async (request: SelectRequest, call: CallOptions = {}) =>
      (await server.ask('select', request, call.signal)) as SelectResult,
    warm: async (prompt: Prompt, call: CallOptions = {}) => (await server.ask('warm', prompt, call.signal)) as Usage,
    checkConstraint: async (constraint: Constraint) => {
      await server.ask('check', constraint, undefined)
    },
  }
}

class HttpGeneration implements Generation {
  readonly id: string
  readonly #log = new EventLog<GenerateEvent>()
  readonly #link: AbortLink
  #result: Promise<GenerateResult> | null = null

  constructor(server: Server, request: GenerateRequest, signal: AbortSignal | undefined) {
    this.id = request.id ?? crypto.randomUUID()
    this.#link = new AbortLink(signal)
    this.#read(server, { ...request, id: this.id }, this.#link.signal)
      .catch(error => this.#log.close(error))
      .finally(() => this.#link.release())
  }

  get result(): Promise<GenerateResult> {
    this.#result ??= this.#finished()
    return this.#result
  }

  abort(): void {
    this.#link.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerateEvent> {
    let isOver = false
    try {
      for await (const event of this.#log) {
        isOver = event.type === 'finish'
        yield event
      }
      isOver = true
    } finally {
      if (!isOver) this.abort()
    }
  }

  async #finished(): Promise<GenerateResult> {
    for await (const event of this.#log) if (event.type === 'finish') return event.result
    throw new EngineError('ENGINE_FAILED', { what: `the answer to "${this.id}" ended without a result` })
  }

  async #read(server: Server, request: GenerateRequest, signal: AbortSignal): Promise<void> {
    let text = ''
    const tokenIds: number[] = []
    try {
      for await (const event of server.lines('generate', request, signal)) {
        if (event.type === 'text-delta') {
          text += event.delta
          tokenIds.push(...event.tokenIds)
        }
        this.#log.push(event)
      }
    } catch (error) {
      if (!signal.aborted) throw error
      // The server ends the request when the connection closes; what arrived before is all that will be known of it.
      const usage = { ...NOTHING_KNOWN, completionTokens: tokenIds.length }
      const result = { id: this.id, text, tokenIds, finish: 'abort' as const, matchedStop: null, usage }
      this.#log.push({ type: 'finish', result })
    }
    this.#log.close()
  }
}

const NOTHING_KNOWN: Usage = Object.freeze({
  promptTokens: 0,
  cachedTokens: 0,
  imageTokens: 0,
  cachedImageTokens: 0,
  imageEncodes: 0,
  completionTokens: 0,
  forcedTokens: 0,
})

class Server {
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: typeof fetch

  constructor(url: string | URL, options: HttpBackendOptions) {
    this.#url = new URL(url)
    if (!this.#url.pathname.endsWith('/')) this.#url.pathname += '/'
    const authorization = options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }
    this.#headers = { 'content-type': MSGPACK_TYPE, ...authorization }
    this.#fetch = options.fetch ?? fetch
  }

  /** Posts a request and reads its one answer. An aborted request rejects with REQUEST_ABORTED. */
  async ask(route: string, request: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    return this.#reached(signal, async () => {
      const response = await this.#post(route, request, signal)
      return parseLine(await response.text())
    })
  }

  /** Posts a request and reads the lines of its answer as they come. */
  async *lines(route: string, request: unknown, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const response = await this.#reached(signal, () => this.#post(route, request, signal))
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    while (reader !== undefined) {
      const { done, value = '' } = await this.#reached(signal, () => reader.read())
      const lines = (rest + value).split('\n')
      rest = done ? '' : lines.pop()!
      for (const line of lines) if (line !== '') yield eventOf(parseLine(line))
      if (done) return
    }
  }

  async #post(route: string, request: unknown, signal: AbortSignal | undefined): Promise<Response> {
    const response = await this.#fetch(new URL(`v1/radiant/${route}`, this.#url), {
      method: 'POST',
      headers: this.#headers,
      body: packRequest(request) as Uint8Array<ArrayBuffer>,
      ...(signal !== undefined && { signal }),
    })
    if (response.ok) return response
    const text = await response.text()
    throw engineError(errorIn(text) ?? { message: `HTTP ${response.status}: ${text.slice(0, 200)}` })
  }

  async #reached<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    return task().catch(cause => {
      if (EngineError.isInstance(cause)) throw cause
      if (signal?.aborted) throw new EngineError('REQUEST_ABORTED', { id: '' }, { cause })
      const reason =
        cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : cause
      throw new EngineError('BACKEND_UNREACHABLE', { url: this.#url.href, what: String(reason) }, { cause })
    })
  }
}

/** The server is trusted with the shape of its events; anything that is none is an error, its own or that it is none. */
function eventOf(line: Readonly<Record<string, unknown>>): GenerateEvent {
  if (line.type === 'text-delta' || line.type === 'finish') return line as unknown as GenerateEvent
  throw engineError((line.error ?? { message: JSON.stringify(line).slice(0, 200) }) as Partial<WireError>)
}

/** The `error` of an answer, in our own form or that of OpenAI-like routes. */
function errorIn(text: string): Partial<WireError> | null {
  if (!text.startsWith('{')) return null
  const { error } = parseLine(text)
  return typeof error === 'object' && error !== null ? error : null
}
