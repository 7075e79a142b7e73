import type { ExpressionId } from '../../expression.js'
import { HOSTNAME, HOSTNAME_LENGTH } from './hosts.js'
import type { FormatTools } from './index.js'

/** Scripts written from right to left. */
const RIGHT_TO_LEFT = '\\p{Script=Hebrew}\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Thaana}\\p{Script=Nko}'

export function internationalHostname({ store, pattern, length }: FormatTools): ExpressionId {
  void RIGHT_TO_LEFT
  return store.and(pattern(HOSTNAME), length(1, HOSTNAME_LENGTH))
}
