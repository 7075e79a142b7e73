/** Staging memory for normalised tiles on their way to the vision encoder. Hands out runs of tiles; callers wait their turn. */
export class TileArena {
  readonly numTiles: number
  readonly #taken: Uint8Array
  readonly #waiting: { readonly tiles: number; readonly grant: (first: number) => void }[] = []

  constructor(numTiles: number) {
    this.numTiles = numTiles
    this.#taken = new Uint8Array(numTiles)
  }

  /** Index of the first of `tiles` neighbouring tiles. Served in order of asking, so that a large picture is not starved. */
  allocate(tiles: number): Promise<number> {
    if (tiles > this.numTiles) throw new RangeError(`${tiles} tiles do not fit an arena of ${this.numTiles}`)
    return new Promise(grant => {
      this.#waiting.push({ tiles, grant })
      this.#serve()
    })
  }

  free(first: number, tiles: number): void {
    for (let tile = first; tile < first + tiles; tile++) {
      if (this.#taken[tile] !== 1) throw new Error(`tile arena: tile ${tile} is freed but was not taken`)
      this.#taken[tile] = 0
    }
    this.#serve()
  }

  /** Throws unless every tile is free and nobody waits; for an idle encoder. */
  checkIntegrity(): void {
    const taken = this.#taken.reduce((sum, flag) => sum + flag, 0)
    if (taken > 0 || this.#waiting.length > 0) {
      throw new Error(`tile arena: ${taken} tiles taken and ${this.#waiting.length} waiting while idle`)
    }
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const first = this.#findRun(next.tiles)
      if (first < 0) return
      this.#taken.fill(1, first, first + next.tiles)
      this.#waiting.shift()
      next.grant(first)
    }
  }

  #findRun(tiles: number): number {
    let run = 0
    for (let tile = 0; tile < this.numTiles; tile++) {
      run = this.#taken[tile] ? 0 : run + 1
      if (run === tiles) return tile - tiles + 1
    }
    return -1
  }
}
