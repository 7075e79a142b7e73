import type { ExpressionId, ExpressionStore } from './expression.js'

/** Digits before the point of a number with an exponent of up to two digits: together they stay below 1e308. */
const MOST_DIGITS = 208
/** Digits of the largest double, 1.7976931348623157e308, after its first three. */
const LARGEST_REST = '76931348623157'

/**
 * JSON numbers (RFC 8259 section 6) that a double holds. A reader takes 1e999 for infinity, which JSON cannot write,
 * so numbers that could overflow are not offered: those with a positive exponent of three digits unless one digit
 * stands before the point, and those with more than 208 digits before the point. Numbers near zero may underflow.
 */
export function numberText(store: ExpressionStore): ExpressionId {
  const { literal, digit, upTo } = pieces(store)
  const digits = store.repeat(digit, 1, Number.POSITIVE_INFINITY)
  const fraction = store.optional(store.sequence(literal('.'), digits))
  const mark = store.byteClass([
    [0x45, 0x45],
    [0x65, 0x65],
  ])
  const zeros = store.repeat(literal('0'), 0, Number.POSITIVE_INFINITY)
  const plus = store.sequence(mark, store.optional(literal('+')), zeros)
  const small = store.choice([
    store.sequence(plus, store.repeat(digit, 1, 2)),
    store.sequence(mark, literal('-'), digits),
  ])
  const large = store.sequence(
    plus,
    store.choice([store.sequence(upTo(1, 2), digit, digit), store.sequence(literal('30'), upTo(0, 7))]),
  )
  const one = store.sequence(digit, fraction, store.optional(store.choice([small, large])))
  const more = store.repeat(digit, 0, Number.POSITIVE_INFINITY)
  // A rule, so that the digits of the largest double are not compared before somebody writes 1.79.
  const rest = store.rule('largest number', () => digitsUpTo(store, LARGEST_REST), { nonEmpty: true })
  const near = store.choice([
    store.optional(store.sequence(literal('.'), upTo(0, 6), more)),
    store.sequence(literal('.7'), store.optional(store.sequence(upTo(0, 8), more))),
    store.sequence(literal('.79'), rest),
  ])
  const most = store.sequence(literal('1'), near, plus, literal('308'))
  const long = store.sequence(upTo(1, 9), store.repeat(digit, 1, MOST_DIGITS - 1), fraction, store.optional(small))
  return store.sequence(store.optional(literal('-')), store.choice([one, most, long]))
}

/** Digits that are, as a fraction, at most these. */
function digitsUpTo(store: ExpressionStore, limit: string): ExpressionId {
  const { literal, digit, upTo } = pieces(store)
  let rest = store.empty
  for (const last of [...limit].reverse()) {
    const more = store.repeat(digit, 0, Number.POSITIVE_INFINITY)
    const below = last === '0' ? store.fail : store.sequence(upTo(0, Number(last) - 1), more)
    rest = store.optional(store.choice([below, store.sequence(literal(last), rest)]))
  }
  return rest
}

function pieces(store: ExpressionStore): {
  readonly literal: (text: string) => ExpressionId
  readonly digit: ExpressionId
  readonly upTo: (from: number, to: number) => ExpressionId
} {
  const upTo = (from: number, to: number) => store.byteClass([[0x30 + from, 0x30 + to]])
  return { literal: text => store.literal(text), digit: upTo(0, 9), upTo }
}
