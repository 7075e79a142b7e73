import type { ExpressionStore } from './expression.js'
import { EMPTY, type ExpressionId, Kind } from './expression-nodes.js'

export interface PlainRun {
  /** Every text of up to this many plain characters may come next. 0 when nothing is known. */
  readonly length: number
  /** No token made of more plain characters may come next. */
  readonly isExact: boolean
}

const NONE: PlainRun = { length: 0, isExact: false }

/** What the state says about plain characters of a JSON string (see ExpressionStore.markStringCharacter) coming next. */
export function plainRun(store: ExpressionStore, state: ExpressionId): PlainRun {
  const character = store.stringCharacter
  if (character === null) return NONE
  const { kinds, first, second, third, data } = store.nodes
  if (kinds[state] === Kind.Choice) {
    let best = NONE
    for (const member of data[state] as readonly number[]) {
      const run = plainRun(store, member)
      if (run.length > best.length) best = { length: run.length, isExact: false }
    }
    return best
  }
  const inSequence = kinds[state] === Kind.Sequence
  const head = inSequence ? first[state]! : state
  if (kinds[head] !== Kind.Repeat || first[head] !== character) return NONE
  const continuation = inSequence ? second[state]! : EMPTY
  // A dead continuation would make every character illegal; the pruned states that masks are made for have none.
  return { length: third[head]!, isExact: !beginsPlain(store, continuation) }
}

function beginsPlain(store: ExpressionStore, state: ExpressionId): boolean {
  const segments = store.derivatives.segments(state)
  for (let at = 0; at < segments.length; at += 3) {
    for (let byte = segments[at]!; byte <= segments[at + 1]!; byte++) {
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) return true
    }
  }
  return false
}

/**
 * The state with its counters cut to what a token of `maxBytes` can feel: far from both ends of a count, all states
 * allow the same tokens, and share one mask.
 */
export function maskKey(store: ExpressionStore, state: ExpressionId, maxBytes: number): ExpressionId {
  const { kinds, first, second, third, data } = store.nodes
  switch (kinds[state]) {
    case Kind.Repeat: {
      if (store.isNullable(first[state]!)) return state
      const min = Math.min(second[state]!, maxBytes + 1)
      const max = third[state]! > maxBytes ? Number.POSITIVE_INFINITY : third[state]!
      return store.repeat(first[state]!, min, max)
    }
    case Kind.Sequence:
      return store.sequence(maskKey(store, first[state]!, maxBytes), second[state]!)
    case Kind.Choice:
      return store.choice((data[state] as readonly number[]).map(member => maskKey(store, member, maxBytes)))
    default:
      return state
  }
}
