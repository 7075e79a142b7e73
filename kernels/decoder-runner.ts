import type { KeyValueBackend, KeyValueTensors } from './attention/backend.js'
import { SlotAttention } from './attention/slots.js'
import { type EmbeddingTable, prepareDecoder } from './graphs/index.js'
import { type DecodeRows, FLOAT_BYTES, type PrefillChunk, readPlan } from './layout.js'
import { type BoundTensor, openSession, type Session } from './ort/index.js'
import type { DecoderGeometry, KernelRequest, LoadReport } from './protocol.js'

type LoadDecoder = Extract<KernelRequest, { op: 'load-decoder' }>

export interface DecoderParts {
  /** See kernels/graphs for names and shapes of its inputs and outputs. */
  readonly session: Session
  readonly attention: KeyValueBackend
  readonly embeddings: Pick<EmbeddingTable, 'copyRows'>
  readonly hiddenSize: number
  /** Width of the logits. */
  readonly vocabRows: number
  readonly geometry: DecoderGeometry
  readonly memory: Pick<LoadDecoder['memory'], 'control' | 'logits' | 'features'>
  readonly greedy?: LoadDecoder['greedy']
}

/** Long enough to bridge the pause between two steps of a busy engine, short enough to leave an idle one asleep. */
const SPIN_US = 1000

interface RunArguments {
  readonly feeds: Record<string, BoundTensor>
  readonly fetches: Record<string, BoundTensor>
}

/** What a decode run over a given number of rows binds, besides keys and values. */
interface DecodeTensors {
  readonly embeds: BoundTensor
  readonly seqlens: BoundTensor
  readonly logitRows: BoundTensor
  /** By step, from the first row of the logits region on. */
  readonly logits: BoundTensor[]
}

/** Runs step plans. Everything that a step needs is allocated here once; a steady decode step only looks things up. */
export class DecoderRunner {
  readonly #parts: DecoderParts
  readonly #control: Int32Array
  /** [rows, hiddenSize] f32 */
  readonly #features: Float32Array
  /** [max(maxChunk, numSlots), hiddenSize] f32 */
  readonly #embeds: Float32Array
  /** Total length - 1 of each row. */
  readonly #seqlens: Int32Array
  readonly #allLogits: Float32Array
  readonly #likeliest: number[] = []
  readonly #totalLength = new Int32Array(new ArrayBuffer(4))
  /** int64 as pairs of words, the low one first as on every platform that ONNX Runtime is shipped for. */
  readonly #logitRows: Int32Array
  readonly #allRows: ArrayBuffer
  /** [1, vocabRows]: takes the logits of a chunk that wants none, since the graph computes at least one row. */
  readonly #unwantedLogits: BoundTensor
  readonly #firstSeqlen: BoundTensor
  readonly #total: BoundTensor
  readonly #decodeTensors = new Map<number, DecodeTensors>()
  readonly #arguments = new WeakMap<KeyValueTensors, RunArguments>()

