import type { DistinctSnapshot } from './distinct-items.js'
import type { ExpressionStore } from './expression.js'
import { type ExpressionId, Kind, type NodeData } from './expression-nodes.js'

/** A store as plain arrays, to be sent from one thread to another. Every rule is there with its body. */
export interface PackedStore {
  /** Four numbers for each node: kind, first, second, third; Infinity stands as itself. */
  readonly nodes: Float64Array
  /** Data of the nodes that have any, one after the other: class ranges, literal bytes, choice members. */
  readonly data: Int32Array
  /** Where each node's data ends. */
  readonly dataEnds: Int32Array
  readonly ruleNames: readonly string[]
  readonly ruleBodies: Int32Array
  readonly root: ExpressionId
  readonly stringCharacter: ExpressionId | null
  readonly items: DistinctSnapshot
}

/** Nodes restored between two breaths. */
const SLICE = 4_096

/** Makes every rule's body first; throws GRAMMAR_TOO_COMPLEX when the rules do not end. */
export function packStore(store: ExpressionStore, root: ExpressionId): PackedStore {
  const ruleNames: string[] = []
  const bodies: ExpressionId[] = []
  for (let index = 0; index < store.rules.count; index++) {
    bodies.push(store.rules.body(index))
    ruleNames.push(store.rules.name(index))
  }
  const { kinds, first, second, third, data } = store.nodes
  const nodes = new Float64Array(store.size * 4)
  const dataEnds = new Int32Array(store.size)
  const flat: number[] = []
  for (let id = 0; id < store.size; id++) {
    nodes.set([kinds[id]!, first[id]!, second[id]!, third[id]!], id * 4)
    const value = data[id]!
    if (typeof value === 'string') for (let at = 0; at < value.length; at++) flat.push(value.charCodeAt(at))
    else for (const item of value ?? []) flat.push(item)
    dataEnds[id] = flat.length
  }
  return {
    nodes,
    data: Int32Array.from(flat),
    dataEnds,
    ruleNames,
    ruleBodies: Int32Array.from(bodies),
    root,
    stringCharacter: store.stringCharacter,
    items: store.items.snapshot(),
  }
}

export function transferablesOf(packed: PackedStore): ArrayBuffer[] {
  return [packed.nodes, packed.data, packed.dataEnds, packed.ruleBodies].map(array => array.buffer as ArrayBuffer)
}

/** Fills a fresh store with the same ids. Yields every few thousand nodes, so that the caller can let others run. */
export function* restoreStore(packed: PackedStore, store: ExpressionStore): Generator<void, void> {
  for (let id = store.size; id < packed.dataEnds.length; id++) {
    if (id % SLICE === 0) yield
    const kind = packed.nodes[id * 4]!
    const first = packed.nodes[id * 4 + 1]!
    const second = packed.nodes[id * 4 + 2]!
    const third = packed.nodes[id * 4 + 3]!
    // Rules were numbered as their nodes were made, so registering them in passing gives both the same numbers again.
    if (kind === Kind.Rule) store.rule(packed.ruleNames[first]!, () => packed.ruleBodies[first]!)
    else if (kind === Kind.Sequence || kind === Kind.And) store.nodes.internPair(kind, first, second)
    else store.nodes.intern(kind, first, second, third, readData(packed, id, kind))
  }
  store.items.restore(packed.items)
  if (packed.stringCharacter !== null) store.markStringCharacter(packed.stringCharacter)
}

function readData({ data, dataEnds }: PackedStore, id: ExpressionId, kind: number): NodeData {
  const values = data.subarray(dataEnds[id - 1]!, dataEnds[id]!)
  if (kind === Kind.Literal) return String.fromCharCode(...values)
  return kind === Kind.ByteClass || kind === Kind.Choice ? [...values] : null
}
