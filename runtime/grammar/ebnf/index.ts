import { EngineError } from '../../protocol/error.js'
import type { ExpressionId, ExpressionStore } from '../expression.js'
import { RuleCompiler } from './compiler.js'
import { parseEbnf } from './parser.js'
import { type EbnfNode, type EbnfRules, invalidEbnf } from './syntax.js'

/**
 * The language of the rule `root` of a grammar in the EBNF of GBNF and XGrammar, as an expression of the store.
 * Left recursion, hidden and indirect, is handled exactly. Throws GRAMMAR_INVALID with line and column for errors,
 * GRAMMAR_UNSUPPORTED for lookahead assertions, token names and macros.
 */
export function compileEbnf(store: ExpressionStore, source: string, root = 'root'): ExpressionId {
  const rules = parseEbnf(source)
  if (!rules.has(root)) {
    throw new EngineError('GRAMMAR_INVALID', {
      what: `The EBNF grammar has no rule "${root}" to begin with; it has ${[...rules.keys()].slice(0, 8).join(', ') || 'none at all'}.`,
    })
  }
  for (const body of rules.values()) checkReferences(source, rules, body)
  return new RuleCompiler(store, rules).rule(root)
}

function checkReferences(source: string, rules: EbnfRules, node: EbnfNode): void {
  if (node.kind === 'rule' && !rules.has(node.name))
    throw invalidEbnf(source, node.at, `there is no rule "${node.name}".`)
  if (node.kind === 'sequence') for (const part of node.parts) checkReferences(source, rules, part)
  if (node.kind === 'choice') for (const option of node.options) checkReferences(source, rules, option)
  if (node.kind === 'repeat') checkReferences(source, rules, node.node)
}
