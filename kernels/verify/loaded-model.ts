import type { Checkpoint } from '../checkpoint/index.js'
import {
  controlBytes,
  type DecodeRows,
  EMPTY_PLAN,
  FLOAT_BYTES,
  type PrefillChunk,
  pageBytesPerLayer,
  type StepPlan,
  slotBytesPerLayer,
  writePlan,
} from '../layout.js'
import { loadDecoder } from '../load-decoder.js'
import type { DecoderGeometry, EncodeItem, SessionOptions } from '../protocol.js'
import { loadVision } from '../vision-runner.js'

/** Sequences side by side. */
const SLOTS = 2

/** Decoder and tower over memory of their own, just large enough for one short sequence in each of two slots. */
export class LoadedModel {
  readonly #plan: (plan: StepPlan) => Promise<Float32Array>
  readonly #encode: (item: EncodeItem, pixels: Float32Array) => Promise<Float32Array>
  readonly #close: () => Promise<void>
  readonly binding: 'c-api' | 'node'

  private constructor(parts: {
    readonly plan: (plan: StepPlan) => Promise<Float32Array>
    readonly encode: (item: EncodeItem, pixels: Float32Array) => Promise<Float32Array>
    readonly close: () => Promise<void>
    readonly binding: 'c-api' | 'node'
  }) {
    this.#plan = parts.plan
    this.#encode = parts.encode
    this.#close = parts.close
    this.binding = parts.binding
  }

  /** `length`: most positions of a sequence and most feature rows; `tiles`: most of one picture. Throws as the runners' loading does. */
  static async open(
    { path, info }: Checkpoint,
    session: SessionOptions,
    { length, tiles }: { readonly length: number; readonly tiles: number },
  ): Promise<LoadedModel> {
    const geometry: DecoderGeometry = {
      numSlots: SLOTS,
      slotCapacity: length,
      numPages: 0,
      pageSize: 16,
      maxChunk: length,
      maxLogitRows: Math.max(length, SLOTS),
    }
    const { text, vision } = info
    const control = new SharedArrayBuffer(controlBytes({ ...geometry, maxPrefills: 1 }))
    const logits = new SharedArrayBuffer(geometry.maxLogitRows * text.vocabRows * FLOAT_BYTES)
    const features = new SharedArrayBuffer(length * text.hiddenSize * FLOAT_BYTES)
    const pixels = new SharedArrayBuffer(tiles * 3 * vision.tileSize ** 2 * FLOAT_BYTES)
    const kv = Array.from({ length: text.numLayers }, () => ({
      slots: new SharedArrayBuffer(slotBytesPerLayer(text, SLOTS, length)),
      pages: new SharedArrayBuffer(pageBytesPerLayer(text, 0, geometry.pageSize)),
    }))
    const memory = { control, logits, features, kv }
    const { runner: decoder } = await loadDecoder({ op: 'load-decoder', path, session, geometry, memory })
    const tower = await loadVision({ op: 'load-vision', path, session, memory: { pixels, features } }).catch(
      async (error: unknown) => {
        await decoder.close()
        throw error
      },
    )
    return new LoadedModel({
      binding: decoder.binding,
      async plan(plan) {
        writePlan(new Int32Array(control), plan)
        await decoder.step()
        const wanted = plan.prefills.reduce((sum, chunk) => sum + chunk.logitRows.length, 0)
        const rows = wanted + (plan.decode?.tokenIds.length ?? 0)
        return new Float32Array(logits).slice(0, rows * text.vocabRows)
      },
      async encode(item, values) {
        new Float32Array(pixels).set(values)
        await tower.runner.encode([item])
        return new Float32Array(features).slice(0, item.features.shape[0]! * text.hiddenSize)
      },
      async close() {
        await decoder.close()
        await tower.runner.close()
      },
    })
  }

  /** Feature rows into the region, from row 0 on; returns a copy. */
  encode(item: EncodeItem, pixels: Float32Array): Promise<Float32Array> {
    return this.#encode(item, pixels)
  }

  prefill(chunk: PrefillChunk): Promise<Float32Array> {
    return this.#plan({ ...EMPTY_PLAN, prefills: [chunk] })
  }

  decode(decode: DecodeRows): Promise<Float32Array> {
    return this.#plan({ ...EMPTY_PLAN, decode })
  }

  close(): Promise<void> {
    return this.#close()
  }
}
