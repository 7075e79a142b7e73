import type { ExpressionId, ExpressionStore } from './expression.js'

/** Any well-formed UTF-8. */
export function anyText(store: ExpressionStore): ExpressionId {
  return store.repeat(store.codePoints([[0, 0x10ffff]]), 0, Number.POSITIVE_INFINITY)
}

/** Text that ends with `mark` and holds it nowhere else. `mark` must not be empty. */
export function textUntil(store: ExpressionStore, mark: string): ExpressionId {
  return textUntilAny(store, mark, [mark])
}

/** Text that ends with `mark` and in which none of `marks` ends earlier. */
export function textUntilAny(store: ExpressionStore, mark: string, marks: readonly string[]): ExpressionId {
  const earlier = store.sequence(store.anything, anyOf(store, marks), store.anyByte, store.anything)
  return store.and(store.sequence(anyText(store), store.literal(mark)), store.not(earlier))
}

/** Text that holds none of `marks`. */
export function textWithout(store: ExpressionStore, marks: readonly string[]): ExpressionId {
  const holding = store.sequence(store.anything, anyOf(store, marks), store.anything)
  return store.and(anyText(store), store.not(holding))
}

function anyOf(store: ExpressionStore, marks: readonly string[]): ExpressionId {
  return store.choice(marks.map(mark => store.literal(mark)))
}
