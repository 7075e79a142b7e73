import type { CodePointSet } from './code-points.js'

/** A parsed pattern. Captures leave no trace: only the language counts. */
export type RegexNode =
  | { readonly kind: 'class'; readonly set: CodePointSet }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  /** `max` is Infinity when unbounded. Greedy or lazy makes no difference to the language. */
  | { readonly kind: 'repeat'; readonly body: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  /** `\b`, or `\B` when negative. */
  | { readonly kind: 'boundary'; readonly negative: boolean }
  /** `(?=body)` or, when negative, `(?!body)`. */
  | { readonly kind: 'look-ahead'; readonly negative: boolean; readonly body: RegexNode }

export const NOTHING: RegexNode = { kind: 'sequence', parts: [] }
export const NEVER: RegexNode = { kind: 'choice', options: [] }

/** What the language of a node depends on besides its own characters. */
export interface Dependence {
  readonly start: boolean
  readonly end: boolean
  /** Lookahead or a word boundary. */
  readonly look: boolean
}

const FREE: Dependence = { start: false, end: false, look: false }
const cache = new WeakMap<RegexNode, Dependence>()

export function dependenceOf(node: RegexNode): Dependence {
  const known = cache.get(node)
  if (known !== undefined) return known
  const dependence = computeDependence(node)
  cache.set(node, dependence)
  return dependence
}

export function isFree(node: RegexNode): boolean {
  const { start, end, look } = dependenceOf(node)
  return !start && !end && !look
}

function computeDependence(node: RegexNode): Dependence {
  switch (node.kind) {
    case 'class':
      return FREE
    case 'start':
      return { ...FREE, start: true }
    case 'end':
      return { ...FREE, end: true }
    case 'boundary':
      return { ...FREE, look: true }
    case 'look-ahead':
      return { ...dependenceOf(node.body), look: true }
    case 'repeat':
      return dependenceOf(node.body)
    case 'sequence':
      return combine(node.parts)
    case 'choice':
      return combine(node.options)
  }
}

function combine(nodes: readonly RegexNode[]): Dependence {
  const all = nodes.map(dependenceOf)
  return {
    start: all.some(each => each.start),
    end: all.some(each => each.end),
    look: all.some(each => each.look),
  }
}

/** The node as it matches where the anchors named can never hold. */
export function forbidAnchors(node: RegexNode, anchors: { readonly start: boolean; readonly end: boolean }): RegexNode {
  const dependence = dependenceOf(node)
  if (!(anchors.start && dependence.start) && !(anchors.end && dependence.end)) return node
  switch (node.kind) {
    case 'start':
    case 'end':
      return NEVER
    case 'sequence':
      return { kind: 'sequence', parts: node.parts.map(part => forbidAnchors(part, anchors)) }
    case 'choice':
      return { kind: 'choice', options: node.options.map(option => forbidAnchors(option, anchors)) }
    case 'repeat':
      return { ...node, body: forbidAnchors(node.body, anchors) }
    case 'look-ahead':
    case 'boundary':
    case 'class':
      return node
  }
}
