import { checkRows, countRows, layOutRows } from './feature-rows.js'
import { type PatchGroups, type Pooling, prepareVision } from './graphs/index.js'
import { FLOAT_BYTES } from './layout.js'
import { type BoundTensor, boundTensor, elementCount, openSession, type Session } from './ort/index.js'
import type { EncodeItem, KernelRequest, LoadReport } from './protocol.js'

type LoadVision = Extract<KernelRequest, { op: 'load-vision' }>

export interface VisionParts {
  /**
   * Input `pixels` [tiles, 3, tileSize, tileSize] f32, output `features` [tiles, featuresPerTile, hiddenSize] f32.
   * With pooling also an input `patch_groups` [rows, patches] int64, for weighted sums `patch_weights` [rows, patches, 1]
   * f32, and `rows` features a tile.
   */
  readonly session: Session
  readonly tileSize: number
  readonly featuresPerTile: number
  readonly hiddenSize: number
  /** The image_newline vector, [hiddenSize]; null when the model has none. */
  readonly newline: Float32Array | null
  /** null or absent: the tower pools nothing. */
  readonly pooling?: Pooling | null
  readonly memory: LoadVision['memory']
}

/** Feature rows of one run. Attention scores grow with the tiles of a run, speed no longer does beyond this. */
const MAX_ROWS_A_RUN = 1024

/** Runs the vision tower and the projector, and lays the projected rows out for each picture. */
export class VisionRunner {
  readonly #parts: VisionParts
  readonly #pixels: Float32Array
  readonly #features: Float32Array

  constructor(parts: VisionParts) {
    this.#parts = parts
    this.#pixels = new Float32Array(parts.memory.pixels)
    this.#features = new Float32Array(parts.memory.features)
  }

  get binding(): 'c-api' | 'node' {
    return this.#parts.session.binding
  }

  /**
   * Encodes the tiles of all items together and writes each item's features; returns the number of tiles. Pictures and
   * frames of videos differ in their pooling and so take a run each. Throws RangeError for a handle that does not fit
   * region or model, before anything is written.
   */
  async encode(items: readonly EncodeItem[]): Promise<number> {
    for (const item of items) this.#check(item)
    const pictures = await this.#encodeAlike(items.filter(item => item.pooled !== true))
    return pictures + (await this.#encodeAlike(items.filter(item => item.pooled === true)))
  }

  checkIntegrity(): void {
    this.#parts.session.checkIntegrity()
  }

  close(): Promise<void> {
    return this.#parts.session.close()
  }

  /** Items of one kind; see `encode`. */
  async #encodeAlike(items: readonly EncodeItem[]): Promise<number> {
    const [sample] = items
    if (sample === undefined) return 0
    const { tileSize, hiddenSize, newline } = this.#parts
    const rowsPerTile = this.#rowsPerTile(sample)
    const tileElements = 3 * tileSize * tileSize
    const tiles = items.reduce((sum, item) => sum + item.pixels.shape[0]!, 0)
    const pixels = new Float32Array(new ArrayBuffer(tiles * tileElements * FLOAT_BYTES))
    const projected = new Float32Array(new ArrayBuffer(tiles * rowsPerTile * hiddenSize * FLOAT_BYTES))
    let at = 0
    for (const { pixels: handle } of items) {
      const first = handle.offset / FLOAT_BYTES
      pixels.set(this.#pixels.subarray(first, first + elementCount(handle.shape)), at)
      at += elementCount(handle.shape)
    }
    await this.#project(pixels.buffer, projected.buffer, tiles, sample)
    let row = 0
    for (const item of items) {
      const end = row + item.pixels.shape[0]! * rowsPerTile
      const source = { projected: projected.subarray(row * hiddenSize, end * hiddenSize), newline, hiddenSize }
      layOutRows(item, source, this.#features, item.features.offset / FLOAT_BYTES)
      row = end
    }
    return tiles
  }

  async #project(pixels: ArrayBuffer, projected: ArrayBuffer, tiles: number, kind: EncodeItem): Promise<void> {
    const { session, tileSize, featuresPerTile, hiddenSize } = this.#parts
    const groups = this.#groups(kind)
    const rowsPerTile = this.#rowsPerTile(kind)
    const step = Math.max(1, Math.floor(MAX_ROWS_A_RUN / featuresPerTile))
    for (let first = 0; first < tiles; first += step) {
      const count = Math.min(step, tiles - first)
      await session.run(
        {
          pixels: slice(pixels, [3, tileSize, tileSize], first, count),
          ...(groups === null ? {} : groupTensors(groups)),
        },
        { features: slice(projected, [rowsPerTile, hiddenSize], first, count) },
      )
    }
  }

  #groups({ pooled }: EncodeItem): PatchGroups | null {
    const { pooling = null } = this.#parts
    return pooling === null ? null : pooled === true ? pooling.frame : pooling.picture
  }

