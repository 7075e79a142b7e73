import { FLOAT_BYTES } from '../../kernels/layout.js'
import type { EncodeItem, KernelRequest, LoadReport, ModelInfo, SessionOptions } from '../../kernels/protocol.js'
import { EngineError } from '../protocol/error.js'
import type { WorkerPool } from './pool.js'
import { TileArena } from './tile-arena.js'

export interface VisionEncoderOptions {
  /** Workers that decode and scale pictures. */
  readonly preprocessing: WorkerPool
  readonly info: ModelInfo
  readonly session: SessionOptions
  /** [rows, hiddenSize] float32, shared with the decoder. */
  readonly features: SharedArrayBuffer
  /** Tiles that can be staged at once; at least those of the largest picture. */
  readonly numTiles: number
  /** Most tiles of one run of the tower. */
  readonly maxBatchTiles: number
}

export interface EncodeJob {
  readonly tiles: number
  /** As EncodeItem has it. Default false. */
  readonly pooled?: boolean
  /** See EncodeItem. */
  readonly rowsOf: Pick<EncodeItem, 'gather' | 'combine'>
  /** Rows of the features region to fill. */
  readonly row: number
  readonly rows: number
  /** Message for the preprocessing worker that writes [tiles, 3, size, size] float32 into `pixels` at `offset` bytes. */
  preprocess(pixels: SharedArrayBuffer, offset: number): object
}

interface Staged {
  readonly item: EncodeItem
  readonly tiles: number
  readonly done: (error: unknown) => void
}

/**
 * Pixels to projected features: preprocessing and the tower have a pool each, so neither holds up a decode step, and
 * pictures that are ready at the same time go through the tower in one run, whichever requests they belong to.
 */
export class VisionEncoder {
  readonly #encoding: WorkerPool
  readonly #options: VisionEncoderOptions
  readonly #pixels: SharedArrayBuffer
  readonly #arena: TileArena
  readonly #tileBytes: number
  readonly #queue: Staged[] = []
  #isRunning = false
  /** Whether the last call failed in the worker itself. */
  #isSuspect = false
  /** Pictures between being asked for and being done, whether or not anybody still waits for them. */
  #numActive = 0

  constructor(encoding: WorkerPool, options: VisionEncoderOptions) {
    this.#encoding = encoding
    this.#options = options
    this.#tileBytes = 3 * options.info.vision.tileSize ** 2 * FLOAT_BYTES
    this.#arena = new TileArena(options.numTiles)
    this.#pixels = new SharedArrayBuffer(options.numTiles * this.#tileBytes)
  }

  load(): Promise<LoadReport> {
    const { info, session, features } = this.#options
    const memory = { pixels: this.#pixels, features }
    return this.#encoding.call({ op: 'load-vision', path: info.path, session, memory } satisfies KernelRequest)
  }

  /** Closes the session; see ModelRunner.release. */
  async release(): Promise<void> {
    await this.#encoding.call({ op: 'release' } satisfies KernelRequest)
  }

  /** Resolves when the rows are filled. Rejects with the preprocessing's or the tower's EngineError; other pictures go on. */
  async encode(job: EncodeJob): Promise<void> {
    this.#numActive++
    try {
      const first = await this.#arena.allocate(job.tiles)
      try {
        await this.#options.preprocessing.call(job.preprocess(this.#pixels, first * this.#tileBytes))
        await this.#stage(job, first)
      } finally {
        this.#arena.free(first, job.tiles)
      }
    } finally {
      this.#numActive--
    }
  }

  /** Throws when no picture is under way and tiles are taken all the same. */
  checkIntegrity(): void {
    if (this.#numActive === 0) this.#arena.checkIntegrity()
  }

  #stage(job: EncodeJob, first: number): Promise<void> {
    const { info } = this.#options
    const size = info.vision.tileSize
    const place = { device: 'cpu', type: 'float32' } as const
    const item: EncodeItem = {
      pixels: { ...place, region: 'pixels', offset: first * this.#tileBytes, shape: [job.tiles, 3, size, size] },
      ...job.rowsOf,
      pooled: job.pooled ?? false,
      features: {
        ...place,
        region: 'features',
        offset: job.row * info.text.hiddenSize * FLOAT_BYTES,
        shape: [job.rows, info.text.hiddenSize],
      },
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, tiles: job.tiles, done: error => (error === null ? resolve() : reject(error)) })
      void this.#run()
    })
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    while (this.#queue.length > 0) {
      const batch = [this.#queue.shift()!]
      let tiles = batch[0]!.tiles
      while (this.#queue[0] && tiles + this.#queue[0].tiles <= this.#options.maxBatchTiles) {
        tiles += this.#queue[0].tiles
        batch.push(this.#queue.shift()!)
      }
      const items = batch.map(staged => staged.item)
      const error = await this.#encode(items)
      for (const staged of batch) staged.done(error)
    }
    this.#isRunning = false
  }

  /** null, or what went wrong. A thread that failed may have left nothing loaded, so the next pictures load it anew. */
  async #encode(items: readonly EncodeItem[]): Promise<unknown> {
    try {
      if (this.#isSuspect) await this.load()
      this.#isSuspect = false
      await this.#encoding.call({ op: 'encode', items: [...items] } satisfies KernelRequest)
      return null
    } catch (error) {
      this.#isSuspect = EngineError.isInstance(error) && error.code === 'KERNEL_FAILED'
      return error
    }
  }
}
