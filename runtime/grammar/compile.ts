import type { Constraint } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import { compileEbnf } from './ebnf/index.js'
import { type ExpressionId, type ExpressionLimits, ExpressionStore } from './expression.js'
import { Grammar } from './grammar.js'
import { JsonText } from './json-text.js'
import { type GrammarSpecification, normaliseSpecification } from './specification.js'
import { textUntil } from './text-language.js'

export interface CompileOptions {
  readonly limits?: Partial<ExpressionLimits>
  /** The text begins free and ends its free part with the first of this mark (say "</think>"); the constraint rules what follows. */
  readonly reasoningEnd?: string
  /** performance.now() after which compiling throws GRAMMAR_TOO_COMPLEX. Default: never. */
  readonly deadline?: number
}

/** Compiles at once, on this thread, for as long as it takes up to `deadline`. Throws GRAMMAR_INVALID, GRAMMAR_UNSUPPORTED, GRAMMAR_TOO_COMPLEX. */
export function compileGrammar(
  specification: GrammarSpecification,
  vocabulary: Vocabulary,
  options: CompileOptions = {},
): Grammar {
  const { store, root } = compileExpression(normaliseSpecification(specification), options)
  return new Grammar(store, root, vocabulary)
}

/** The constraint as an expression that has strings. */
export function compileExpression(
  constraint: Constraint,
  options: CompileOptions,
): { store: ExpressionStore; root: ExpressionId } {
  const store = new ExpressionStore(options.limits)
  store.setDeadline(options.deadline ?? Number.POSITIVE_INFINITY)
  let root = buildConstraint(store, constraint)
  if (options.reasoningEnd !== undefined) root = store.sequence(textUntil(store, options.reasoningEnd), root)
  if (store.isEmptyLanguage(root))
    throw new EngineError('GRAMMAR_INVALID', {
      what: `No text at all meets this ${constraint.kind} constraint; its parts contradict each other.`,
      unsatisfiable: true,
    })
  root = store.prune(root)
  store.derivative(root, 0)
  store.setDeadline(Number.POSITIVE_INFINITY)
  return { store, root }
}

function buildConstraint(store: ExpressionStore, constraint: Constraint): ExpressionId {
  switch (constraint.kind) {
    case 'any-json':
      return new JsonText(store, constraint.whitespace).value()
    case 'choices':
      return store.choice(constraint.choices.map(choice => store.literal(choice)))
    case 'ebnf':
      return compileEbnf(store, constraint.grammar, constraint.root)
    default:
      throw new EngineError('GRAMMAR_UNSUPPORTED', { kind: constraint.kind, what: 'it is not known.' })
  }
}
