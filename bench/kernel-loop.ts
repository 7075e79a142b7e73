import { SlotAttention } from '../kernels/attention/slots.js'
import { prepareDecoder } from '../kernels/graphs/index.js'
import { FLOAT_BYTES, pageBytesPerLayer, slotBytesPerLayer } from '../kernels/layout.js'
import { boundTensor, openSession } from '../kernels/ort/index.js'
import type { Binding, DecoderGeometry, Precision } from '../kernels/protocol.js'

export interface KernelLoopOptions {
  readonly modelPath: string
  readonly cachePath: string
  readonly precision: Precision
  readonly binding: Binding
  /** Intra-op threads. */
  readonly threads: number
  readonly spinUs: number
  /** Sequences that decode together. */
  readonly batch: number
  /** Tokens that each sequence has behind it; the same at every step. */
  readonly context: number
  /** Tokens that a slot has room for; it sets how far apart in memory the sequences lie. Default: just the context. */
  readonly slotCapacity?: number
  readonly steps: number
}

export interface KernelLoopResult {
  readonly options: KernelLoopOptions
  /** Milliseconds of one step. */
  readonly medianMs: number
  readonly p10Ms: number
  readonly p90Ms: number
  /** Over all sequences, by the median. */
  readonly tokensPerSecond: number
}

const WARM_UP_STEPS = 20

/**
 * The decode loop with nothing around it: one run of the decoder graph after the other in this thread, the same tensors
 * bound each time, no plan, no sampling, no messages. What an engine adds shows against this.
 */
export async function runKernelLoop(options: KernelLoopOptions): Promise<KernelLoopResult> {
  const { batch, context, steps } = options
  const slotCapacity = options.slotCapacity ?? context + 1
  const { graphPath, info } = await prepareDecoder(options.modelPath, { ...options, slotCapacity })
  const { text } = info
  const geometry: DecoderGeometry = {
    numSlots: batch,
    slotCapacity,
    numPages: 0,
    pageSize: 16,
    maxChunk: 1,
    maxLogitRows: batch,
  }
  const memory = Array.from({ length: text.numLayers }, () => ({
    slots: new SharedArrayBuffer(slotBytesPerLayer(text, batch, slotCapacity)),
    pages: new SharedArrayBuffer(pageBytesPerLayer(text, 0, 16)),
  }))
  // Memory never written is one page of zeros that all its addresses share, and would come from the nearest cache.
  for (const { slots } of memory) new Float32Array(slots).fill(0.5)
  const { past, present } = new SlotAttention(text, geometry, memory).tensors(0, batch)
  const embeds = Float32Array.from({ length: batch * text.hiddenSize }, (_, i) => Math.sin(i))
  const feeds = {
    ...past,
    embeds: boundTensor('float32', [batch, 1, text.hiddenSize], embeds.buffer, 0, true),
    seqlens: boundTensor('int32', [batch], new Int32Array(new ArrayBuffer(batch * 4)).fill(context).buffer, 0, true),
    total_length: boundTensor('int32', [], Int32Array.of(context + 1).buffer, 0, true),
    logit_rows: boundTensor(
      'int64',
      [batch],
      BigInt64Array.from({ length: batch }, (_, i) => BigInt(i)).buffer,
      0,
      true,
    ),
  }
  const logits = boundTensor(
    'float32',
    [batch, text.vocabRows],
    new ArrayBuffer(batch * text.vocabRows * FLOAT_BYTES),
    0,
    true,
  )
  const fetches = { ...present, logits }

  const session = await openSession(graphPath, options.binding, { ...options, device: 'cpu' })
  const times: number[] = []
  for (let step = -WARM_UP_STEPS; step < steps; step++) {
    const begun = performance.now()
    await session.run(feeds, fetches)
    if (step >= 0) times.push(performance.now() - begun)
  }
  await session.close()
  times.sort((a, b) => a - b)
  const quantile = (share: number): number => times[Math.floor(share * (times.length - 1))]!
  const medianMs = quantile(0.5)
  return { options, medianMs, p10Ms: quantile(0.1), p90Ms: quantile(0.9), tokensPerSecond: (batch * 1000) / medianMs }
}
