import type { ExpressionId, ExpressionStore } from './expression.js'
import type { PlainRuns } from './plain-run.js'
import { END, type FlatTrie, LENGTHS, RECORD, START, type TokenTrie } from './token-trie.js'

export interface DoubtfulToken {
  readonly ids: readonly number[]
  readonly bytes: Uint8Array
}

/**
 * Masks are walked without the texts of items that must differ. This finds the tokens of a mask for which those may
 * matter: they end an item and go so far into the next that it might repeat one, or find no value left.
 */
export function findDoubtful(
  store: ExpressionStore,
  trie: TokenTrie,
  runs: PlainRuns,
  state: ExpressionId,
): DoubtfulToken[] {
  if (!store.items.isUsed) return []
  const found: DoubtfulToken[] = []
  const known = Math.min(runs.lengthOf(state), trie.maxPlain)
  if (known < trie.maxPlain && !(known > 0 && runs.isExact(state)))
    collect(store, trie.plain, runs, state, known, found)
  collect(store, trie.rest, runs, state, null, found)
  return found
}

/** `known`: plain tokens of up to so many characters stay inside the item; null for the trie of other tokens. */
function collect(
  store: ExpressionStore,
  { words, order }: FlatTrie,
  runs: PlainRuns,
  start: ExpressionId,
  known: number | null,
  into: DoubtfulToken[],
): void {
  const { derivatives, items } = store
  const last = words.length - RECORD
  const states: ExpressionId[] = [start]
  const crossed: boolean[] = [false]
  const bytes: number[] = []
  const hasRoom = (rest: ExpressionId) => runs.lengthOf(rest) > 0
  for (let node = 0; node < last; ) {
    const depth = words[node]! >>> 8
    const byte = words[node]! & 0xff
    const end = words[node + END]!
    const lengths = words[node + LENGTHS]!
    const row = derivatives.rowStart(states[depth]!)
    const target = derivatives.table[row + byte]!
    if (target === store.fail || (known !== null && (lengths & 0xffff) <= known)) {
      node = end
      continue
    }
    const reach = items.reach(target, hasRoom)
    const hasCrossed = crossed[depth]! || reach !== 'inside'
    if (!hasCrossed && known !== null && runs.lengthOf(target) > 0 && runs.lengthOf(target) >= lengths >>> 16) {
      node = end
      continue
    }
    bytes.length = depth
    bytes.push(byte)
    states[depth + 1] = target
    crossed[depth + 1] = hasCrossed
    const first = words[node + START]!
    node += RECORD
    const next = words[node + START]!
    if (next > first && hasCrossed && reach !== 'ahead')
      into.push({ ids: [...order.subarray(first, next)], bytes: Uint8Array.from(bytes) })
  }
}
