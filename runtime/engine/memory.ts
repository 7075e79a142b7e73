import type { EngineConfig } from '../config.js'
import { EngineError } from '../protocol/error.js'

/** How key/value memory is divided. Counts in slots, pages and tokens. */
export interface MemoryPlan {
  readonly numSlots: number
  /** A whole number of pages; at least the context length. */
  readonly slotCapacity: number
  readonly numPages: number
  readonly contextLength: number
}

/** Share of the memory that slots of running requests may take before their number is cut. */
const SLOT_SHARE = 0.6

/**
 * Divides `kvCacheBytes` between slots and pages. Pure.
 * @param bytesPerToken keys and values of one token over all layers.
 * @throws EngineError CONFIG_INVALID when not even one request of the context length fits.
 */
export function planMemory(config: EngineConfig, modelContext: number, bytesPerToken: number): MemoryPlan {
  const contextLength = Math.min(config.contextLength ?? modelContext, modelContext)
  const pagesPerSlot = Math.ceil(contextLength / config.pageSize)
  const slotCapacity = pagesPerSlot * config.pageSize
  const slotBytes = slotCapacity * bytesPerToken
  if (slotBytes > config.kvCacheBytes) {
    const what = `must be ${slotBytes} at least to hold one request of ${contextLength} tokens; ${config.kvCacheBytes} came. A smaller contextLength needs less.`
    throw new EngineError('CONFIG_INVALID', { option: 'kvCacheBytes', what })
  }
  const affordable = Math.floor((config.kvCacheBytes * SLOT_SHARE) / slotBytes)
  const numSlots = Math.max(1, Math.min(config.maxRunning, affordable))
  const rest = config.kvCacheBytes - numSlots * slotBytes
  const numPages = config.prefixCache ? Math.max(0, Math.floor(rest / (config.pageSize * bytesPerToken))) : 0
  return { numSlots, slotCapacity, numPages, contextLength }
}
