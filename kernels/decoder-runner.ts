import type { KeyValueBackend, KeyValueTensors } from './attention/backend.js'
import { DecoderInputs, type RunInputs } from './decoder-inputs.js'
import type { EmbeddingTable } from './graphs/index.js'
import { type DecodeRows, type PrefillChunk, readPlan } from './layout.js'
import { type Greedy, LogitsRegion } from './logits-region.js'
import type { BoundTensor, Session } from './ort/index.js'
import type { DecoderGeometry, KernelRequest } from './protocol.js'

type DecoderMemory = Extract<KernelRequest, { op: 'load-decoder' }>['memory']

export interface DecoderParts {
  /** See kernels/graphs for names and shapes of its inputs and outputs. */
  readonly session: Session
  readonly attention: KeyValueBackend
  readonly embeddings: Pick<EmbeddingTable, 'copyRows'>
  readonly hiddenSize: number
  /** Width of the logits. */
  readonly vocabRows: number
  readonly geometry: DecoderGeometry
  readonly memory: Pick<DecoderMemory, 'control' | 'logits' | 'features'>
  /** Default: every id may be fed. */
  readonly greedy?: Greedy
}

interface RunArguments {
  readonly feeds: Record<string, BoundTensor>
  readonly fetches: Record<string, BoundTensor>
}

/** Runs step plans. Everything that a step needs is allocated here once; a steady decode step only looks things up. */
export class DecoderRunner {
  readonly #parts: DecoderParts
  readonly #greedy: Greedy
  readonly #control: Int32Array
  /** [rows, hiddenSize] f32 */
  readonly #features: Float32Array
  readonly #inputs: DecoderInputs
  readonly #logits: LogitsRegion
  /** Tokens that a decode of several steps feeds itself, by row. */
  readonly #fedIds: number[] = []
  readonly #arguments = new WeakMap<KeyValueTensors, RunArguments>()

  /** Throws RangeError when a region is smaller than the geometry says. */
  constructor(parts: DecoderParts) {
    const { geometry, hiddenSize, vocabRows, memory } = parts
    this.#parts = parts
    this.#greedy = parts.greedy ?? { vocabularySize: vocabRows, forbidden: [] }
    this.#control = new Int32Array(memory.control)
    this.#features = new Float32Array(memory.features)
    this.#inputs = new DecoderInputs(geometry, hiddenSize)
    this.#logits = new LogitsRegion(memory.logits, geometry.maxLogitRows, vocabRows)
  }

  get binding(): 'c-api' | 'node' {
    return this.#parts.session.binding
  }

  /**
   * Runs the plan that stands in the control block and writes its logits. Throws RangeError for a plan that leaves its
   * memory, KernelFailure when the library fails; what the plan did before stays done.
   */
  async step(): Promise<void> {
    const plan = readPlan(this.#control)
    this.#parts.attention.copy(plan)
    let row = 0
    for (const chunk of plan.prefills) {
      await this.#prefill(chunk, row)
      row += chunk.logitRows.length
    }
    if (plan.decode !== null) await this.#decode(plan.decode, row)
  }

  checkIntegrity(): void {
    this.#parts.session.checkIntegrity()
  }

  close(): Promise<void> {
    return this.#parts.session.close()
  }

  async #prefill(chunk: PrefillChunk, row: number): Promise<void> {
    const { session, attention } = this.#parts
    const length = this.#embed(chunk)
    this.#checkPlace(chunk.start, length)
    const wanted = chunk.logitRows.length
    const logits = wanted === 0 ? this.#logits.unwanted : this.#logits.rows(row, wanted)
    const inputs = this.#inputs.chunk(chunk.start, length, chunk.logitRows)
    const { feeds, fetches } = this.#bind(attention.tensors(chunk.slot, 1), inputs)
    fetches.logits = logits
    await session.run(feeds, fetches)
  }

  async #decode(decode: DecodeRows, row: number): Promise<void> {
    const { session, attention, embeddings } = this.#parts
    const { tokenIds, lengths, steps = 1 } = decode
    const rows = tokenIds.length
    const keyValues = attention.tensors(decode.firstSlot, rows)
    this.#logits.check(row + rows * steps)
    let longest = 0
    for (let i = 0; i < rows; i++) {
      const length = lengths[i]!
      this.#checkPlace(length, steps)
      this.#inputs.seqlens[i] = length
      if (length > longest) longest = length
    }
    embeddings.copyRows(tokenIds, this.#inputs.embeds, 0)

    const { feeds, fetches } = this.#bind(keyValues, this.#inputs.decode(rows))
    for (let step = 0; step < steps; step++) {
      if (step > 0) this.#feedLikeliest(row + (step - 1) * rows, rows)
      this.#inputs.setTotalLength(longest + step + 1)
      fetches.logits = this.#logits.step(row, rows, step)
      await session.run(feeds, fetches)
    }
  }

  /** Makes the likeliest token of each row of logits, from `first` on, the next to be fed. */
  #feedLikeliest(first: number, rows: number): void {
    const ids = this.#fedIds
    ids.length = rows
    for (let i = 0; i < rows; i++) {
      ids[i] = this.#logits.likeliest(first + i, this.#greedy)
      this.#inputs.seqlens[i]!++
    }
    this.#parts.embeddings.copyRows(ids, this.#inputs.embeds, 0)
  }

  /** Fills the embedding rows of a chunk; returns its length in tokens. */
  #embed(chunk: PrefillChunk): number {
    const { embeddings, geometry, hiddenSize } = this.#parts
    const { embeds } = this.#inputs
    let length = 0
    for (const segment of chunk.segments) {
      const count = segment.kind === 'tokens' ? segment.ids.length : segment.count
      if (length + count > geometry.maxChunk)
        throw new RangeError(`chunk of over ${geometry.maxChunk} tokens, the most this decoder takes at once`)
      if (segment.kind === 'tokens') embeddings.copyRows(segment.ids, embeds, length)
      else {
        const end = (segment.row + count) * hiddenSize
        if (segment.row < 0 || end > this.#features.length)
          throw new RangeError(`feature rows ${segment.row} to ${segment.row + count} lie outside the region`)
        embeds.set(this.#features.subarray(segment.row * hiddenSize, end), length * hiddenSize)
      }
      length += count
    }
    if (length === 0) throw new RangeError('chunk without tokens')
    return length
  }

  /** The arguments of a run over these keys and values; the objects are used again for the next such run. */
  #bind(keyValues: KeyValueTensors, inputs: RunInputs): RunArguments {
    let bound = this.#arguments.get(keyValues)
    if (bound === undefined) {
      const feeds = { ...keyValues.past, total_length: this.#inputs.totalLength }
      bound = { feeds, fetches: { ...keyValues.present } }
      this.#arguments.set(keyValues, bound)
    }
    bound.feeds.embeds = inputs.embeds
    bound.feeds.seqlens = inputs.seqlens
    bound.feeds.logit_rows = inputs.logit_rows
    return bound
  }

  /** The operator appends at the positions it is told, unchecked. */
  #checkPlace(start: number, length: number): void {
    const { slotCapacity } = this.#parts.geometry
    if (start < 0 || start + length > slotCapacity)
      throw new RangeError(`positions ${start} to ${start + length} of a slot of ${slotCapacity}`)
  }
}
