import { FLOAT_BYTES } from './layout.js'
import { type BoundTensor, boundTensor } from './ort/index.js'
import type { KernelRequest } from './protocol.js'

/** Which tokens a decode of several steps may feed itself. */
export type Greedy = NonNullable<Extract<KernelRequest, { op: 'load-decoder' }>['greedy']>

/** The region that decoder runs write their logits to, [maxLogitRows, vocabRows] f32. It owns no memory but one spare row. */
export class LogitsRegion {
  readonly #memory: SharedArrayBuffer
  readonly #elements: Float32Array
  readonly #vocabRows: number
  readonly #maxRows: number
  /** By number of rows, then by step: tensors of decodes that nothing stands before. */
  readonly #steady = new Map<number, BoundTensor[]>()
  /** [1, vocabRows]: for a chunk whose logits nobody wants, since the graph computes at least one row. */
  readonly unwanted: BoundTensor

  /** Throws RangeError when the memory is smaller than its shape. */
  constructor(memory: SharedArrayBuffer, maxRows: number, vocabRows: number) {
    if (memory.byteLength < maxRows * vocabRows * FLOAT_BYTES)
      throw new RangeError(`logits region of ${memory.byteLength} bytes for ${maxRows} rows`)
    this.#memory = memory
    this.#elements = new Float32Array(memory)
    this.#maxRows = maxRows
    this.#vocabRows = vocabRows
    this.unwanted = boundTensor('float32', [1, vocabRows], new ArrayBuffer(vocabRows * FLOAT_BYTES), 0, true)
  }

  /** Rows `first` .. `first + count - 1`. Throws RangeError when they leave the region. */
  rows(first: number, count: number, kept = false): BoundTensor {
    this.check(first + count)
    const byteOffset = first * this.#vocabRows * FLOAT_BYTES
    return boundTensor('float32', [count, this.#vocabRows], this.#memory, byteOffset, kept)
  }

  /** Rows of one step of a decode of `count` rows whose first step writes from row `first` on. */
  step(first: number, count: number, step: number): BoundTensor {
    if (first > 0) return this.rows(first + step * count, count)
    let steps = this.#steady.get(count)
    if (steps === undefined) {
      steps = []
      this.#steady.set(count, steps)
    }
    steps[step] ??= this.rows(step * count, count, true)
    return steps[step]
  }

  /** Throws RangeError when the region has fewer rows. */
  check(rows: number): void {
    if (rows > this.#maxRows) throw new RangeError(`${rows} rows of logits; the region holds ${this.#maxRows}`)
  }

  /** The same choice as the runtime's sampler makes at temperature 0: of equal logits the lowest id. */
  likeliest(row: number, { vocabularySize, forbidden }: Greedy): number {
    const elements = this.#elements
    const start = row * this.#vocabRows
    let best = -1
    let top = Number.NEGATIVE_INFINITY
    for (let id = 0; id < vocabularySize; id++) {
      const score = elements[start + id]!
      if ((score > top || best < 0) && !forbidden.includes(id)) {
        best = id
        top = score
      }
    }
    return best
  }
}
