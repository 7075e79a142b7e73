import type { Constraint, ContentPart, GenerateRequest, Message, Prompt } from '../../runtime/protocol/backend.js'
import type { GenNode, JsonNode } from '../ir/node.js'
import { mergeSampling, type SamplingOptions } from '../ir/options.js'

/** What goes with every request of a run. */
export interface RequestSettings {
  /** Program first, run second: later layers win, and a slot's own options win over both. */
  readonly sampling: readonly SamplingOptions[]
  /** Runs with different salts never share cached prefixes. Default ''. */
  readonly cacheSalt?: string
  /** Higher runs earlier among waiting requests. Default 0. */
  readonly priority?: number
}

export function chatPrompt(messages: readonly Message[], open: readonly ContentPart[]): Prompt {
  return { kind: 'chat', messages: [...messages], ...(open.length > 0 && { continuation: [...open] }) }
}

export function constraintOf(node: GenNode | JsonNode): Constraint | null {
  if (node.kind === 'json') {
    const { closeOnLength: _, ...format } = node.format
    return { kind: 'json-schema', schema: node.schema, ...format }
  }
  if (node.constraint === null) return null
  if (node.constraint.kind === 'regex') return { kind: 'regex', pattern: node.constraint.pattern }
  const { grammar, root } = node.constraint
  return { kind: 'ebnf', grammar, ...(root !== null && { root }) }
}

/** `path` is the capture's place in the result: 'notes.clarity.note'. */
export function generateRequest(
  node: GenNode | JsonNode,
  path: string,
  prompt: Prompt,
  settings: RequestSettings,
): GenerateRequest {
  const constraint = constraintOf(node)
  const outer = mergeSampling(...settings.sampling)
  const seed = outer.seed === undefined ? {} : { seed: mixSeed(outer.seed, path) }
  return {
    prompt,
    sampling: mergeSampling(outer, seed, node.sampling),
    ...(constraint !== null && { constraint }),
    ...(node.logprobs !== null && { logprobs: { top: node.logprobs } }),
    ...(node.kind === 'json' &&
      node.format.closeOnLength !== undefined && { closeOnLength: node.format.closeOnLength }),
    ...routing(settings),
  }
}

/** Salt and priority, where they are set. */
export function routing(settings: Omit<RequestSettings, 'sampling'>): Pick<GenerateRequest, 'cacheSalt' | 'priority'> {
  const { cacheSalt, priority } = settings
  return { ...(cacheSalt !== undefined && { cacheSalt }), ...(priority !== undefined && { priority }) }
}

/**
 * One seed for a whole run would give all branches of a fork the same sample. FNV-1a over the path, started from the
 * seed, gives each capture its own, the same in every run. 31 bits, so that any sampler can hold it.
 */
export function mixSeed(seed: number, path: string): number {
  let hash = (0x811c9dc5 ^ seed ^ Math.floor(seed / 2 ** 32)) >>> 0
  for (const byte of Buffer.from(path)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash >>> 1
}
