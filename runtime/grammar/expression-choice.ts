import type { ExpressionStore } from './expression.js'
import { EMPTY, type ExpressionId, Kind } from './expression-nodes.js'

/**
 * Brings the members of a choice into a smaller form of the same language: members that begin with the same
 * expression, or with the same bytes, are joined behind it (so long lists of words become a trie), and counted repeats of one thing are joined where their counts touch
 * (x{2,3} | x{4,9} is x{2,9}). Without this a counter whose item has several lengths would need a state for each
 * set of counts.
 */
export function joinMembers(store: ExpressionStore, members: ExpressionId[]): ExpressionId[] {
  const { kinds, first, second, data } = store.nodes
  const plain: ExpressionId[] = []
  const repeats = new Map<number, ExpressionId[]>()
  const heads = new Map<ExpressionId, ExpressionId[]>()
  const literals = new Map<number, ExpressionId[]>()
  for (const id of members) {
    const inSequence = kinds[id] === Kind.Sequence
    const head = inSequence ? first[id]! : id
    if (kinds[head] === Kind.Repeat) add(repeats, first[head]! * 2 ** 24 + (inSequence ? second[id]! : EMPTY), id)
    else if (kinds[head] === Kind.Literal) add(literals, (data[head] as string).charCodeAt(0), id)
    else if (inSequence) add(heads, head, id)
    else plain.push(id)
  }
  for (const group of repeats.values()) {
    if (group.length === 1) plain.push(group[0]!)
    else plain.push(...joinRepeats(store, group))
  }
  for (const [head, group] of heads) {
    if (group.length === 1) plain.push(group[0]!)
    else plain.push(store.sequence(head, store.choice(group.map(id => second[id]!))))
  }
  for (const group of literals.values()) plain.push(group.length === 1 ? group[0]! : joinLiterals(store, group))
  return plain
}

function add<Key>(groups: Map<Key, ExpressionId[]>, key: Key, id: ExpressionId): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [id])
  else group.push(id)
}

/** `group` repeats one expression before one continuation. */
function joinRepeats(store: ExpressionStore, group: readonly ExpressionId[]): ExpressionId[] {
  const { kinds, first, second, third } = store.nodes
  const inSequence = kinds[group[0]!] === Kind.Sequence
  const heads = group.map(id => (inSequence ? first[id]! : id)).sort((a, b) => second[a]! - second[b]!)
  const intervals: [number, number][] = []
  for (const head of heads) {
    const last = intervals.at(-1)
    if (last !== undefined && second[head]! <= last[1] + 1) last[1] = Math.max(last[1], third[head]!)
    else intervals.push([second[head]!, third[head]!])
  }
  const continuation = inSequence ? second[group[0]!]! : EMPTY
  return intervals.map(([min, max]) => store.sequence(store.repeat(first[heads[0]!]!, min, max), continuation))
}

/** `group` begins with literals of one first byte. */
function joinLiterals(store: ExpressionStore, group: readonly ExpressionId[]): ExpressionId {
  const { kinds, first, second, data } = store.nodes
  const isSequence = (id: ExpressionId) => kinds[id] === Kind.Sequence
  const texts = group.map(id => data[isSequence(id) ? first[id]! : id] as string)
  let shared = texts[0]!.length
  for (const text of texts) {
    let length = 1
    while (length < shared && text.charCodeAt(length) === texts[0]!.charCodeAt(length)) length++
    shared = Math.min(shared, length)
  }
  const tails = group.map((id, index) =>
    store.sequence(store.byteString(texts[index]!.slice(shared)), isSequence(id) ? second[id]! : EMPTY),
  )
  return store.sequence(store.byteString(texts[0]!.slice(0, shared)), store.choice(tails))
}
