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
  /**
   * Token ids of each sequence, `context` of them, whose keys and values the loop then reads, as an engine would.
   * Default: made-up keys and values.
   */
  readonly prompts?: readonly (readonly number[])[]
}

export interface KernelLoopResult {
  readonly options: KernelLoopOptions
  /** Milliseconds of one step: all steps by their count, and quantiles. */
  readonly meanMs: number
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
  const { graphPath, info, embeddings } = await prepareDecoder(options.modelPath, { ...options, slotCapacity })
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
  const attention = new SlotAttention(text, geometry, memory)
  const { past, present } = attention.tensors(0, batch)
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
  for (const [slot, ids] of (options.prompts ?? []).entries()) {
    const row = attention.tensors(slot, 1)
    const prompt = new Float32Array(ids.length * text.hiddenSize)
    embeddings.copyRows(ids, prompt, 0)
    await session.run(
      {
        ...row.past,
        embeds: boundTensor('float32', [1, ids.length, text.hiddenSize], prompt.buffer, 0, false),
        seqlens: boundTensor('int32', [1], Int32Array.of(ids.length - 1).buffer, 0, false),
        total_length: boundTensor('int32', [], Int32Array.of(ids.length).buffer, 0, false),
        logit_rows: boundTensor('int64', [1], BigInt64Array.of(0n).buffer, 0, false),
      },
      { ...row.present, logits: boundTensor('float32', [1, text.vocabRows], logits.buffer, 0, false) },
    )
    embeds.set(prompt.subarray(-text.hiddenSize), slot * text.hiddenSize)
  }
  const times: number[] = []
  for (let step = -WARM_UP_STEPS; step < steps; step++) {
    const begun = performance.now()
    await session.run(feeds, fetches)
    if (step >= 0) times.push(performance.now() - begun)
  }
  await session.close()
  times.sort((a, b) => a - b)
  const quantile = (share: number): number => times[Math.floor(share * (times.length - 1))]!
  const meanMs = times.reduce((sum, time) => sum + time, 0) / times.length
  const medianMs = quantile(0.5)
  return {
    options,
    meanMs,
    medianMs,
    p10Ms: quantile(0.1),
    p90Ms: quantile(0.9),
    tokensPerSecond: (batch * 1000) / medianMs,
  }
}
