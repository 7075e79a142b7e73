import type { Constraint, ReasoningGate } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import { compileEbnf } from './ebnf/index.js'
import { type ExpressionId, type ExpressionLimits, ExpressionStore } from './expression.js'
import { Grammar, type GrammarParts } from './grammar.js'
import { compileJsonSchema } from './json-schema/compile.js'
import type { SchemaIssue } from './json-schema/issues.js'
import { JsonText } from './json-text.js'
import { compileRegex } from './regex/compile.js'
import { type GrammarSpecification, normaliseSpecification, withGate } from './specification.js'
import { compileStructuralTag } from './structural-tag.js'
import { textUntil } from './text-language.js'
import { wordList } from './word-list.js'

export interface CompileOptions extends ReasoningGate {
  readonly limits?: Partial<ExpressionLimits>
  /** performance.now() after which compiling throws GRAMMAR_TOO_COMPLEX. Default: never. */
  readonly deadline?: number
}

/** Compiles at once, on this thread, for as long as it takes up to `deadline`. Throws GRAMMAR_INVALID, GRAMMAR_UNSUPPORTED, GRAMMAR_TOO_COMPLEX. */
export function compileGrammar(
  specification: GrammarSpecification,
  vocabulary: Vocabulary,
  options: CompileOptions = {},
): Grammar {
  const constraint = normaliseSpecification(withGate(normaliseSpecification(specification), options))
  return new Grammar({ ...compileExpression(constraint, options), ...validationOf(constraint) }, vocabulary)
}

/** What a finished text can be validated against, if the constraint has a schema. */
export function validationOf(constraint: Constraint): Pick<GrammarParts, 'schema' | 'reasoningEnd'> {
  if (constraint.kind !== 'json-schema') return {}
  const { schema, reasoningEnd } = constraint
  return { schema, ...(reasoningEnd !== undefined && { reasoningEnd }) }
}

export interface CompiledExpression {
  readonly store: ExpressionStore
  readonly root: ExpressionId
  /** Keywords of a JSON schema that are left to validation (`unsupported: 'validate'`). */
  readonly issues: readonly SchemaIssue[]
}

/** The constraint as an expression that has strings. */
export function compileExpression(
  constraint: Constraint,
  options: Pick<CompileOptions, 'limits' | 'deadline'>,
): CompiledExpression {
  const store = new ExpressionStore(options.limits)
  store.setDeadline(options.deadline ?? Number.POSITIVE_INFINITY)
  const issues: SchemaIssue[] = []
  let root = buildConstraint(store, constraint, issues)
  if (constraint.reasoningEnd !== undefined) root = store.sequence(textUntil(store, constraint.reasoningEnd), root)
  root = store.prune(root)
  if (root === store.fail)
    throw new EngineError('GRAMMAR_INVALID', {
      what: `No text at all meets this ${constraint.kind} constraint; its parts contradict each other.`,
      unsatisfiable: true,
    })
  // The first step brings up faults of the rules that the text begins with.
  store.derivative(root, 0)
  store.setDeadline(Number.POSITIVE_INFINITY)
  return { store, root, issues }
}

function buildConstraint(store: ExpressionStore, constraint: Constraint, issues: SchemaIssue[]): ExpressionId {
  switch (constraint.kind) {
    case 'json-schema': {
      const compiled = compileJsonSchema(store, constraint.schema, constraint)
      issues.push(...compiled.issues)
      return compiled.root
    }
    case 'any-json':
      return new JsonText(store, constraint.whitespace).value()
    case 'regex':
      return compileRegex(store, constraint.pattern, { anchored: true })
    case 'ebnf':
      return compileEbnf(store, constraint.grammar, constraint.root)
    case 'choices':
      return wordList(store, constraint.choices)
    case 'structural-tag':
      return compileStructuralTag(store, constraint, schema => compileJsonSchema(store, schema).root)
  }
}
