import type { Usage } from '../../runtime/protocol/backend.js'

/** What a run has cost so far: the engine's counts, summed over its requests. */
export interface RunUsage extends Usage {
  readonly requests: number
}

export const NO_USAGE: RunUsage = Object.freeze({
  requests: 0,
  promptTokens: 0,
  cachedTokens: 0,
  imageTokens: 0,
  cachedImageTokens: 0,
  imageEncodes: 0,
  completionTokens: 0,
  forcedTokens: 0,
})

/** Adds one request's usage, or that of a whole run. */
export function addUsage(total: RunUsage, usage: Usage | RunUsage): RunUsage {
  return {
    requests: total.requests + ('requests' in usage ? usage.requests : 1),
    promptTokens: total.promptTokens + usage.promptTokens,
    cachedTokens: total.cachedTokens + usage.cachedTokens,
    imageTokens: total.imageTokens + usage.imageTokens,
    cachedImageTokens: total.cachedImageTokens + usage.cachedImageTokens,
    imageEncodes: total.imageEncodes + usage.imageEncodes,
    completionTokens: total.completionTokens + usage.completionTokens,
    forcedTokens: total.forcedTokens + usage.forcedTokens,
  }
}
