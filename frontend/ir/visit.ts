import { type Body, type BodyNode, isSlot, type Kind, type Node, type NodeOf, type TurnNode } from './node.js'

/** One function for each kind: a new kind cannot be forgotten in any pass. */
export type NodeTable<K extends Kind, Context extends readonly unknown[], Result> = {
  readonly [Each in K]: (node: NodeOf<Each>, ...context: Context) => Result
}

export function visit<K extends Kind, Context extends readonly unknown[], Result>(
  table: NodeTable<K, Context, Result>,
  node: NodeOf<K>,
  ...context: Context
): Result {
  // The table pairs each kind with a function of that very kind; the compiler cannot follow the pairing through an index.
  const handle = table[node.kind as K] as (node: Node, ...context: Context) => Result
  return handle(node, ...context)
}

const INNER_BODIES: NodeTable<BodyNode['kind'], [], readonly Body[]> = {
  turn: () => [],
  fork: node => node.branches.map(branch => branch.body),
  when: node => node.cases.map(each => each.body),
  repeat: node => node.rounds,
}

/** All turns in the order of the text, whether they will run or not. */
export function* turnsOf(body: Body): Generator<TurnNode> {
  for (const node of body) {
    if (node.kind === 'turn') yield node
    for (const inner of visit(INNER_BODIES, node)) yield* turnsOf(inner)
  }
}

/** Names that running this body surely or possibly captures, without those inside forks and repeats. */
export function capturedNames(body: Body): string[] {
  const table: NodeTable<BodyNode['kind'], [], readonly string[]> = {
    turn: node => node.content.filter(isSlot).map(slot => slot.name),
    fork: node => [node.name],
    when: node => node.cases.flatMap(each => capturedNames(each.body)),
    repeat: node => [node.name],
  }
  return [...new Set(body.flatMap(node => visit(table, node)))]
}
