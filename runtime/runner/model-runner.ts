import { controlBytes, FLOAT_BYTES, pageBytesPerLayer, slotBytesPerLayer, writePlan } from '../../kernels/layout.js'
import type {
  DecoderGeometry,
  KernelRequest,
  LoadReport,
  ModelInfo,
  ModelSummary,
  ModelVerification,
  SessionOptions,
  SystemInfo,
} from '../../kernels/protocol.js'
import type { Batch } from '../scheduler/batch.js'
import type { WorkerPool } from './pool.js'
import { toStepPlan } from './step-plan.js'

export { kvBytesPerToken } from '../../kernels/layout.js'
export type {
  Agreement,
  DecoderGeometry,
  ModelInfo,
  ModelSummary,
  ModelVerification,
  SessionOptions,
} from '../../kernels/protocol.js'

/** Of each layer, as kernels/layout.ts divides them. */
export type KeyValueMemory = readonly { readonly slots: SharedArrayBuffer; readonly pages: SharedArrayBuffer }[]

/** Elements of a typed array in Node 20. */
const LONGEST_VIEW = 2 ** 32 - 1

/** Throws RangeError where the system gives no addresses for so much. */
export function allocateKeyValues({ text }: ModelInfo, geometry: DecoderGeometry): KeyValueMemory {
  const slotBytes = slotBytesPerLayer(text, geometry.numSlots, geometry.slotCapacity)
  if (slotBytes / FLOAT_BYTES > LONGEST_VIEW) throw new RangeError(`slots of ${slotBytes} bytes a layer`)
  return Array.from({ length: text.numLayers }, () => ({
    slots: new SharedArrayBuffer(slotBytes),
    pages: new SharedArrayBuffer(pageBytesPerLayer(text, geometry.numPages, geometry.pageSize)),
  }))
}

export interface ModelRunnerOptions {
  readonly info: ModelInfo
  readonly session: SessionOptions
  readonly geometry: DecoderGeometry
  /** Of `allocateKeyValues`. */
  readonly keyValues: KeyValueMemory
  /** Tokens that a decode of several steps may feed by itself; the sampler's own limits. */
  readonly greedy: { readonly vocabularySize: number; readonly forbidden: readonly number[] }
  /** Chunks that one batch may have. */
  readonly maxChunks: number
  /** [rows, hiddenSize] float32; written by the vision worker. */
  readonly features: SharedArrayBuffer
}

/**
 * Runs batches on the decoder worker. Owns control block, logits and key/value memory; the worker writes all of them
 * but the control block.
 */
export class ModelRunner {
  readonly #pool: WorkerPool
  readonly #options: ModelRunnerOptions
  readonly #control: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #logits: Float32Array

  constructor(pool: WorkerPool, options: ModelRunnerOptions) {
    const { info, geometry, maxChunks } = options
    this.#pool = pool
    this.#options = options
    this.#control = new SharedArrayBuffer(controlBytes({ ...geometry, maxPrefills: maxChunks }))
    this.#words = new Int32Array(this.#control)
    this.#logits = new Float32Array(new SharedArrayBuffer(geometry.maxLogitRows * info.text.vocabRows * FLOAT_BYTES))
  }

  /** Builds or finds the graph and opens the session; also after the worker was lost. */
  load(): Promise<LoadReport> {
    const { info, session, geometry, greedy, features, keyValues } = this.#options
    const memory = {
      control: this.#control,
      logits: this.#logits.buffer as SharedArrayBuffer,
      features,
      kv: keyValues,
    }
    return this.#pool.call({
      op: 'load-decoder',
      path: info.path,
      session,
      geometry,
      greedy,
      memory,
    } satisfies KernelRequest)
  }

  /** Closes the session; its memory lies outside the thread's heap and would outlive it. */
  async release(): Promise<void> {
    await this.#pool.call({ op: 'release' } satisfies KernelRequest)
  }

  /** Runs the batch. Afterwards `logits` gives its rows until the next forward. */
  async forward(batch: Batch): Promise<{ readonly forwardMs: number }> {
    writePlan(this.#words, toStepPlan(batch))
    return this.#pool.call({ op: 'step' } satisfies KernelRequest)
  }

  /** [vocabRows] float32: a view that the next forward overwrites. */
  logits(row: number): Float32Array {
    const { vocabRows } = this.#options.info.text
    return this.#logits.subarray(row * vocabRows, (row + 1) * vocabRows)
  }
}

/** Whether slots may have more addresses than there is memory for. */
export async function takesMemoryBack(pool: WorkerPool): Promise<boolean> {
  const { takesMemoryBack } = await pool.call<SystemInfo>({ op: 'system' } satisfies KernelRequest)
  return takesMemoryBack
}

/** What the checkpoint at `path` is. Rejects with MODEL_NOT_FOUND, MODEL_UNSUPPORTED or MODEL_CORRUPT. */
export function inspectModel(pool: WorkerPool, path: string): Promise<ModelInfo> {
  return pool.call({ op: 'inspect', path } satisfies KernelRequest)
}

/** Parameters, token budget and memory of the checkpoint at `path`, from its headers. Rejects as `inspectModel` does. */
export function describeCheckpoint(pool: WorkerPool, path: string): Promise<ModelSummary> {
  return pool.call({ op: 'describe', path } satisfies KernelRequest)
}

/** Loads a checkpoint and compares what its graphs compute with what they should. */
export function verifyCheckpoint(pool: WorkerPool, path: string, session: SessionOptions): Promise<ModelVerification> {
  return pool.call({ op: 'verify', path, session } satisfies KernelRequest)
}
