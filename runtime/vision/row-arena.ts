export interface RowRange {
  readonly offset: number
  readonly rows: number
}

/** Contiguous ranges out of a fixed number of rows. Knows nothing of what lies in them. */
export class RowArena {
  readonly capacity: number
  /** Disjoint, by offset, never touching each other. */
  #free: RowRange[]

  constructor(capacity: number) {
    this.capacity = capacity
    this.#free = capacity > 0 ? [{ offset: 0, rows: capacity }] : []
  }

  get freeRows(): number {
    return this.#free.reduce((sum, range) => sum + range.rows, 0)
  }

  get freeRanges(): readonly RowRange[] {
    return this.#free
  }

  /** The start of a range of `rows`, from the smallest gap that holds it; null when none does. */
  take(rows: number): number | null {
    let best = -1
    for (const [index, gap] of this.#free.entries()) {
      if (gap.rows >= rows && (best < 0 || gap.rows < this.#free[best]!.rows)) best = index
    }
    if (best < 0) return null
    const gap = this.#free[best]!
    const rest = gap.rows > rows ? [{ offset: gap.offset + rows, rows: gap.rows - rows }] : []
    this.#free.splice(best, 1, ...rest)
    return gap.offset
  }

  /** Gives a taken range back; it grows together with the gaps that it touches. Throws when any of it is free already. */
  give({ offset, rows }: RowRange): void {
    const after = this.#free.findIndex(gap => gap.offset >= offset)
    const index = after < 0 ? this.#free.length : after
    const previous = this.#free[index - 1]
    const next = this.#free[index]
    if ((previous && previous.offset + previous.rows > offset) || (next && next.offset < offset + rows)) {
      throw new Error(`rows ${offset} to ${offset + rows} are free already`)
    }
    const joinsPrevious = previous !== undefined && previous.offset + previous.rows === offset
    const joinsNext = next !== undefined && next.offset === offset + rows
    const start = joinsPrevious ? previous.offset : offset
    const end = joinsNext ? next.offset + next.rows : offset + rows
    this.#free.splice(index - (joinsPrevious ? 1 : 0), Number(joinsPrevious) + Number(joinsNext), {
      offset: start,
      rows: end - start,
    })
  }
}
