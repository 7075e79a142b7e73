import { ARRAY_KEYWORDS } from './keywords-array.js'
import { LOGIC_KEYWORDS } from './keywords-logic.js'
import { OBJECT_KEYWORDS } from './keywords-object.js'
import { SCALAR_KEYWORDS } from './keywords-scalar.js'
import { UNEVALUATED_KEYWORDS } from './keywords-unevaluated.js'
import type { Keyword } from './lowering.js'

/** Every assertion and applicator. Keywords that make sense together share a function; all others are annotations. */
export const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ...SCALAR_KEYWORDS,
  ...ARRAY_KEYWORDS,
  ...OBJECT_KEYWORDS,
  ...LOGIC_KEYWORDS,
  ...UNEVALUATED_KEYWORDS,
])
