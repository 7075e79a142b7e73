import type { JsonOptions, JsonSchema } from '../../protocol/backend.js'
import { EngineError } from '../../protocol/error.js'
import type { ExpressionId, ExpressionStore } from '../expression.js'
import { JsonText } from '../json-text.js'
import { Emitter } from './emitter.js'
import { Expander } from './expander.js'
import { invalidSchema, ReferenceCircle, type SchemaIssue, unsupportedError } from './issues.js'
import { SchemaIndex } from './schema-index.js'

export interface CompiledSchema {
  /** The JSON texts of all values that the schema allows. */
  readonly root: ExpressionId
  /** Keywords that the mask leaves to validation; empty unless `unsupported` is 'validate'. */
  readonly issues: readonly SchemaIssue[]
}

/**
 * Compiles a JSON schema (2020-12, and the spellings of drafts 4, 6 and 7) into an expression over JSON text.
 * @throws EngineError GRAMMAR_UNSUPPORTED with `data.issues`, listing every keyword that cannot be enforced;
 * GRAMMAR_INVALID for a schema that is none, or that no value meets; GRAMMAR_TOO_COMPLEX past the store's limits.
 */
export function compileJsonSchema(
  store: ExpressionStore,
  schema: JsonSchema,
  options: JsonOptions = {},
): CompiledSchema {
  const text = new JsonText(store, options.whitespace)
  try {
    const expander = new Expander(store, new SchemaIndex(schema))
    const emitter = new Emitter(expander, text, options.propertyOrder ?? 'schema')
    const root = store.prune(emitter.emit(expander.lowering.root(), 0))
    const issues = [...expander.lowering.issues, ...emitter.issues]
    const isHopeless = options.unsupported !== 'validate' || issues.some(issue => !issue.canValidate)
    if (issues.length > 0 && isHopeless) throw unsupportedError(issues)
    if (root === store.fail) throw invalidSchema('', 'no value can meet it.')
    return { root, issues }
  } catch (error) {
    if (error instanceof ReferenceCircle)
      throw invalidSchema(error.pointer, 'its references lead in a circle and never come to a keyword.')
    throw error instanceof RangeError ? stackError(error) : error
  }
}

function stackError(cause: RangeError): EngineError {
  const data = { kind: 'JSON schema', what: 'its keywords nest too deep' }
  return new EngineError('GRAMMAR_TOO_COMPLEX', data, { cause })
}
