import { FLOAT_BYTES } from './layout.js'
import { type BoundTensor, boundTensor } from './ort/index.js'

/** Inputs of one run besides keys and values, by their names in the graph. */
export interface RunInputs {
  readonly embeds: BoundTensor
  readonly seqlens: BoundTensor
  readonly logit_rows: BoundTensor
}

/**
 * Memory of the decoder's small inputs, allocated once, and tensors over it. One run at a time: whoever fills the
 * memory runs before anyone fills it again.
 */
export class DecoderInputs {
  readonly #hiddenSize: number
  /** [max(maxChunk, numSlots), hiddenSize] f32 */
  readonly embeds: Float32Array
  /** Total length - 1 of each row, [numSlots]. */
  readonly seqlens: Int32Array
  /** Longest total length of the rows, []. */
  readonly totalLength: BoundTensor
  readonly #total = new Int32Array(new ArrayBuffer(4))
  /** int64 as pairs of words, the low one first as on every platform that ONNX Runtime is shipped for. */
  readonly #chosenRows: Int32Array
  readonly #allRows: ArrayBuffer
  readonly #firstSeqlen: BoundTensor
  readonly #decodes = new Map<number, RunInputs>()

  constructor(limits: { readonly maxChunk: number; readonly numSlots: number }, hiddenSize: number) {
    const { maxChunk, numSlots } = limits
    this.#hiddenSize = hiddenSize
    this.embeds = new Float32Array(new ArrayBuffer(Math.max(maxChunk, numSlots) * hiddenSize * FLOAT_BYTES))
    this.seqlens = new Int32Array(new ArrayBuffer(numSlots * 4))
    this.totalLength = boundTensor('int32', [], this.#total.buffer, 0, true)
    this.#chosenRows = new Int32Array(new ArrayBuffer(maxChunk * 8))
    this.#allRows = BigInt64Array.from({ length: numSlots }, (_, row) => BigInt(row)).buffer
    this.#firstSeqlen = boundTensor('int32', [1], this.seqlens.buffer, 0, true)
  }

  setTotalLength(length: number): void {
    this.#total[0] = length
  }

  /** For a chunk of one slot. With no row wanted the first is computed. Throws RangeError for a row outside the chunk. */
  chunk(start: number, length: number, logitRows: readonly number[]): RunInputs {
    this.seqlens[0] = start + length - 1
    this.setTotalLength(start + length)
    this.#chosenRows[0] = 0
    logitRows.forEach((row, i) => {
      if (row < 0 || row >= length) throw new RangeError(`logits of position ${row} of ${length}`)
      this.#chosenRows[2 * i] = row
    })
    return {
      embeds: boundTensor('float32', [1, length, this.#hiddenSize], this.embeds.buffer),
      seqlens: this.#firstSeqlen,
      logit_rows: boundTensor('int64', [Math.max(1, logitRows.length)], this.#chosenRows.buffer),
    }
  }

  /** For one token of each of `rows` neighbouring slots, all of whose logits are wanted. */
  decode(rows: number): RunInputs {
    let inputs = this.#decodes.get(rows)
    if (inputs === undefined) {
      inputs = {
        embeds: boundTensor('float32', [rows, 1, this.#hiddenSize], this.embeds.buffer, 0, true),
        seqlens: boundTensor('int32', [rows], this.seqlens.buffer, 0, true),
        logit_rows: boundTensor('int64', [rows], this.#allRows, 0, true),
      }
      this.#decodes.set(rows, inputs)
    }
    return inputs
  }
}
