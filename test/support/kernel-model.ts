import {
  controlBytes,
  EMPTY_PLAN,
  FLOAT_BYTES,
  pageBytesPerLayer,
  type Segment,
  type StepPlan,
  slotBytesPerLayer,
  writePlan,
} from '../../kernels/layout.js'
import { loadDecoder } from '../../kernels/load-decoder.js'
import type { Binding, DecoderGeometry, Device, ModelInfo, Precision } from '../../kernels/protocol.js'
import { loadVision } from '../../kernels/vision-runner.js'

export interface KernelModelOptions {
  readonly info: ModelInfo
  readonly binding: Binding
  readonly device?: Device
  readonly precision: Precision
  readonly cachePath: string
  readonly numSlots: number
  /** Tokens; also the most rows of logits and features. */
  readonly slotCapacity: number
  /** Most tiles of one picture. */
  readonly maxTiles: number
}

/** A decoder and a vision runner over memory of their own, driven as the engine drives them but in this thread. */
export async function loadKernelModel(options: KernelModelOptions): Promise<KernelModel> {
  const { info, numSlots, slotCapacity } = options
  const geometry: DecoderGeometry = {
    numSlots,
    slotCapacity,
    numPages: 1,
    pageSize: 16,
    maxChunk: slotCapacity,
    maxLogitRows: Math.max(slotCapacity, numSlots),
  }
  const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes)
  const control = shared(controlBytes({ ...geometry, maxPrefills: 4 }))
  const logits = shared(geometry.maxLogitRows * info.text.vocabRows * FLOAT_BYTES)
  const features = shared(slotCapacity * info.text.hiddenSize * FLOAT_BYTES)
  const pixels = shared(options.maxTiles * 3 * info.vision.tileSize ** 2 * FLOAT_BYTES)
  const kv = Array.from({ length: info.text.numLayers }, () => ({
    slots: shared(slotBytesPerLayer(info.text, numSlots, slotCapacity)),
    pages: shared(pageBytesPerLayer(info.text, geometry.numPages, geometry.pageSize)),
  }))
  const { binding, precision, cachePath } = options
  const session = { device: options.device ?? 'cpu', binding, precision, threads: 1, cachePath }
  const memory = { control, logits, features, kv }
  const decoder = await loadDecoder({ op: 'load-decoder', path: info.path, session, geometry, memory })
  const vision = await loadVision({ op: 'load-vision', path: info.path, session, memory: { pixels, features } })
  return new KernelModel(info, decoder.runner, vision.runner, { control, logits, features, pixels })
}

type Decoder = Awaited<ReturnType<typeof loadDecoder>>['runner']
type Vision = Awaited<ReturnType<typeof loadVision>>['runner']

export class KernelModel {
  readonly info: ModelInfo
  readonly #decoder: Decoder
  readonly #vision: Vision
  readonly #control: Int32Array
  readonly #logits: Float32Array
  readonly #features: Float32Array
  readonly #pixels: Float32Array

  constructor(
    info: ModelInfo,
    decoder: Decoder,
    vision: Vision,
    memory: Readonly<Record<'control' | 'logits' | 'features' | 'pixels', SharedArrayBuffer>>,
  ) {
    this.info = info
    this.#decoder = decoder
    this.#vision = vision
    this.#control = new Int32Array(memory.control)
    this.#logits = new Float32Array(memory.logits)
    this.#features = new Float32Array(memory.features)
    this.#pixels = new Float32Array(memory.pixels)
  }

  get binding(): 'c-api' | 'node' {
    return this.#decoder.binding
  }

  /**
   * Encodes one picture, or a video, into feature rows 0, 1, ...; returns a copy of them, [rows * hiddenSize]. `pixels`
   * [tiles or frames, 3, S, S].
   */
  async encode(pixels: Float32Array, gather: readonly number[] | null, pooled = false): Promise<Float32Array> {
    const { tileSize, featuresPerTile } = this.info.vision
    const rowsPerTile = pooled ? this.info.video!.featuresPerFrame : featuresPerTile
    const { hiddenSize } = this.info.text
    const tiles = pixels.length / (3 * tileSize ** 2)
    const rows = gather?.length ?? tiles * rowsPerTile
    this.#pixels.set(pixels)
    await this.#vision.encode([
      {
        pixels: { device: 'cpu', region: 'pixels', offset: 0, type: 'float32', shape: [tiles, 3, tileSize, tileSize] },
        gather,
        pooled,
        features: { device: 'cpu', region: 'features', offset: 0, type: 'float32', shape: [rows, hiddenSize] },
      },
    ])
    return this.#features.slice(0, rows * hiddenSize)
  }

  /** Runs a plan; returns a copy of its logits, [rows * vocabRows], in the plan's order. */
  async step(plan: Partial<StepPlan>): Promise<Float32Array> {
    const full = { ...EMPTY_PLAN, ...plan }
    writePlan(this.#control, full)
    await this.#decoder.step()
    const prefillRows = full.prefills.reduce((sum, chunk) => sum + chunk.logitRows.length, 0)
    const rows = prefillRows + (full.decode?.tokenIds.length ?? 0)
    return this.#logits.slice(0, rows * this.info.text.vocabRows)
  }

  /** Feeds positions start .. end - 1 of a prompt to a slot and returns the logits of every one of them. */
  prefill(slot: number, prompt: KernelPrompt, start: number, end: number): Promise<Float32Array> {
    const logitRows = Array.from({ length: end - start }, (_, row) => row)
    return this.step({ prefills: [{ slot, start, segments: segmentsOf(prompt, start, end), logitRows }] })
  }

  async close(): Promise<void> {
    this.#decoder.checkIntegrity()
    this.#vision.checkIntegrity()
    await this.#decoder.close()
    await this.#vision.close()
  }
}

export interface KernelPrompt {
  readonly ids: readonly number[]
  /** Every occurrence in `ids` stands for the next feature row, from row 0 on. */
  readonly placeholder: number
}

/** Positions start .. end - 1 as runs of tokens and of feature rows. */
export function segmentsOf({ ids, placeholder }: KernelPrompt, start: number, end: number): readonly Segment[] {
  const segments: Segment[] = []
  let row = ids.slice(0, start).filter(id => id === placeholder).length
  for (let at = start; at < end; ) {
    const isFeature = ids[at] === placeholder
    let stop = at + 1
    while (stop < end && (ids[stop] === placeholder) === isFeature) stop++
    if (isFeature) {
      segments.push({ kind: 'features', row, count: stop - at })
      row += stop - at
    } else segments.push({ kind: 'tokens', ids: ids.slice(at, stop) })
    at = stop
  }
  return segments
}

/** Largest difference between two arrays of one length; NaN counts as infinite. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!)
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return largest
}
