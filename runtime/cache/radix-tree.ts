import type { PageId } from '../protocol/ids.js'

/**
 * A radix tree over sequences of int32 elements, cut into pages. An element is a token id (0 and up) or stands for a
 * picture (negative, one number for each distinct picture). Edges hold whole pages and split at page boundaries only;
 * a prefix that ends inside a page ends in a tail: a leaf with one page that is filled in part.
 *
 *   root ── [page page page] ──┬── [page]
 *                              ├── [page page] ── (tail)
 *                              └── (tail)
 */
export interface RadixNode {
  /** Elements of this edge: pages.length * pageSize of them, fewer in a tail. */
  elements: Int32Array
  pages: PageId[]
  parent: RadixNode | null
  /** By hash of the first page; nodes with equal hashes share a bucket and are told apart by comparing elements. */
  readonly children: Map<number, RadixNode[]>
  readonly tails: RadixNode[]
  /** Running requests that need this node or one below it. */
  locks: number
  /** Logical clock of the last match or insert that passed here; never smaller than that of a child. */
  lastAccess: number
}

export function makeNode(
  parent: RadixNode | null,
  elements: Int32Array,
  pages: PageId[],
  lastAccess: number,
): RadixNode {
  return { elements, pages, parent, children: new Map(), tails: [], locks: 0, lastAccess }
}

export function isLeaf(node: RadixNode): boolean {
  return node.children.size === 0 && node.tails.length === 0
}

export function* childrenOf(node: RadixNode): Generator<RadixNode> {
  for (const bucket of node.children.values()) yield* bucket
  yield* node.tails
}

/** The node and all below it, in no particular order. */
export function nodesBelow(node: RadixNode): RadixNode[] {
  const nodes = [node]
  for (let at = 0; at < nodes.length; at++) {
    for (const bucket of nodes[at]!.children.values()) for (const child of bucket) nodes.push(child)
    for (const tail of nodes[at]!.tails) nodes.push(tail)
  }
  return nodes
}

/** Child of `node` whose first page equals the page of `elements` at `start`. */
export function findChild(
  node: RadixNode,
  elements: Int32Array,
  start: number,
  pageSize: number,
): RadixNode | undefined {
  const bucket = node.children.get(hashPage(elements, start, pageSize))
  return bucket?.find(child => commonElements(child.elements, 0, elements, start, pageSize) === pageSize)
}

/** The page below `node` that shares most leading elements with `elements` from `start` on, when that is any. */
export function findPartialPage(
  node: RadixNode,
  elements: Int32Array,
  start: number,
  pageSize: number,
): { readonly child: RadixNode; readonly count: number } | null {
  const limit = Math.min(pageSize, elements.length - start)
  let best: { child: RadixNode; count: number } | null = null
  for (const child of childrenOf(node)) {
    const count = commonElements(child.elements, 0, elements, start, limit)
    if (count > (best?.count ?? 0)) best = { child, count }
    if (count === limit) break
  }
  return best
}

export function addChild(node: RadixNode, child: RadixNode, pageSize: number): void {
  if (child.elements.length < pageSize) {
    node.tails.push(child)
    return
  }
  const hash = hashPage(child.elements, 0, pageSize)
  const bucket = node.children.get(hash)
  if (bucket) bucket.push(child)
  else node.children.set(hash, [child])
}

export function removeChild(node: RadixNode, child: RadixNode, pageSize: number): void {
  const isTail = child.elements.length < pageSize
  const hash = isTail ? 0 : hashPage(child.elements, 0, pageSize)
  const siblings = isTail ? node.tails : node.children.get(hash)
  const index = siblings?.indexOf(child) ?? -1
  if (!siblings || index < 0) throw new Error('radix tree: the node is not among the children of its parent')
  siblings.splice(index, 1)
  if (!isTail && siblings.length === 0) node.children.delete(hash)
}

/** Number of leading pages of the edge `node` that equal `elements` from `start` on. */
export function commonPages(node: RadixNode, elements: Int32Array, start: number, pageSize: number): number {
  const limit = Math.min(node.elements.length, elements.length - start)
  return Math.floor(commonElements(node.elements, 0, elements, start, limit) / pageSize)
}

/**
 * Cuts the edge of `node` after `numPages` pages: a new node takes its place and holds the head, `node` keeps the rest
 * below it. Returns the head. Holders of `node` are not disturbed: its locks count for the head too.
 */
export function splitNode(node: RadixNode, numPages: number, pageSize: number): RadixNode {
  const parent = node.parent
  if (!parent) throw new Error('radix tree: the root cannot be split')
  const cut = numPages * pageSize
  removeChild(parent, node, pageSize)
  const head = makeNode(parent, node.elements.slice(0, cut), node.pages.slice(0, numPages), node.lastAccess)
  head.locks = node.locks
  node.elements = node.elements.slice(cut)
  node.pages = node.pages.slice(numPages)
  node.parent = head
  addChild(parent, head, pageSize)
  addChild(head, node, pageSize)
  return head
}

/** How many of at most `limit` elements are equal, from the given starts on. */
export function commonElements(
  left: Int32Array,
  leftStart: number,
  right: Int32Array,
  rightStart: number,
  limit: number,
): number {
  const end = Math.min(limit, left.length - leftStart, right.length - rightStart)
  let count = 0
  while (count < end && left[leftStart + count] === right[rightStart + count]) count++
  return count
}

/** FNV-1a over one page of elements. A collision costs a comparison, never a wrong hit. */
function hashPage(elements: Int32Array, start: number, pageSize: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < start + pageSize; i++) hash = Math.imul(hash ^ elements[i]!, 0x01000193)
  return hash
}
