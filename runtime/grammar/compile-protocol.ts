import type { Constraint } from '../protocol/backend.js'
import type { ErrorCode, ErrorData } from '../protocol/error.js'
import type { ExpressionLimits } from './expression.js'
import type { PackedStore } from './expression-transfer.js'
import type { SchemaIssue } from './json-schema/issues.js'

/** Everything that crosses between the scheduler's thread and the compile worker. One request at a time. */
export interface CompileRequest {
  readonly constraint: Constraint
  readonly limits?: Partial<ExpressionLimits>
}

export interface CompiledReply {
  readonly kind: 'compiled'
  readonly packed: PackedStore
  readonly issues: readonly SchemaIssue[]
}

export type CompileReply =
  | CompiledReply
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly data: ErrorData }
