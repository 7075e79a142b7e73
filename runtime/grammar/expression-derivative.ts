import { EngineError } from '../protocol/error.js'
import type { ExpressionStore } from './expression.js'
import { EMPTY, type ExpressionId, FAIL, Kind } from './expression-nodes.js'

/** Flat triples [low, high, target], sorted, disjoint, no target FAIL; neighbours with one target are joined. */
export type Segments = readonly number[]

const NONE: Segments = []
const ROW = 256
const INITIAL_ROWS = 8
/** Nesting of first parts that one derivative looks through; keeps the call stack far from its end. */
const MAX_DEPTH = 1_000

/**
 * Byte derivatives. `segments` are the raw ones, by ranges of bytes, and cheap; `row` expands them into a table of
 * 256 targets for walks, with branches that can no longer end cut off.
 */
export class Derivatives {
  readonly #store: ExpressionStore
  readonly #segments: (Segments | undefined)[] = []
  readonly #rowStarts: (number | undefined)[] = []
  readonly #entered = new Set<number>()
  #depth = 0
  #rows = 0
  /** Row r is table[r * 256 .. r * 256 + 255]. Replaced when it grows: read it anew after every `rowStart`. */
  table = new Int32Array(ROW * INITIAL_ROWS)

  constructor(store: ExpressionStore) {
    this.#store = store
  }

  get bytes(): number {
    return this.table.byteLength + this.#segments.length * 40
  }

  get rowCount(): number {
    return this.#rows
  }

