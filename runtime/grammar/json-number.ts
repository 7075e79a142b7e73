import type { ExpressionId, ExpressionStore } from './expression.js'

/** Digits before the point of a number with an exponent of up to two digits: together they stay below 1e308. */
const MOST_DIGITS = 208
/** Digits of the largest double, 1.7976931348623157e308, after its first. */
const LARGEST_FRACTION = '7976931348623157'

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
  const most = store.sequence(literal('1'), fractionUpTo(store, LARGEST_FRACTION), plus, literal('308'))
  const long = store.sequence(upTo(1, 9), store.repeat(digit, 1, MOST_DIGITS - 1), fraction, store.optional(small))
  return store.sequence(store.optional(literal('-')), store.choice([one, most, long]))
}

/** Nothing, or a point and digits that are, as a fraction, at most these. */
function fractionUpTo(store: ExpressionStore, limit: string): ExpressionId {
  const { literal, digit, upTo } = pieces(store)
  let rest = store.empty
  for (let at = limit.length - 1; at >= 0; at--) {
    const last = Number(limit[at])
    const below =
      last === 0 ? store.fail : store.sequence(upTo(0, last - 1), store.repeat(digit, 0, Number.POSITIVE_INFINITY))
    const equal = store.sequence(literal(String(last)), at === limit.length - 1 ? rest : store.optional(rest))
    rest = store.choice([below, equal])
  }
  return store.optional(store.sequence(literal('.'), rest))
}

function pieces(store: ExpressionStore): {
  readonly literal: (text: string) => ExpressionId
  readonly digit: ExpressionId
  readonly upTo: (from: number, to: number) => ExpressionId
} {
  const upTo = (from: number, to: number) => store.byteClass([[0x30 + from, 0x30 + to]])
  return { literal: text => store.literal(text), digit: upTo(0, 9), upTo }
}
