import { EngineError } from '../../protocol/error.js'
import type { ExpressionId } from '../expression.js'
import { compileRegex } from '../regex/compile.js'
import { pointerTo, UnsupportedKeyword } from './issues.js'
import type { Lowering, Place } from './lowering.js'

const cache = new WeakMap<Lowering, Map<string, ExpressionId>>()

/** The strings in which a pattern matches somewhere. `keyword` is the one that the pattern belongs to, as its value or as a key. */
export function compilePattern(
  lowering: Lowering,
  place: Place,
  source: string,
  keyword: 'pattern' | 'patternProperties',
): ExpressionId {
  let known = cache.get(lowering)
  if (known === undefined) {
    known = new Map()
    cache.set(lowering, known)
  }
  let language = known.get(source)
  if (language === undefined) {
    language = compile(lowering, place, source, keyword)
    known.set(source, language)
  }
  return language
}

/** The same for a pattern for keys; null, and the pattern noted as an issue, where no automaton does it. */
export function tryKeyPattern(lowering: Lowering, place: Place, source: string): ExpressionId | null {
  try {
    return compilePattern(lowering, place, source, 'patternProperties')
  } catch (error) {
    if (!(error instanceof UnsupportedKeyword)) throw error
    lowering.note(place, error.issue)
    return null
  }
}

function compile(
  lowering: Lowering,
  place: Place,
  source: string,
  keyword: 'pattern' | 'patternProperties',
): ExpressionId {
  try {
    return compileRegex(lowering.universe.store, source, { anchored: false, alphabet: 'json-string' })
  } catch (error) {
    if (!EngineError.isInstance(error)) throw error
    if (error.code === 'GRAMMAR_TOO_COMPLEX') throw error
    const hint = error.code === 'GRAMMAR_UNSUPPORTED' ? `no automaton does ${error.data.feature}` : error.message
    const pointer = pointerTo(place.node.pointer, keyword, ...(keyword === 'pattern' ? [] : [source]))
    throw new UnsupportedKeyword({ keyword, pointer, hint, canValidate: isNativePattern(source) })
  }
}

/** Whether the engine's own RegExp, which checks finished values, takes the pattern. */
function isNativePattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp
  } catch {
    return false
  }
}
