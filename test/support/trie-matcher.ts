import type { OutputMatcher } from '../../runtime/engine/generate-task.js'

interface Node {
  readonly children: Map<number, Node>
  isEnd: boolean
}

/** A grammar whose sentences are listed token by token: the simplest matcher that leaves choices and dictates runs. */
export class TrieMatcher implements OutputMatcher {
  readonly #stopId: number
  #at: Node

  constructor(sentences: readonly (readonly number[])[], stopId: number) {
    this.#stopId = stopId
    this.#at = { children: new Map(), isEnd: false }
    for (const sentence of sentences) {
      let node = this.#at
      for (const id of sentence) {
        if (!node.children.has(id)) node.children.set(id, { children: new Map(), isEnd: false })
        node = node.children.get(id)!
      }
      node.isEnd = true
    }
  }

  /** Ascending; null for an odd number of them, so that both ways of saying it are used. */
  allowedIds(): Int32Array | null {
    const ids = this.#allowed()
    return ids.length % 2 === 0 ? Int32Array.from(ids) : null
  }

  fillMask(row: Int32Array): void {
    row.fill(0)
    for (const id of this.#allowed()) row[id >> 5]! |= 1 << (id & 31)
  }

  accept(tokenId: number): void {
    const next = this.#at.children.get(tokenId)
    if (!next) throw new Error(`token ${tokenId} is not allowed here`)
    this.#at = next
  }

  forcedTokens(): number[] {
    const forced: number[] = []
    for (let node = this.#at; !node.isEnd && node.children.size === 1; ) {
      const [id, child] = [...node.children][0]!
      forced.push(id)
      node = child
    }
    return forced
  }

  mustStop(): boolean {
    return this.#at.isEnd && this.#at.children.size === 0
  }

  shortestCompletion(): number[] {
    const queue: { readonly node: Node; readonly ids: number[] }[] = [{ node: this.#at, ids: [] }]
    for (const { node, ids } of queue) {
      if (node.isEnd) return ids
      for (const [id, child] of node.children) queue.push({ node: child, ids: [...ids, id] })
    }
    throw new Error('no sentence ends from here')
  }

  #allowed(): number[] {
    const ids = [...this.#at.children.keys()]
    if (this.#at.isEnd) ids.push(this.#stopId)
    return ids.sort((a, b) => a - b)
  }
}
