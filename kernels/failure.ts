import type { KernelError } from './protocol.js'

/** The codes of runtime/protocol/error.ts that kernels report. */
export type KernelFailureCode = 'MODEL_NOT_FOUND' | 'MODEL_UNSUPPORTED' | 'MODEL_CORRUPT' | 'KERNEL_FAILED'

/**
 * A failure on its way to the runner. `data` fills the code's template: `path` and `what` for the MODEL codes, `pool`
 * and `what` for KERNEL_FAILED. Thrown anywhere in kernels; worker.ts turns it into data, since an error loses its
 * class and fields between threads.
 */
export class KernelFailure extends Error {
  override readonly name = 'KernelFailure'
  readonly code: KernelFailureCode
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: KernelFailureCode,
    data: Readonly<Record<string, unknown>> & { readonly what: string },
    options?: { readonly cause?: unknown },
  ) {
    super(data.what, options)
    this.code = code
    this.data = data
  }
}

/** What the runner is told. An error of any other kind becomes KERNEL_FAILED of the named pool, its stack kept. */
export function describeFailure(error: unknown, pool: string): KernelError {
  if (error instanceof KernelFailure) return withStack(error, error.code, { pool, ...error.data })
  const what = error instanceof Error ? error.message : String(error)
  return withStack(error, 'KERNEL_FAILED', { pool, what })
}

function withStack(error: unknown, code: string, data: Readonly<Record<string, unknown>>): KernelError {
  const reply = { code, data, message: String(data.what) }
  return error instanceof Error && error.stack !== undefined ? { ...reply, stack: error.stack } : reply
}
