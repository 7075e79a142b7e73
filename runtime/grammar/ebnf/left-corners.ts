import type { EbnfNode, EbnfRules } from './syntax.js'

/** Names of the rules that the empty text satisfies. */
export function findNullableRules(rules: EbnfRules): Set<string> {
  const nullable = new Set<string>()
  for (let before = -1; before !== nullable.size; ) {
    before = nullable.size
    for (const [name, body] of rules) if (isNullable(body, nullable)) nullable.add(name)
  }
  return nullable
}

export function isNullable(node: EbnfNode, nullableRules: ReadonlySet<string>): boolean {
  switch (node.kind) {
    case 'literal':
      return node.text === ''
    case 'class':
      return false
    case 'sequence':
      return node.parts.every(part => isNullable(part, nullableRules))
    case 'choice':
      return node.options.some(option => isNullable(option, nullableRules))
    case 'repeat':
      return node.min === 0 || isNullable(node.node, nullableRules)
    case 'rule':
      return nullableRules.has(node.name)
  }
}

/** Rules that a text of the node may begin with, directly. */
function leftCorners(node: EbnfNode, nullableRules: ReadonlySet<string>, into: Set<string>): void {
  switch (node.kind) {
    case 'sequence':
      for (const part of node.parts) {
        leftCorners(part, nullableRules, into)
        if (!isNullable(part, nullableRules)) return
      }
      return
    case 'choice':
      for (const option of node.options) leftCorners(option, nullableRules, into)
      return
    case 'repeat':
      if (node.max > 0) leftCorners(node.node, nullableRules, into)
      return
    case 'rule':
      into.add(node.name)
      return
    default:
      return
  }
}

/** For each left-recursive rule, the rules that it is left-recursive together with, itself among them. */
export function findLeftRecursion(
  rules: EbnfRules,
  nullableRules: ReadonlySet<string>,
): Map<string, readonly string[]> {
  const edges = new Map<string, Set<string>>()
  for (const [name, body] of rules) {
    const corners = new Set<string>()
    leftCorners(body, nullableRules, corners)
    edges.set(name, corners)
  }
  const groups = new Map<string, readonly string[]>()
  for (const component of components(edges)) {
    const isRecursive = component.length > 1 || edges.get(component[0]!)!.has(component[0]!)
    if (isRecursive) for (const name of component) groups.set(name, component)
  }
  return groups
}

/** Strongly connected components by Tarjan's algorithm, without recursion so that long chains of rules are no danger. */
function components(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const isOpen = new Set<string>()
  const found: string[][] = []
  for (const start of edges.keys()) {
    if (order.has(start)) continue
    const calls: { name: string; rest: Iterator<string> }[] = []
    const enter = (name: string): void => {
      order.set(name, order.size)
      low.set(name, order.get(name)!)
      open.push(name)
      isOpen.add(name)
      calls.push({ name, rest: (edges.get(name) ?? new Set<string>()).values() })
    }
    enter(start)
    while (calls.length > 0) {
      const { name, rest } = calls.at(-1)!
      const next = rest.next()
      if (next.done !== true) {
        if (!order.has(next.value)) enter(next.value)
        else if (isOpen.has(next.value)) low.set(name, Math.min(low.get(name)!, order.get(next.value)!))
        continue
      }
      calls.pop()
      const caller = calls.at(-1)
      if (caller !== undefined) low.set(caller.name, Math.min(low.get(caller.name)!, low.get(name)!))
      if (low.get(name) !== order.get(name)) continue
      const component = open.splice(open.indexOf(name))
      for (const member of component) isOpen.delete(member)
      found.push(component)
    }
  }
  return found
}
