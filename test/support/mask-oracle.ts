import type { Grammar, Matcher } from '../../runtime/grammar/index.js'

/** Legal ids by taking every token byte by byte: the naive path that masks are held to. */
export function legalByBytes(grammar: Grammar, state: number): number[] {
  const { store, vocabulary } = grammar
  const legal: number[] = []
  for (let id = 0; id < vocabulary.size; id++) {
    if (vocabulary.stopIds.includes(id)) {
      if (store.isNullable(state)) legal.push(id)
      continue
    }
    const bytes = vocabulary.bytes(id)
    if (bytes === null || bytes.length === 0) continue
    let next = state
    for (const byte of bytes) next = store.derivative(next, byte)
    if (next !== store.fail) legal.push(id)
  }
  return legal
}

/** Ids of the mask, read from a row that is wider than the vocabulary and was full of ones. */
export function legalByMask(grammar: Grammar, matcher: Matcher): number[] {
  const row = new Int32Array(((grammar.vocabulary.size + 31) >>> 5) + 3).fill(-1)
  matcher.fillMask(row)
  const ids: number[] = []
  for (let id = 0; id < row.length * 32; id++) if ((row[id >>> 5]! >>> (id & 31)) & 1) ids.push(id)
  return ids
}
