/**
 * Backend requests and events as bytes, for engines behind a network. Requests are msgpack, because pictures are
 * bytes; a server may also take JSON, in which bytes are {"$bytes": base64}. Answers are JSON, one event a line.
 */
import { Packr } from 'msgpackr'
import { EngineError, ERROR_TABLE, type ErrorCode, type ErrorData } from './error.js'

/** Changes whenever an older reader would misunderstand a message. */
export const WIRE_VERSION = 1
export const MSGPACK_TYPE = 'application/vnd.msgpack'
export const EVENTS_TYPE = 'application/x-ndjson'

export interface WireError {
  readonly code: string
  readonly message: string
  readonly data: ErrorData
}

// Plain maps only: records would tie a message to its sender's memory. `skipValues` drops fields that are undefined, as
// JSON does; the package has it and its types do not.
const PACKING = { useRecords: false, skipValues: [undefined] }
const packr = new Packr(PACKING)

export function packRequest(request: unknown): Uint8Array {
  return packr.pack({ version: WIRE_VERSION, request })
}

/** Throws WIRE_INVALID for bytes that are no message, or one of another version. */
export function unpackRequest(bytes: Uint8Array): unknown {
  return requestOf(attempt(() => packr.unpack(bytes) as unknown, 'msgpack'))
}

/** The same message as parsed JSON. Throws WIRE_INVALID. */
export function requestOf(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('version' in message)) {
    throw new EngineError('WIRE_INVALID', { what: 'it is no object with a version and a request.' })
  }
  if (message.version !== WIRE_VERSION) {
    const what = `it is of version ${String(message.version)}; this engine speaks version ${WIRE_VERSION}.`
    throw new EngineError('WIRE_INVALID', { what })
  }
  if (!('request' in message)) return undefined
  // Nested deeper than the stack reaches, it throws.
  return attempt(() => bytesInside(message.request), 'message of this protocol')
}

export function eventLine(event: unknown): string {
  return `${JSON.stringify(event)}\n`
}

/** Throws WIRE_INVALID for a line that is no JSON object. */
export function parseLine(line: string): Readonly<Record<string, unknown>> {
  const value = attempt(() => JSON.parse(line) as unknown, 'JSON')
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new EngineError('WIRE_INVALID', { what: `${line.slice(0, 60)} is no JSON object.` })
}

export function wireError({ code, message, data }: EngineError): WireError {
  return { code, message, data }
}

/** The error as the engine threw it. A code that this side does not know becomes ENGINE_FAILED with its message. */
export function engineError(error: Partial<WireError>): EngineError {
  const { code = '', message = 'no message', data = {} } = error
  return Object.hasOwn(ERROR_TABLE, code)
    ? new EngineError(code as ErrorCode, data)
    : new EngineError('ENGINE_FAILED', { what: `${code || 'unknown error'}: ${message}` })
}

function bytesInside(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(bytesInside)
  if ('$bytes' in value && typeof value.$bytes === 'string') return new Uint8Array(Buffer.from(value.$bytes, 'base64'))
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bytesInside(inner)]))
}

function attempt<T>(read: () => T, format: string): T {
  try {
    return read()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('WIRE_INVALID', { what: `it is no ${format}: ${reason}.` }, { cause })
  }
}
