import type { ExpressionId, ExpressionStore } from './expression.js'

/** Branches inside each other that are made by recursion; deeper ones are left to the store. */
const MAX_DEPTH = 200

/** Any of the words, as a trie: common beginnings are written once, however long the list. */
export function wordList(store: ExpressionStore, words: readonly string[]): ExpressionId {
  const sorted = [...new Set(words.map(word => Buffer.from(word).toString('latin1')))].sort()
  return trieOf(store, sorted, 0, sorted.length, 0, MAX_DEPTH)
}

/** The words from `first` to `last` - 1, without the `offset` bytes that they have in common with their neighbours. */
function trieOf(
  store: ExpressionStore,
  words: readonly string[],
  first: number,
  last: number,
  offset: number,
  depth: number,
): ExpressionId {
  const bytes = (word: string, from: number, to?: number) => store.literal(Buffer.from(word.slice(from, to), 'latin1'))
  if (last - first === 1) return bytes(words[first]!, offset)
  if (depth === 0) return store.choice(words.slice(first, last).map(word => bytes(word, offset)))
  // Sorted, so what the first and the last have in common all have.
  const [low, high] = [words[first]!, words[last - 1]!]
  let shared = offset
  while (shared < low.length && low[shared] === high[shared]) shared++
  const branches: ExpressionId[] = []
  for (let start = first; start < last; ) {
    let end = start + 1
    while (end < last && words[end]![shared] === words[start]![shared]) end++
    branches.push(trieOf(store, words, start, end, shared, depth - 1))
    start = end
  }
  return store.sequence(bytes(low, offset, shared), store.choice(branches))
}
