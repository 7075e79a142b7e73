import { GrammarCache } from '../grammar/index.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ConstraintCompiler } from './parts.js'

/** Compiled constraints of one tokenizer, cached; see runtime/grammar/cache.ts. */
export function makeConstraintCompiler(vocabulary: Vocabulary): ConstraintCompiler {
  const cache = new GrammarCache(vocabulary)
  return {
    async compile(constraint) {
      const grammar = await cache.compile(constraint)
      return { matcher: () => grammar.matcher(), validate: grammar.validate }
    },
    close: () => cache.close(),
    checkIntegrity: () => cache.checkIntegrity(),
  }
}