  #rowsPerTile(item: EncodeItem): number {
    return this.#groups(item)?.rows ?? this.#parts.featuresPerTile
  }

  #check(item: EncodeItem): void {
    const { pixels, features } = item
    const { tileSize, hiddenSize, newline } = this.#parts
    if (item.pooled === true && this.#groups(item) === null)
      throw new RangeError('the tower of this model pools no frames')
    const rowsPerTile = this.#rowsPerTile(item)
    const [tiles = 0, channels, height, width] = pixels.shape
    if (tiles < 1 || channels !== 3 || height !== tileSize || width !== tileSize)
      throw new RangeError(`pixels [${pixels.shape}]; expected [tiles, 3, ${tileSize}, ${tileSize}]`)
    const available = tiles * rowsPerTile
    const rows = countRows(item, available)
    if (features.shape[0] !== rows || features.shape[1] !== hiddenSize)
      throw new RangeError(`features [${features.shape}]; expected [${rows}, ${hiddenSize}]`)
    for (const [name, handle, region] of [
      ['pixels', pixels, this.#pixels],
      ['features', features, this.#features],
    ] as const) {
      const end = handle.offset / FLOAT_BYTES + elementCount(handle.shape)
      if (handle.offset < 0 || handle.offset % FLOAT_BYTES !== 0 || end > region.length)
        throw new RangeError(`${name} [${handle.shape}] at byte ${handle.offset} lie outside the region`)
    }
    checkRows(item, available, newline !== null)
  }
}

/** Builds or fetches the graph and opens it. Throws KernelFailure with a MODEL code, or KERNEL_FAILED. */
export async function loadVision(request: LoadVision): Promise<{ runner: VisionRunner; report: LoadReport }> {
  const begun = performance.now()
  const { path, memory, session: options } = request
  const { precision, cachePath } = options
  const { graphPath, cached, info, newline, pooling } = await prepareVision(path, { precision, cachePath })
  const session = await openSession(graphPath, options.binding, {
    device: options.device,
    threads: options.threads,
    spinUs: 0,
  })
  const { tileSize, featuresPerTile } = info.vision
  const { hiddenSize } = info.text
  const runner = new VisionRunner({ session, tileSize, featuresPerTile, hiddenSize, newline, pooling, memory })
  return { runner, report: { binding: runner.binding, loadMs: performance.now() - begun, cached } }
}

/** Tiles `first` .. `first + count - 1` of [tiles, ...shape] f32. */
function slice(buffer: ArrayBuffer, shape: readonly number[], first: number, count: number): BoundTensor {
  const byteOffset = first * elementCount(shape) * FLOAT_BYTES
  return { type: 'float32', shape: [count, ...shape], buffer, byteOffset, kept: false }
}

/** The inputs that name what is pooled. */
export function groupTensors({ indices, weights, rows, size }: PatchGroups): Record<string, BoundTensor> {
  return {
    patch_groups: boundTensor('int64', [rows, size], indices.buffer as ArrayBuffer),
    ...(weights && { patch_weights: boundTensor('float32', [rows, size, 1], weights.buffer as ArrayBuffer) }),
  }
}
