import { EngineError } from '../protocol/error.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ConstraintCompiler } from './parts.js'

export function makeConstraintCompiler(_vocabulary: Vocabulary): ConstraintCompiler {
  return {
    async compile(constraint) {
      throw new EngineError('GRAMMAR_UNSUPPORTED', { kind: constraint.kind, what: 'not wired' })
    },
  }
}
