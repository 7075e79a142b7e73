import { compileGrammar } from '../grammar/index.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ConstraintCompiler } from './parts.js'

export function makeConstraintCompiler(vocabulary: Vocabulary): ConstraintCompiler {
  return {
    async compile(constraint) {
      const grammar = compileGrammar(constraint, vocabulary)
      return { matcher: () => grammar.matcher(), validate: null }
    },
  }
}
