import type { ExpressionId } from '../../expression.js'
import type { FormatTools } from './index.js'

/**
 * Regular expressions of ECMA-262 under the `u` flag. Narrower than that where a rule looks across the text: no
 * backreferences, no group names, ranges in classes only within the digits or the letters of one case, counts whose
 * order one can see from their length or from single digits.
 */
export function regexSyntax({ store, pattern }: FormatTools): ExpressionId {
  const plainEscape = pattern(
    '\\\\(?:[dDwWsSfnrtv^$\\\\.*+?()\\[\\]{}|/]|c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\\{[0-9A-Fa-f]{1,5}\\})',
  )
  const escapes = store.choice([
    plainEscape,
    pattern('\\\\0(?![0-9])|\\\\[pP]\\{(?:L|Lu|Ll|Lt|Lm|Lo|M|N|Nd|P|S|Z|Letter)\\}'),
  ])
  const classEscape = store.choice([plainEscape, pattern('\\\\[b-]')])
  const member = store.choice([pattern('[^\\]\\\\-]'), classEscape, ...ranges().map(pattern)])
  const set = store.sequence(pattern('\\[\\^?'), store.repeat(member, 0, Number.POSITIVE_INFINITY), pattern('-?\\]'))
  const group: ExpressionId = store.rule('group of a regex', () =>
    store.sequence(pattern('\\((?:\\?:)?'), disjunction, store.literal(')')),
  )
  const look: ExpressionId = store.rule('lookaround of a regex', () =>
    store.sequence(pattern('\\(\\?<?[=!]'), disjunction, store.literal(')')),
  )
  const named: ExpressionId = store.rule('named group of a regex', () =>
    store.sequence(pattern('\\(\\?<[A-Za-z_$][0-9A-Za-z_$]*>'), disjunction, store.literal(')')),
  )
  const atom = store.choice([pattern('[^\\^$\\\\.*+?()\\[\\]{}|]|\\.'), escapes, set, group])
  const quantifier = pattern(`(?:[*+?]|\\{(?:\\d+,?|${counts()})\\})\\??`)
  const term = store.choice([store.sequence(atom, store.optional(quantifier)), look, pattern('[\\^$]|\\\\[bB]')])
  const alternative = store.repeat(term, 0, Number.POSITIVE_INFINITY)
  const disjunction = store.sequence(
    alternative,
    store.repeat(store.sequence(store.literal('|'), alternative), 0, Number.POSITIVE_INFINITY),
  )
  // A name may stand once in a pattern, which the automaton can only see for one group at the front.
  return store.choice([disjunction, store.sequence(named, disjunction)])
}

function ranges(): string[] {
  const order = (letters: string) => [...letters].map((low, at) => `${low}-[${letters.slice(at)}]`)
  return ['0123456789', 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].flatMap(order)
}

/** `n,m` with n at most m. */
function counts(): string {
  const single = Array.from({ length: 10 }, (_, low) => `${low},[${low}-9]`)
  return [...single, '\\d,[1-9]\\d+'].join('|')
}
