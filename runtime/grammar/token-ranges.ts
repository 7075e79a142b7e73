/** Half-open ranges of positions in a trie's token order, in ascending order; touching ones are joined. Reused from mask to mask. */
export class TokenRanges {
  #ends = new Int32Array(256)
  #length = 0
  #count = 0

  /** Number of ranges. */
  get length(): number {
    return this.#length
  }

  /** Positions inside all ranges. */
  get count(): number {
    return this.#count
  }

  clear(): void {
    this.#length = 0
    this.#count = 0
  }

  /** `from` is not below any earlier end, unless another trie's ranges begin here. */
  add(from: number, to: number): void {
    this.#count += to - from
    const last = this.#length * 2 - 1
    if (last > 0 && this.#ends[last] === from) {
      this.#ends[last] = to
      return
    }
    if (last + 2 >= this.#ends.length) {
      const grown = new Int32Array(this.#ends.length * 2)
      grown.set(this.#ends)
      this.#ends = grown
    }
    this.#ends[last + 1] = from
    this.#ends[last + 2] = to
    this.#length++
  }

  /** Sets the bits of the tokens in ranges `first` to `last` - 1. */
  set(order: Int32Array, first: number, last: number, bits: Int32Array): void {
    for (let range = first; range < last; range++) {
      for (let at = this.#ends[range * 2]!; at < this.#ends[range * 2 + 1]!; at++) {
        const id = order[at]!
        bits[id >>> 5]! |= 1 << (id & 31)
      }
    }
  }

  /** Clears the bits of all tokens that lie in none of the ranges. */
  clearGaps(order: Int32Array, first: number, last: number, bits: Int32Array): void {
    let at = 0
    for (let range = first; range <= last; range++) {
      const end = range === last ? order.length : this.#ends[range * 2]!
      for (; at < end; at++) {
        const id = order[at]!
        bits[id >>> 5]! &= ~(1 << (id & 31))
      }
      if (range < last) at = this.#ends[range * 2 + 1]!
    }
  }
}
