import type { PageId } from '../protocol/ids.js'
import { PagePool } from './page-pool.js'
import {
  addChild,
  commonElements,
  commonPages,
  findChild,
  findPartialPage,
  isLeaf,
  makeNode,
  nodesBelow,
  type RadixNode,
  removeChild,
  splitNode,
} from './radix-tree.js'

/** A cached prefix. Valid until the next insert or flush, and beyond that while `node` is locked. */
export interface PrefixMatch {
  /** Elements covered. */
  readonly length: number
  /** Page i holds elements i * pageSize and on; of the last one, which need not be below `node`, perhaps only a part. */
  readonly pages: readonly PageId[]
  /** What to lock: the deepest node that is covered whole; the root of the namespace when none is. */
  readonly node: RadixNode
}

export interface PrefixInsert {
  /** The deepest node of the inserted prefix. */
  readonly node: RadixNode
  /** Pages that are new: the caller must fill `page` with elements index * pageSize and on. */
  readonly added: readonly { readonly index: number; readonly page: PageId }[]
}

export interface PrefixCacheCounts {
  readonly total: number
  readonly free: number
  /** Held by the tree and locked by a running request. */
  readonly inUse: number
  /** Held by the tree and evictable. */
  readonly cached: number
}

/** At least one in 2 ** 5 pages is freed when any must be. */
const EVICTION_SHIFT = 5

/**
 * Keys and values of prefixes that were computed before, by page, in one radix tree for each namespace.
 * Single-threaded; owns the page pool. match and insert may split nodes, which disturbs no holder of a node.
 */
export class PrefixCache {
  readonly pageSize: number
  readonly numPages: number
  readonly #pool: PagePool
  readonly #roots = new Map<string, RadixNode>()
  #clock = 0

  constructor(numPages: number, pageSize: number) {
    this.pageSize = pageSize
    this.numPages = numPages
    this.#pool = new PagePool(numPages)
  }

  /** Longest cached prefix of `elements`, to the element. Marks it as just used. */
  match(namespace: string, elements: Int32Array): PrefixMatch {
    const walked = this.#walk(this.#root(namespace), elements)
    const partial = findPartialPage(walked.node, elements, walked.length, this.pageSize)
    if (!partial) return walked
    partial.child.lastAccess = walked.node.lastAccess
    const pages = [...walked.pages, partial.child.pages[0]!]
    return { node: walked.node, length: walked.length + partial.count, pages }
  }

  /** Length of the prefix that `match` would find, without touching the tree. */
  peek(namespace: string, elements: Int32Array): number {
    let node = this.#roots.get(namespace)
    let length = 0
    while (node && elements.length - length >= this.pageSize) {
      const child = findChild(node, elements, length, this.pageSize)
      if (!child) break
      const common = commonElements(child.elements, 0, elements, length, child.elements.length)
      length += common
      if (common < child.elements.length) return length
      node = child
    }
    const partial = node && findPartialPage(node, elements, length, this.pageSize)
    return length + (partial?.count ?? 0)
  }

  /** Keeps the node and all above it from eviction; as many unlocks must follow. */
  lock(node: RadixNode): void {
    for (let at: RadixNode | null = node; at; at = at.parent) at.locks++
  }

  unlock(node: RadixNode): void {
    for (let at: RadixNode | null = node; at; at = at.parent) {
      if (at.locks === 0) throw new Error('prefix cache: unlock without lock')
      at.locks--
    }
  }

