import type { ExpressionStore } from './expression.js'
import { EMPTY, type ExpressionId, Kind } from './expression-nodes.js'

interface CountedGroup {
  readonly repeated: ExpressionId
  readonly continuation: ExpressionId
  readonly members: { readonly id: ExpressionId; readonly min: number; readonly max: number }[]
}

/**
 * Joins members that repeat the same thing before the same continuation where their counts touch: x{2,3} | x{4,9}
 * is x{2,9}. Without this a counter whose item has several lengths would need a state for each set of counts.
 */
export function mergeRepeats(store: ExpressionStore, members: ExpressionId[]): ExpressionId[] {
  const groups = new Map<number, CountedGroup>()
  const others: ExpressionId[] = []
  for (const id of members) {
    const { kinds, first, second, third } = store.nodes
    const inSequence = kinds[id] === Kind.Sequence
    const head = inSequence ? first[id]! : id
    if (kinds[head] !== Kind.Repeat) {
      others.push(id)
      continue
    }
    const repeated = first[head]!
    const continuation = inSequence ? second[id]! : EMPTY
    const key = repeated * 2 ** 24 + continuation
    let group = groups.get(key)
    if (group === undefined) {
      group = { repeated, continuation, members: [] }
      groups.set(key, group)
    }
    group.members.push({ id, min: second[head]!, max: third[head]! })
  }
  for (const group of groups.values()) others.push(...mergeGroup(store, group))
  return others
}

function mergeGroup(store: ExpressionStore, group: CountedGroup): ExpressionId[] {
  if (group.members.length === 1) return [group.members[0]!.id]
  group.members.sort((a, b) => a.min - b.min)
  const intervals: [number, number][] = []
  for (const { min, max } of group.members) {
    const last = intervals.at(-1)
    if (last !== undefined && min <= last[1] + 1) last[1] = Math.max(last[1], max)
    else intervals.push([min, max])
  }
  return intervals.map(([min, max]) => store.sequence(store.repeat(group.repeated, min, max), group.continuation))
}