  /** Throws RangeError when a region is smaller than the geometry says. */
  constructor(parts: DecoderParts) {
    const { geometry, hiddenSize, vocabRows, memory } = parts
    this.#parts = parts
    this.#control = new Int32Array(memory.control)
    this.#features = new Float32Array(memory.features)
    this.#allLogits = new Float32Array(memory.logits)
    const rows = Math.max(geometry.maxChunk, geometry.numSlots)
    this.#embeds = new Float32Array(new ArrayBuffer(rows * hiddenSize * FLOAT_BYTES))
    this.#seqlens = new Int32Array(new ArrayBuffer(geometry.numSlots * 4))
    this.#logitRows = new Int32Array(new ArrayBuffer(geometry.maxChunk * 8))
    this.#allRows = BigInt64Array.from({ length: geometry.numSlots }, (_, row) => BigInt(row)).buffer
    const unwanted = new ArrayBuffer(vocabRows * FLOAT_BYTES)
    this.#unwantedLogits = tensor('float32', [1, vocabRows], unwanted, 0, true)
    this.#firstSeqlen = tensor('int32', [1], this.#seqlens.buffer, 0, true)
    this.#total = tensor('int32', [], this.#totalLength.buffer, 0, true)
    if (memory.logits.byteLength < geometry.maxLogitRows * vocabRows * FLOAT_BYTES)
      throw new RangeError(`logits region of ${memory.logits.byteLength} bytes for ${geometry.maxLogitRows} rows`)
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
    const { session, attention, hiddenSize, vocabRows } = this.#parts
    const length = this.#embed(chunk)
    this.#checkPlace(chunk.start, length)
    const wanted = chunk.logitRows.length
    this.#checkLogitRows(row, wanted)
    this.#logitRows[0] = 0
    for (let i = 0; i < wanted; i++) {
      const position = chunk.logitRows[i]!
      if (position < 0 || position >= length) throw new RangeError(`logits of position ${position} of ${length}`)
      this.#logitRows[2 * i] = position
    }
    this.#seqlens[0] = chunk.start + length - 1
    this.#totalLength[0] = chunk.start + length

    const { feeds, fetches } = this.#argumentsFor(attention.tensors(chunk.slot, 1))
    feeds.embeds = tensor('float32', [1, length, hiddenSize], this.#embeds.buffer, 0, false)
    feeds.seqlens = this.#firstSeqlen
    feeds.logit_rows = tensor('int64', [Math.max(1, wanted)], this.#logitRows.buffer, 0, false)
    fetches.logits = wanted === 0 ? this.#unwantedLogits : this.#logits(row, wanted, vocabRows, false)
    await session.run(feeds, fetches)
  }

  async #decode(decode: DecodeRows, row: number): Promise<void> {
    const { session, attention, embeddings, vocabRows } = this.#parts
    const rows = decode.tokenIds.length
    const keyValues = attention.tensors(decode.firstSlot, rows)
    const { steps = 1 } = decode
    this.#checkLogitRows(row, rows * steps)
    let longest = 0
    for (let i = 0; i < rows; i++) {
      const length = decode.lengths[i]!
      this.#checkPlace(length, steps)
      this.#seqlens[i] = length
      if (length > longest) longest = length
    }
    embeddings.copyRows(decode.tokenIds, this.#embeds, 0)

    const { feeds, fetches } = this.#argumentsFor(keyValues)
    const tensors = this.#decodeTensorsFor(rows)
    feeds.embeds = tensors.embeds
    feeds.seqlens = tensors.seqlens
    feeds.logit_rows = tensors.logitRows
    for (let step = 0; step < steps; step++) {
      const first = row + step * rows
      if (step > 0) this.#feedLikeliest(first - rows, rows)
      this.#totalLength[0] = longest + step + 1
      if (row === 0) tensors.logits[step] ??= this.#logits(first, rows, vocabRows, true)
      fetches.logits = row === 0 ? tensors.logits[step]! : this.#logits(first, rows, vocabRows, false)
      await session.run(feeds, fetches)
    }
  }

  /** Makes the likeliest token of each row of logits, from `first` on, the next to be fed. */
  #feedLikeliest(first: number, rows: number): void {
    const { embeddings, vocabRows, greedy = { vocabularySize: vocabRows, forbidden: [] } } = this.#parts
    const ids = this.#likeliest
    ids.length = rows
    for (let i = 0; i < rows; i++) {
      ids[i] = likeliest(this.#allLogits, (first + i) * vocabRows, greedy)
      this.#seqlens[i]!++
    }
    embeddings.copyRows(ids, this.#embeds, 0)
  }

  /** Fills the embedding rows of a chunk; returns its length in tokens. */
  #embed(chunk: PrefillChunk): number {
    const { embeddings, geometry, hiddenSize } = this.#parts
    let length = 0
    for (const segment of chunk.segments) {
      const count = segment.kind === 'tokens' ? segment.ids.length : segment.count
      if (length + count > geometry.maxChunk)
        throw new RangeError(`chunk of over ${geometry.maxChunk} tokens, the most this decoder takes at once`)
      if (segment.kind === 'tokens') embeddings.copyRows(segment.ids, this.#embeds, length)
      else {
        const end = (segment.row + count) * hiddenSize
        if (segment.row < 0 || end > this.#features.length)
          throw new RangeError(`feature rows ${segment.row} to ${segment.row + count} lie outside the region`)
        this.#embeds.set(this.#features.subarray(segment.row * hiddenSize, end), length * hiddenSize)
      }
      length += count
    }
    if (length === 0) throw new RangeError('chunk without tokens')
    return length
  }

  #argumentsFor(keyValues: KeyValueTensors): RunArguments {
    let bound = this.#arguments.get(keyValues)
    if (bound === undefined) {
      bound = { feeds: { ...keyValues.past, total_length: this.#total }, fetches: { ...keyValues.present } }
      this.#arguments.set(keyValues, bound)
    }
    return bound
  }

  #decodeTensorsFor(rows: number): DecodeTensors {
    let tensors = this.#decodeTensors.get(rows)
    if (tensors === undefined) {
      tensors = {
        embeds: tensor('float32', [rows, 1, this.#parts.hiddenSize], this.#embeds.buffer, 0, true),
        seqlens: tensor('int32', [rows], this.#seqlens.buffer, 0, true),
        logitRows: tensor('int64', [rows], this.#allRows, 0, true),
        logits: [],
      }
      this.#decodeTensors.set(rows, tensors)
    }
    return tensors
  }

  #logits(row: number, rows: number, vocabRows: number, kept: boolean): BoundTensor {
    return tensor('float32', [rows, vocabRows], this.#parts.memory.logits, row * vocabRows * FLOAT_BYTES, kept)
  }

  /** The operator appends at the positions it is told, unchecked. */
  #checkPlace(start: number, length: number): void {
    const { slotCapacity } = this.#parts.geometry
    if (start < 0 || start + length > slotCapacity)
      throw new RangeError(`positions ${start} to ${start + length} of a slot of ${slotCapacity}`)
  }

  #checkLogitRows(row: number, count: number): void {
    const { maxLogitRows } = this.#parts.geometry
    if (row + count > maxLogitRows)
      throw new RangeError(`${row + count} rows of logits; the region holds ${maxLogitRows}`)
  }
}

/** Builds or fetches the graph and opens it. Throws KernelFailure with a MODEL code, or KERNEL_FAILED. */
export async function loadDecoder(request: LoadDecoder): Promise<{ runner: DecoderRunner; report: LoadReport }> {
  const begun = performance.now()
  const { path, geometry, memory, greedy, session: options } = request
  const { graphPath, cached, info, embeddings } = await prepareDecoder(path, {
    precision: options.precision,
    cachePath: options.cachePath,
    slotCapacity: geometry.slotCapacity,
  })
  const attention = new SlotAttention(info.text, geometry, memory.kv)
  const session = await openSession(graphPath, options.binding, {
    device: options.device,
    threads: options.threads,
    spinUs: SPIN_US,
  })
  const { hiddenSize, vocabRows } = info.text
  try {
    const runner = new DecoderRunner({
      session,
      attention,
      embeddings,
      hiddenSize,
      vocabRows,
      geometry,
      memory,
      greedy,
    })
    return { runner, report: { binding: runner.binding, loadMs: performance.now() - begun, cached } }
  } catch (error) {
    await session.close()
    throw error
  }
}

function tensor(
  type: BoundTensor['type'],
  shape: readonly number[],
  buffer: ArrayBuffer | SharedArrayBuffer,
  byteOffset: number,
  kept: boolean,
): BoundTensor {
  return { type, shape, buffer, byteOffset, kept }
}

/** The same choice as the runtime's sampler makes at temperature 0: of equal logits the lowest id. */
function likeliest(
  logits: Float32Array,
  start: number,
  { vocabularySize, forbidden }: NonNullable<LoadDecoder['greedy']>,
): number {
  let best = -1
  for (let id = 0; id < vocabularySize; id++) {
    if ((best < 0 || logits[start + id]! > logits[start + best]!) && !forbidden.includes(id)) best = id
  }
  return best
}
