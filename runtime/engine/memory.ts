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
/** Without `kvCacheBytes`: this much, */
const LEAST_BUDGET = 2 ** 30
/** or as much as this many requests of the whole context take, */
const WANTED_CONTEXTS = 4
/** within this share of the machine's memory, most of which is for weights. */
const MACHINE_SHARE = 0.4

/**
 * Divides `kvCacheBytes` between slots and pages. Where none was given, a budget is chosen by the model and the
 * machine: 1 GiB for a small model, more for one whose whole context would not fit. Pure.
 * @param bytesPerToken keys and values of one token over all layers.
 * @param machineBytes the machine's memory.
 * @throws EngineError CONFIG_INVALID when not even one request of the context length fits.
 */
export function planMemory(
  config: EngineConfig,
  modelContext: number,
  bytesPerToken: number,
  machineBytes: number,
): MemoryPlan {
  const contextLength = Math.min(config.contextLength ?? modelContext, modelContext)
  const pagesPerSlot = Math.ceil(contextLength / config.pageSize)
  const slotCapacity = pagesPerSlot * config.pageSize
  const slotBytes = slotCapacity * bytesPerToken
  const budget = config.kvCacheBytes ?? chooseBudget(slotBytes, machineBytes)
  if (slotBytes > budget) {
    const came = config.kvCacheBytes === null ? `the default on this machine is ${budget}` : `${budget} came`
    const what = `must be ${slotBytes} at least (--kv-cache-mib ${Math.ceil(slotBytes / 2 ** 20)}) to hold one request of ${contextLength} tokens; ${came}. A smaller contextLength (--context-length) needs less.`
    throw new EngineError('CONFIG_INVALID', { option: 'kvCacheBytes', what })
  }
  const affordable = Math.floor((budget * SLOT_SHARE) / slotBytes)
  const numSlots = Math.max(1, Math.min(config.maxRunning, affordable))
  const rest = budget - numSlots * slotBytes
  const numPages = config.prefixCache ? Math.max(0, Math.floor(rest / (config.pageSize * bytesPerToken))) : 0
  return { numSlots, slotCapacity, numPages, contextLength }
}

function chooseBudget(slotBytes: number, machineBytes: number): number {
  return Math.max(LEAST_BUDGET, Math.min(WANTED_CONTEXTS * slotBytes, Math.floor(machineBytes * MACHINE_SHARE)))
}
