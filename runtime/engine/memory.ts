import type { EngineConfig } from '../config.js'
import { EngineError } from '../protocol/error.js'

/** How key/value memory is divided. Counts in slots, pages and tokens. */
export interface MemoryPlan {
  readonly numSlots: number
  /** Tokens of all slots together for which there is memory; fewer than numSlots * slotCapacity where memory comes as it is written. */
  readonly slotTokens: number
  /** A whole number of pages; at least the context length. */
  readonly slotCapacity: number
  readonly numPages: number
  readonly contextLength: number
}

/** Share of the memory that running requests may take before they are made fewer. */
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
 * @param isLazy memory comes when it is written and can be given back: then requests run together as long as what they
 *   really take fits. Otherwise each is given the whole context's memory.
 * @throws EngineError CONFIG_INVALID when not even one request of the context length fits.
 */
export function planMemory(
  config: EngineConfig,
  modelContext: number,
  bytesPerToken: number,
  machineBytes: number,
  isLazy: boolean,
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
  const pageBytes = config.pageSize * bytesPerToken
  const affordable = Math.floor((budget * SLOT_SHARE) / (isLazy ? pageBytes : slotBytes))
  const numSlots = Math.max(1, Math.min(config.maxRunning, affordable))
  const slotPages = Math.min(
    numSlots * pagesPerSlot,
    isLazy ? Math.max(pagesPerSlot, affordable) : Number.POSITIVE_INFINITY,
  )
  const rest = budget - slotPages * pageBytes
  const numPages = config.prefixCache ? Math.max(0, Math.floor(rest / pageBytes)) : 0
  return { numSlots, slotCapacity, slotTokens: slotPages * config.pageSize, numPages, contextLength }
}

function chooseBudget(slotBytes: number, machineBytes: number): number {
  return Math.max(LEAST_BUDGET, Math.min(WANTED_CONTEXTS * slotBytes, Math.floor(machineBytes * MACHINE_SHARE)))
}
