import { SlotAttention } from './attention/slots.js'
import { DecoderRunner } from './decoder-runner.js'
import { prepareDecoder } from './graphs/index.js'
import { openSession, openSystemMemory } from './ort/index.js'
import type { KernelRequest, LoadReport } from './protocol.js'

/** Long enough to bridge the pause between two steps of a busy engine, short enough to leave an idle one asleep. */
const SPIN_US = 1000

/**
 * Builds or fetches the graph and opens it. Throws KernelFailure with a MODEL code, or KERNEL_FAILED; RangeError when a
 * region is smaller than the geometry says.
 */
export async function loadDecoder(
  request: Extract<KernelRequest, { op: 'load-decoder' }>,
): Promise<{ runner: DecoderRunner; report: LoadReport }> {
  const begun = performance.now()
  const { geometry, memory, greedy } = request
  const { device, binding, threads, precision, cachePath } = request.session
  const { slotCapacity } = geometry
  const prepared = await prepareDecoder(request.path, { precision, cachePath, slotCapacity })
  const { graphPath, cached, embeddings, info } = prepared
  const system = await openSystemMemory()
  if (geometry.isLazy) for (const { slots } of memory.kv) system?.useSmallPages(slots)
  const attention = new SlotAttention(info.text, geometry, memory.kv, system?.giveBack)
  const session = await openSession(graphPath, binding, { device, threads, spinUs: SPIN_US })
  const { hiddenSize, vocabRows } = info.text
  try {
    const limits = { hiddenSize, vocabRows, geometry, memory, ...(greedy === undefined ? {} : { greedy }) }
    const runner = new DecoderRunner({ session, attention, embeddings, ...limits })
    return { runner, report: { binding: session.binding, loadMs: performance.now() - begun, cached } }
  } catch (error) {
    await session.close()
    throw error
  }
}
