/**
 * Every error that a user can meet, in one table: code, HTTP status, and a sentence that says what was wrong,
 * what came and what would be right. `{name}` is filled in from the error's data. A code, once used, keeps its meaning.
 */
export const ERROR_TABLE = {
  // requests
  REQUEST_INVALID: { status: 400, template: '{what}' },
  REQUEST_TOO_LONG: {
    status: 400,
    template:
      'The prompt has {promptTokens} tokens ({imageTokens} of them for pictures); the context holds {contextLength}, and at least one must be left for the answer.',
  },
  REQUEST_DUPLICATE_ID: { status: 409, template: 'A request with the id "{id}" is already running.' },
  REQUEST_ABORTED: { status: 499, template: 'The request "{id}" was aborted.' },
  ENGINE_OVERLOADED: {
    status: 429,
    template: '{waiting} requests are waiting already, the most this engine takes ({limit}).',
  },
  ENGINE_CLOSED: { status: 503, template: 'The engine is closed.' },
  ENGINE_FAILED: { status: 500, template: 'The engine met an internal error: {what}' },
  // configuration
  CONFIG_INVALID: { status: 500, template: 'Option {option}: {what}' },
  // pictures
  IMAGE_NOT_FOUND: { status: 400, template: 'There is no picture at {path}.' },
  IMAGE_UNREADABLE: { status: 400, template: '{label} cannot be read as a picture: {what}' },
  IMAGE_TOO_LARGE: {
    status: 400,
    template: '{label} is {width} x {height} pixels; the most that is decoded is {limit} pixels in all.',
  },
  IMAGE_COUNT_MISMATCH: {
    status: 400,
    template: 'The prompt has {placeholders} places for pictures, and {images} pictures came with it.',
  },
  // videos
  VIDEO_UNSUPPORTED: { status: 400, template: 'The model takes no video ({family}); it takes text and pictures.' },
  VIDEO_UNREADABLE: { status: 400, template: '{label} cannot be read as a video: {what}' },
  VIDEO_TOO_LARGE: { status: 400, template: '{label} is too large: {what}' },
  VIDEO_TOO_LONG: { status: 400, template: '{label} does not fit: {what}' },
  VIDEO_COUNT_MISMATCH: {
    status: 400,
    template: 'The prompt has {placeholders} places for videos, and {videos} videos came with it.',
  },
  VIDEO_DECODER_MISSING: {
    status: 501,
    template:
      '{label} is a video file, and the package that decodes those is not here ({what}). "npm install {package}" installs it; GIFs and lists of frames need nothing.',
  },
  // models and kernels
  MODEL_NOT_FOUND: { status: 500, template: 'There is no model at {path}: {what}' },
  MODEL_UNSUPPORTED: { status: 500, template: 'The model at {path} is not supported: {what}' },
  MODEL_CORRUPT: { status: 500, template: 'The model at {path} is damaged: {what}' },
  MODEL_DOWNLOAD_FAILED: { status: 500, template: 'The model {model} could not be downloaded: {what}' },
  MODEL_OFFLINE: { status: 500, template: 'The model {model} cannot be loaded offline: {what}' },
  KERNEL_FAILED: { status: 500, template: 'The {pool} worker failed: {what}' },
  TEMPLATE_FAILED: { status: 400, template: 'The chat template of the model refused the messages: {what}' },
  // grammars
  GRAMMAR_INVALID: { status: 400, template: '{what}' },
  GRAMMAR_UNSUPPORTED: { status: 400, template: 'The {kind} cannot be enforced: {what}' },
  GRAMMAR_TOO_COMPLEX: { status: 400, template: 'The {kind} is too complex: {what}' },
  // the HTTP server
  SERVER_BODY_INVALID: { status: 400, template: 'The request body cannot be read: {what}' },
  SERVER_UNAUTHORIZED: {
    status: 401,
    template: 'This server wants its API key: send "Authorization: Bearer KEY"; {what}.',
  },
  SERVER_ROUTE_NOT_FOUND: { status: 404, template: 'There is nothing at {method} {path}.' },
  SERVER_BODY_TOO_LARGE: {
    status: 413,
    template: 'The request body is larger than the {limit} bytes this server takes.',
  },
  SERVER_MEDIA_TYPE: {
    status: 415,
    template: 'The content type "{received}" is not understood here; send {expected}.',
  },
  SERVER_UNHEALTHY: { status: 503, template: 'No token came within {seconds} seconds.' },
  SERVER_DRAINING: { status: 503, template: 'The server is shutting down and takes no new requests.' },
  // answers
  OUTPUT_TRUNCATED: {
    status: 500,
    template:
      'The answer about {label} was cut after {tokens} tokens, before the JSON was complete; allow more tokens.',
  },
  // programs
  PROGRAM_INVALID: { status: 400, template: '{what}' },
  PROGRAM_INPUT_INVALID: { status: 400, template: 'program "{program}", input "{input}": {what}.' },
  PROGRAM_OUTPUT_TRUNCATED: {
    status: 422,
    template:
      'program "{program}", capture "{capture}": the {kind} was cut off after {tokens} tokens; raise maxTokens. It ends: {ending}',
  },
  PROGRAM_OUTPUT_INVALID: { status: 422, template: 'program "{program}", capture "{capture}": {what}' },
  PROGRAM_CANCELLED: { status: 499, template: 'program "{program}" was cancelled.' },
  // engines behind a network
  BACKEND_UNREACHABLE: { status: 503, template: 'No engine answers at {url}: {what}' },
  WIRE_INVALID: { status: 400, template: 'The message cannot be read: {what}' },
} as const satisfies Record<string, { status: number; template: string }>

export type ErrorCode = keyof typeof ERROR_TABLE
export type ErrorData = Readonly<Record<string, unknown>>

const marker = Symbol.for('radiant.EngineError')

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode
  readonly data: ErrorData

  constructor(code: ErrorCode, data: ErrorData = {}, options?: { readonly cause?: unknown }) {
    super(fill(ERROR_TABLE[code].template, data), options)
    this.code = code
    this.data = data
    Object.defineProperty(this, marker, { value: true })
  }

  /** HTTP status that a server answers with. */
  get status(): number {
    return ERROR_TABLE[this.code].status
  }

  /** Holds across duplicate copies of this module, unlike `instanceof`. */
  static isInstance(value: unknown): value is EngineError {
    return typeof value === 'object' && value !== null && marker in value
  }
}

/** The error as an EngineError; anything unknown becomes ENGINE_FAILED with its cause kept. */
export function toEngineError(error: unknown): EngineError {
  if (EngineError.isInstance(error)) return error
  const what = error instanceof Error ? error.message : String(error)
  return new EngineError('ENGINE_FAILED', { what }, { cause: error })
}

function fill(template: string, data: ErrorData): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in data ? String(data[name]) : whole))
}
