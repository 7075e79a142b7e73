/** Fetches a picture that the request names without sending it; rejects with an EngineError. */
export type ImageLoader = (reference: string, signal: AbortSignal) => Promise<Uint8Array>

export interface ServerOptions {
  /** Clients must send it as a bearer token (or `x-api-key`); /health and /metrics stay open. Default: no key. */
  readonly apiKey?: string
  /** Largest request body in bytes; pictures arrive in it, a third larger for base64. Default 64 MiB. */
  readonly bodyLimit?: number
  /** How many items of one /generate list or one `n` run at a time. Default 64. */
  readonly batchConcurrency?: number
  /** Serves pictures given by URL or path. Default: none, such requests are refused. */
  readonly imageLoader?: ImageLoader
  /** Once aborted, new work is answered 503 and /health too; what runs goes on. */
  readonly draining?: AbortSignal
  /** How long /health_generate waits for its token. Default 20000. */
  readonly healthTimeoutMs?: number
  /** Called after every response. */
  readonly onResponse?: (line: AccessRecord) => void
}

export interface AccessRecord {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly durationMs: number
}

export interface ResolvedServerOptions extends ServerOptions {
  readonly bodyLimit: number
  readonly batchConcurrency: number
  readonly healthTimeoutMs: number
}

export const SERVER_DEFAULTS = {
  bodyLimit: 64 * 1024 * 1024,
  batchConcurrency: 64,
  healthTimeoutMs: 20_000,
} as const satisfies Partial<ServerOptions>

export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  return Object.freeze({ ...SERVER_DEFAULTS, ...options })
}
