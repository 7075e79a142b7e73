import type { Checkpoint } from '../checkpoint/index.js'
import { convertFloats, type FloatType, findNonFinite } from '../checkpoint/numbers.js'
import { KernelFailure } from '../failure.js'

/** The rows of the embedding, kept in the type they are stored in: half the memory of float32 for half-precision files. */
export class EmbeddingTable {
  readonly #type: FloatType
  readonly #bytes: Uint8Array
  readonly #rows: number
  readonly #width: number

  private constructor(type: FloatType, bytes: Uint8Array, rows: number, width: number) {
    this.#type = type
    this.#bytes = bytes
    this.#rows = rows
    this.#width = width
  }

  static async read(checkpoint: Checkpoint): Promise<EmbeddingTable> {
    const { type, bytes, shape } = await checkpoint.readRaw('text.embed_tokens.weight')
    return new EmbeddingTable(type, bytes, shape[0]!, shape[1]!)
  }

  /** Throws MODEL_CORRUPT, with `path` in its data, when a value is not a finite number. */
  checkFinite(path: string): void {
    const row = new Float32Array(this.#width)
    for (let id = 0; id < this.#rows; id++) {
      convertFloats(this.#type, this.#bytes, id * this.#width, this.#width, row, 0)
      const bad = findNonFinite(row)
      if (bad < 0) continue
      const what = `the embedding of token ${id} holds ${row[bad]} at element ${bad}; weights must be finite numbers.`
      throw new KernelFailure('MODEL_CORRUPT', { path, what })
    }
  }

  /** Writes one row for each id, as float32, from row `rowOffset` of `destination` ([rows, hiddenSize]) on. Throws RangeError for an id outside the vocabulary. */
  copyRows(ids: ArrayLike<number>, destination: Float32Array, rowOffset: number): void {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      if (!(id >= 0 && id < this.#rows)) throw new RangeError(`token ${id} is outside the ${this.#rows} embedding rows`)
      convertFloats(this.#type, this.#bytes, id * this.#width, this.#width, destination, (rowOffset + i) * this.#width)
    }
  }
}