  /** Forgets all rows when more than half of the room for them is taken; row starts handed out before are void. */
  trim(): void {
    if (this.#rows * 2 <= this.#store.limits.maxStates) return
    this.#rows = 0
    this.#rowStarts.length = 0
    this.table = new Int32Array(ROW * INITIAL_ROWS)
  }

  step(id: ExpressionId, byte: number): ExpressionId {
    const { items } = this.#store
    if (items.keepsText(id)) return this.#store.prune(items.step(id, byte))
    const start = this.rowStart(id)
    return this.table[start + byte]!
  }

  /** Steps worth trying from a state; where they differ from byte to byte, two bytes of each range. */
  *samples(id: ExpressionId): Generator<readonly [low: number, high: number, target: ExpressionId], void> {
    const segments = this.segments(id)
    const differ = this.#store.items.keepsText(id)
    for (let at = 0; at < segments.length; at += 3) {
      const [low, high] = [segments[at]!, segments[at + 1]!]
      if (!differ) yield [low, high, segments[at + 2]!]
      else for (const byte of pickBytes(low, high)) yield [byte, byte, this.step(id, byte)]
    }
  }

  /** Where the row of `id` begins in `table`; made when it is not there yet. Without regard to kept texts: see distinct-items.ts. */
  rowStart(id: ExpressionId): number {
    const known = this.#rowStarts[id]
    return known !== undefined ? known : this.#makeRow(id)
  }

  #makeRow(id: ExpressionId): number {
    const store = this.#store
    const raw = this.segments(id)
    const pruned: number[] = []
    for (let at = 0; at < raw.length; at += 3) pruned.push(store.prune(raw[at + 2]!))
    if (this.#rows >= store.limits.maxStates)
      throw store.nodes.tooComplex(`it has more than ${store.limits.maxStates} states`)
    const start = this.#rows++ * ROW
    if (start + ROW > this.table.length) {
      const grown = new Int32Array(this.table.length * 2)
      grown.set(this.table)
      this.table = grown
    }
    for (let at = 0; at < raw.length; at += 3)
      this.table.fill(pruned[at / 3]!, start + raw[at]!, start + raw[at + 1]! + 1)
    while (this.#rowStarts.length < id) this.#rowStarts.push(undefined)
    this.#rowStarts[id] = start
    return start
  }

  segments(id: ExpressionId): Segments {
    const known = this.#segments[id]
    if (known !== undefined) return known
    if (this.#depth >= MAX_DEPTH) {
      throw this.#store.nodes.tooComplex(`more than ${MAX_DEPTH} parts are nested at one place`)
    }
    this.#depth++
    try {
      const made = this.#derive(id)
      while (this.#segments.length < id) this.#segments.push(undefined)
      this.#segments[id] = made
      return made
    } finally {
      this.#depth--
    }
  }

  #derive(id: ExpressionId): Segments {
    const store = this.#store
    const { kinds, first, second, third, data } = store.nodes
    switch (kinds[id]) {
      case Kind.ByteClass: {
        const ranges = data[id] as readonly number[]
        const made: number[] = []
        for (let at = 0; at < ranges.length; at += 2) made.push(ranges[at]!, ranges[at + 1]!, EMPTY)
        return made
      }
      case Kind.Literal: {
        const byte = (data[id] as string).charCodeAt(0)
        return [byte, byte, store.byteString((data[id] as string).slice(1))]
      }
      case Kind.Sequence: {
        const head = this.#follow(this.segments(first[id]!), second[id]!)
        return store.isNullable(first[id]!) ? this.#union([head, this.segments(second[id]!)]) : head
      }
      case Kind.Choice:
        return this.#union((data[id] as readonly number[]).map(member => this.segments(member)))
      case Kind.Repeat: {
        const rest = store.repeat(first[id]!, Math.max(0, second[id]! - 1), third[id]! - 1)
        return this.#follow(this.segments(first[id]!), rest)
      }
      case Kind.Rule:
        return this.#deriveRule(first[id]!)
      case Kind.And:
        return this.#intersect(this.segments(first[id]!), this.segments(second[id]!))
      case Kind.Not:
        return this.#complement(this.segments(first[id]!))
      case Kind.Item: {
        const made: number[] = []
        const inner = this.segments(first[id]!)
        for (let at = 0; at < inner.length; at += 3)
          append(made, inner[at]!, inner[at + 1]!, store.items.forgotten(id, inner[at + 2]!))
        return store.isNullable(first[id]!) ? this.#union([made, this.segments(store.items.afterForgotten(id))]) : made
      }
      default:
        return NONE
    }
  }

  #deriveRule(index: number): Segments {
    if (this.#entered.has(index)) {
      const name = this.#store.rules.name(index)
      throw new EngineError('GRAMMAR_INVALID', {
        what: `Rule "${name}" begins with itself; a rule must consume something before it comes back to itself.`,
        rule: name,
      })
    }
    this.#entered.add(index)
    try {
      return this.segments(this.#store.rules.body(index))
    } finally {
      this.#entered.delete(index)
    }
  }

  #follow(head: Segments, continuation: ExpressionId): Segments {
    const made: number[] = []
    for (let at = 0; at < head.length; at += 3)
      append(made, head[at]!, head[at + 1]!, this.#store.sequence(head[at + 2]!, continuation))
    return made
  }

  #union(lists: readonly Segments[]): Segments {
    const live = lists.filter(list => list.length > 0)
    if (live.length === 0) return NONE
    if (live.length === 1) return live[0]!
    const isStart = new Uint8Array(ROW + 1)
    for (const list of live) {
      for (let at = 0; at < list.length; at += 3) {
        isStart[list[at]!] = 1
        isStart[list[at + 1]! + 1] = 1
      }
    }
    const targets: ExpressionId[][] = []
    for (const list of live) {
      for (let at = 0; at < list.length; at += 3) {
        for (let byte = list[at]!; byte <= list[at + 1]!; byte++) {
          if (isStart[byte] === 0) continue
          const bucket = targets[byte]
          if (bucket === undefined) targets[byte] = [list[at + 2]!]
          else bucket.push(list[at + 2]!)
        }
      }
    }
    const made: number[] = []
    for (let low = 0; low < ROW; ) {
      let high = low
      while (high + 1 < ROW && isStart[high + 1] === 0) high++
      const bucket = targets[low]
      if (bucket !== undefined) append(made, low, high, this.#store.choice(bucket))
      low = high + 1
    }
    return made
  }

  #intersect(a: Segments, b: Segments): Segments {
    const made: number[] = []
    for (let i = 0, j = 0; i < a.length && j < b.length; ) {
      const low = Math.max(a[i]!, b[j]!)
      const high = Math.min(a[i + 1]!, b[j + 1]!)
      if (low <= high) append(made, low, high, this.#store.and(a[i + 2]!, b[j + 2]!))
      if (a[i + 1]! < b[j + 1]!) i += 3
      else j += 3
    }
    return made
  }

  #complement(inner: Segments): Segments {
    const { anything } = this.#store
    const made: number[] = []
    let next = 0
    for (let at = 0; at < inner.length; at += 3) {
      if (inner[at]! > next) append(made, next, inner[at]! - 1, anything)
      append(made, inner[at]!, inner[at + 1]!, this.#store.not(inner[at + 2]!))
      next = inner[at + 1]! + 1
    }
    if (next < ROW) append(made, next, ROW - 1, anything)
    return made
  }
}

function append(made: number[], low: number, high: number, target: ExpressionId): void {
  if (target === FAIL) return
  const end = made.length
  if (end > 0 && made[end - 1] === target && made[end - 2] === low - 1) made[end - 2] = high
  else made.push(low, high, target)
}

/** A letter or a digit where there is one. */
function pickBytes(low: number, high: number): readonly number[] {
  const wishes = [0x61, 0x30, low, high].filter(byte => low <= byte && byte <= high)
  return [...new Set(wishes)].slice(0, 2)
}
