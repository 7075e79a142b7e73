import type { EngineConfig } from '../config.js'
import {
  allocateKeyValues,
  type DecoderGeometry,
  type KeyValueMemory,
  kvBytesPerToken,
  type ModelInfo,
} from '../runner/model-runner.js'
import type { BatchLimits } from '../scheduler/batch.js'
import { type MemoryPlan, planMemory } from './memory.js'

/** Logit rows of a step: several decode steps of all slots, and some for options that are scored. */
const LOGIT_ROWS_PER_SLOT = 16
const SPARE_LOGIT_ROWS = 64
/** Chunks of a step beside one for each slot: pieces of options that are scored. */
const SPARE_CHUNKS = 32

export interface DecoderMemory {
  readonly memory: MemoryPlan
  readonly limits: BatchLimits
  readonly geometry: DecoderGeometry
  readonly keyValues: KeyValueMemory
}

/**
 * Divides the decoder's memory and allocates it, with fewer slots where the system does not give addresses for all of
 * them. Throws what planMemory throws; RangeError when the memory itself is not to be had.
 */
export function allocateDecoderMemory(
  config: EngineConfig,
  info: ModelInfo,
  machineBytes: number,
  isLazy: boolean,
): DecoderMemory {
  const { text } = info
  const memory = planMemory(config, text.contextLength, kvBytesPerToken(text), machineBytes, isLazy)
  const { numSlots, slotCapacity, slotTokens, numPages } = memory
  const limits: BatchLimits = {
    numSlots,
    slotCapacity,
    slotTokens,
    maxChunk: config.maxChunk,
    maxChunks: numSlots + SPARE_CHUNKS,
    maxLogitRows: numSlots * LOGIT_ROWS_PER_SLOT + SPARE_LOGIT_ROWS,
  }
  const isShort = slotTokens < numSlots * slotCapacity
  const geometry: DecoderGeometry = { ...limits, isLazy: isShort, numPages, pageSize: config.pageSize }
  try {
    return { memory, limits, geometry, keyValues: allocateKeyValues(info, geometry) }
  } catch (error) {
    if (isShort && error instanceof RangeError) {
      return allocateDecoderMemory({ ...config, maxRunning: Math.ceil(numSlots / 2) }, info, machineBytes, isLazy)
    }
    throw error
  }
}
