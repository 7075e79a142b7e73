import type { JsonOptions, JsonSchema } from '../../protocol/backend.js'
import { EngineError } from '../../protocol/error.js'
import type { ExpressionId, ExpressionStore } from '../expression.js'
import { JsonText } from '../json-text.js'
import { Emitter } from './emitter.js'
import { Expander } from './expander.js'
import { invalidSchema, type SchemaIssue, UnsupportedKeyword, unsupportedError } from './issues.js'
import { SchemaIndex } from './schema-index.js'

export interface CompiledSchema {
  /** The JSON texts of all values that the schema allows. */
  readonly root: ExpressionId
  /** Keywords that the mask leaves to validation; empty unless `unsupported` is 'validate'. */
  readonly issues: readonly SchemaIssue[]
}

/** Keywords of which the emitter finds out one by one that it cannot enforce them. */
const MAX_ROUNDS = 32

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
  const ignored = new Set<string>()
  const found: SchemaIssue[] = []
  for (let round = 0; ; round++) {
    const compilation = compileOnce(store, schema, text, ignored, options.propertyOrder ?? 'schema')
    const fresh = compilation.issues.filter(issue => !found.some(known => known.pointer === issue.pointer))
    found.push(...fresh)
    if (compilation.root !== null) {
      const isHopeless = options.unsupported !== 'validate' || found.some(issue => !issue.canValidate)
      if (found.length > 0 && isHopeless) throw unsupportedError(found)
      if (compilation.root === store.fail) throw invalidSchema('', 'no value can meet it.')
      return { root: compilation.root, issues: found }
    }
    for (const issue of fresh) ignored.add(issue.pointer)
    if (round >= MAX_ROUNDS) throw unsupportedError(found)
  }
}

interface Compilation {
  /** null when the emitter met a keyword that it cannot enforce: the last of the issues. */
  readonly root: ExpressionId | null
  readonly issues: readonly SchemaIssue[]
}

function compileOnce(
  store: ExpressionStore,
  schema: JsonSchema,
  text: JsonText,
  ignored: ReadonlySet<string>,
  propertyOrder: 'schema' | 'any',
): Compilation {
  const expander = new Expander(store, new SchemaIndex(schema), ignored)
  try {
    const root = new Emitter(expander, text, propertyOrder).emit(expander.lowering.root(), 0)
    return { root: store.prune(root), issues: expander.lowering.issues }
  } catch (error) {
    if (error instanceof UnsupportedKeyword) return { root: null, issues: [...expander.lowering.issues, error.issue] }
    if (error instanceof RangeError) throw stackError(error)
    throw error
  }
}

function stackError(cause: RangeError): EngineError {
  const data = { kind: 'JSON schema', what: 'its keywords nest too deep' }
  return new EngineError('GRAMMAR_TOO_COMPLEX', data, { cause })
}
