import { EngineError, ERROR_TABLE, toEngineError } from '../protocol/error.js'

/** How a route words its errors: OpenAI's object, SGLang's, or all of it for our own client to rebuild the error. */
export type ErrorStyle = 'openai' | 'native' | 'backend'

const OPENAI_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  404: 'not_found_error',
  409: 'conflict_error',
  429: 'rate_limit_error',
}

export function errorBody(
  error: EngineError,
  style: ErrorStyle,
): { readonly error: Readonly<Record<string, unknown>> } {
  const { message, code, data } = error
  if (style === 'backend') return { error: { code, message, data } }
  if (style === 'native') return { error: { message, code } }
  const param = typeof data.param === 'string' ? data.param : null
  const type = OPENAI_TYPES[error.status] ?? (error.status >= 500 ? 'server_error' : 'invalid_request_error')
  return { error: { message, type, param, code } }
}

/** What the HTTP layer itself throws (told by its code), as an error of the table. `contentType` is what the request said. */
export function toServerError(error: unknown, bodyLimit: number, contentType: string): EngineError {
  if (EngineError.isInstance(error)) return error
  const code = hasCode(error) ? error.code : ''
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new EngineError('SERVER_BODY_TOO_LARGE', { limit: bodyLimit }, { cause: error })
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new EngineError(
      'SERVER_MEDIA_TYPE',
      { received: contentType, expected: 'application/json' },
      { cause: error },
    )
  }
  if (hasStatus(error) && error.statusCode >= 400 && error.statusCode < 500) {
    return new EngineError('SERVER_BODY_INVALID', { what: error.message }, { cause: error })
  }
  return toEngineError(error)
}

export function statusOf(error: EngineError): number {
  return ERROR_TABLE[error.code].status
}

function hasCode(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

function hasStatus(error: unknown): error is Error & { readonly statusCode: number } {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
}