  /**
   * Makes the tree hold `elements`, a last page that is filled in part included. Pages that it lacks are taken from the
   * pool, evicting the least recently used leaves when the pool is empty; what cannot be had is left out from the end.
   */
  insert(namespace: string, elements: Int32Array): PrefixInsert {
    const { node, length } = this.#walk(this.#root(namespace), elements)
    const partial = findPartialPage(node, elements, length, this.pageSize)
    const isHeld = length + (partial?.count ?? 0) === elements.length
    if (isHeld) return { node, added: [] }
    const added = this.#take(node, length / this.pageSize, Math.ceil(elements.length / this.pageSize))
    const numWhole = added.filter(({ index }) => (index + 1) * this.pageSize <= elements.length).length
    let end = node
    if (numWhole > 0) {
      const whole = elements.slice(length, length + numWhole * this.pageSize)
      end = this.#append(
        node,
        whole,
        added.slice(0, numWhole).map(entry => entry.page),
      )
    }
    if (added.length > numWhole) {
      const tail = elements.slice(length + numWhole * this.pageSize)
      end = this.#append(end, tail, [added[numWhole]!.page])
    }
    return { node: end, added }
  }

  /** Frees every page that no running request needs. */
  flush(): void {
    this.#evict(this.#pool.total)
    this.#dropEmptyRoots()
  }

  counts(): PrefixCacheCounts {
    let inUse = 0
    let held = 0
    for (const node of this.#nodes()) {
      held += node.pages.length
      if (node.locks > 0) inUse += node.pages.length
    }
    return { total: this.#pool.total, free: this.#pool.numFree, inUse, cached: held - inUse }
  }

  /** Throws unless free + cached + in use is the total, every page has one node, and locks and clocks never grow downwards. */
  checkIntegrity(): void {
    this.#pool.checkIntegrity()
    const owners = new Set<PageId>()
    for (const node of this.#nodes()) {
      if (Math.ceil(node.elements.length / this.pageSize) !== node.pages.length) {
        throw new Error(`prefix cache: a node of ${node.elements.length} elements has ${node.pages.length} pages`)
      }
      if (node.elements.length % this.pageSize !== 0 && (node.pages.length !== 1 || !isLeaf(node))) {
        throw new Error('prefix cache: a page that is filled in part is not a tail')
      }
      for (const page of node.pages) {
        if (owners.has(page)) throw new Error(`prefix cache: page ${page} is held by two nodes`)
        if (!this.#pool.isHeld(page)) throw new Error(`prefix cache: page ${page} is in the tree but free`)
        owners.add(page)
      }
      if (node.parent && node.locks > node.parent.locks) throw new Error('prefix cache: more locks than the parent')
      if (node.parent && node.lastAccess > node.parent.lastAccess)
        throw new Error('prefix cache: newer than the parent')
    }
    if (owners.size + this.#pool.numFree !== this.#pool.total) {
      throw new Error(`prefix cache: ${owners.size} held + ${this.#pool.numFree} free is not ${this.#pool.total}`)
    }
  }

  #root(namespace: string): RadixNode {
    let root = this.#roots.get(namespace)
    if (!root) {
      this.#dropEmptyRoots()
      root = makeNode(null, new Int32Array(0), [], this.#clock)
      this.#roots.set(namespace, root)
    }
    return root
  }

  /** Salts come from callers and may be many; a namespace without pages or locks leaves nothing behind. */
  #dropEmptyRoots(): void {
    for (const [namespace, root] of this.#roots) if (isLeaf(root) && root.locks === 0) this.#roots.delete(namespace)
  }

  /** Follows whole pages as far as they go. */
  #walk(root: RadixNode, elements: Int32Array): { node: RadixNode; length: number; pages: PageId[] } {
    const now = ++this.#clock
    const pages: PageId[] = []
    let node = root
    let length = 0
    node.lastAccess = now
    while (elements.length - length >= this.pageSize) {
      const child = findChild(node, elements, length, this.pageSize)
      if (!child) break
      const common = commonPages(child, elements, length, this.pageSize)
      node = common < child.pages.length ? splitNode(child, common, this.pageSize) : child
      node.lastAccess = now
      for (const page of node.pages) pages.push(page)
      length += common * this.pageSize
    }
    return { node, length, pages }
  }

  #take(node: RadixNode, firstIndex: number, endIndex: number): { index: number; page: PageId }[] {
    this.lock(node)
    this.#evict(endIndex - firstIndex - this.#pool.numFree)
    this.unlock(node)
    const taken: { index: number; page: PageId }[] = []
    for (let index = firstIndex; index < endIndex; index++) {
      const page = this.#pool.allocate()
      if (page === null) break
      taken.push({ index, page })
    }
    return taken
  }

  #append(parent: RadixNode, elements: Int32Array, pages: PageId[]): RadixNode {
    const node = makeNode(parent, elements, pages, this.#clock)
    for (const tail of [...parent.tails]) {
      const isCovered = commonElements(tail.elements, 0, elements, 0, this.pageSize) === tail.elements.length
      if (isCovered && tail.locks === 0) this.#shorten(tail, 1)
    }
    addChild(parent, node, this.pageSize)
    return node
  }

  /** Frees `numPages` pages if it can: least recently used leaves first, from their ends; a parent follows its last child. */
  #evict(numPages: number): void {
    if (numPages <= 0) return
    // A look over all leaves pays for several inserts.
    let missing = Math.max(numPages, this.#pool.total >> EVICTION_SHIFT)
    while (missing > 0) {
      const leaves = this.#evictableLeaves()
      if (leaves.length === 0) return
      for (const leaf of leaves) {
        if (missing <= 0) return
        const count = Math.min(missing, leaf.pages.length)
        this.#shorten(leaf, count)
        missing -= count
      }
    }
  }

  #shorten(leaf: RadixNode, numPages: number): void {
    if (numPages === leaf.pages.length) removeChild(leaf.parent!, leaf, this.pageSize)
    for (const page of leaf.pages.splice(leaf.pages.length - numPages)) this.#pool.free(page)
    leaf.elements = leaf.elements.slice(0, leaf.pages.length * this.pageSize)
  }

  #evictableLeaves(): RadixNode[] {
    const leaves: RadixNode[] = []
    for (const node of this.#nodes()) if (node.parent && node.locks === 0 && isLeaf(node)) leaves.push(node)
    return leaves.sort((a, b) => a.lastAccess - b.lastAccess)
  }

  #nodes(): RadixNode[] {
    return [...this.#roots.values()].flatMap(nodesBelow)
  }
}
