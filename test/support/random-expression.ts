import type { ExpressionId, ExpressionStore } from '../../runtime/grammar/expression.js'

/** A small random language over a few letters, with every kind of expression in it. May be empty. Intersections are of regular languages. */
export function randomExpression(
  store: ExpressionStore,
  random: () => number,
  depth: number,
  isRegular = false,
): ExpressionId {
  const below = () => randomExpression(store, random, depth - 1, isRegular)
  const regular = () => randomExpression(store, random, depth - 1, true)
  const upTo = (limit: number) => Math.floor(random() * limit)
  if (depth === 0) {
    const letter = 97 + upTo(4)
    if (random() < 0.3) return store.byteClass([[letter, letter + upTo(3)]])
    return store.literal(['a', 'b', 'ab', 'x', '"', 'é', '世', 'name', '00'][upTo(9)]!)
  }
  const kind = random()
  if (kind < 0.3) return store.sequence(below(), below())
  if (kind < 0.55) return store.choice([below(), below(), below()])
  if (kind < 0.75) {
    const min = upTo(3)
    return store.repeat(below(), min, random() < 0.3 ? Number.POSITIVE_INFINITY : min + upTo(4))
  }
  if (kind < 0.82) return store.and(regular(), store.not(regular()))
  if (kind < 0.88) return store.and(store.repeat(regular(), 0, Number.POSITIVE_INFINITY), store.repeat(regular(), 0, 5))
  if (isRegular) return below()
  const rule: ExpressionId = store.rule('nest', () =>
    store.choice([below(), store.sequence(store.literal('('), rule, store.literal(')'), store.optional(rule))]),
  )
  return rule
}
