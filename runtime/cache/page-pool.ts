import { type PageId, pageId } from '../protocol/ids.js'

/** Hands out the pages of key/value memory. A page is either free or held by exactly one owner; the pool knows only which. */
export class PagePool {
  readonly total: number
  readonly #free: Int32Array
  #numFree: number
  readonly #held: Uint8Array

  constructor(total: number) {
    this.total = total
    this.#free = Int32Array.from({ length: total }, (_, index) => total - 1 - index)
    this.#numFree = total
    this.#held = new Uint8Array(total)
  }

  get numFree(): number {
    return this.#numFree
  }

  /** null when every page is held. */
  allocate(): PageId | null {
    if (this.#numFree === 0) return null
    const page = this.#free[--this.#numFree]!
    this.#held[page] = 1
    return pageId(page)
  }

  free(page: PageId): void {
    if (this.#held[page] !== 1) throw new Error(`page ${page} is freed but was not held`)
    this.#held[page] = 0
    this.#free[this.#numFree++] = page
  }

  isHeld(page: PageId): boolean {
    return this.#held[page] === 1
  }

  /** Throws unless every page is free or held, once. */
  checkIntegrity(): void {
    const held = this.#held.reduce((sum, flag) => sum + flag, 0)
    if (held + this.#numFree !== this.total) {
      throw new Error(`page pool: ${held} held + ${this.#numFree} free is not ${this.total}`)
    }
    const seen = new Set(this.#free.subarray(0, this.#numFree))
    if (seen.size !== this.#numFree) throw new Error('page pool: a page is free twice')
    for (const page of seen) if (this.#held[page]) throw new Error(`page pool: page ${page} is both free and held`)
  }
}
