import type { ContentPart, GenerateResult, Prompt } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import type { GenNode, JsonNode, SelectNode, SlotNode } from '../ir/node.js'
import { type NodeTable, visit } from '../ir/visit.js'
import { appendText, type Captured, type Frame } from './frame.js'
import { checkComplete, readJson, valueText } from './output.js'
import { chatPrompt, generateRequest, routing } from './request.js'
import type { CaptureDetail, Walk } from './walk.js'

/**
 * Generates one slot after what the turn says so far, and adds it there by its exact tokens, so that later prompts
 * meet the cached prefix whatever the tokenizer would make of the text.
 */
export async function fill(node: SlotNode, frame: Frame, open: ContentPart[], walk: Walk): Promise<Captured> {
  const path = frame.pathOf(node.name)
  const detail = await visit(FILL, node, path, chatPrompt(frame.messages, open), walk).catch(cause => {
    throw located(cause, path, walk)
  })
  const { text, tokenIds } = detail
  walk.report({ type: 'detail', path, detail })
  // A stop text may end in the middle of a token, so that the tokens say more than the capture does.
  if (detail.stoppedAt !== null) appendText(open, text)
  else if (tokenIds.length > 0) open.push({ kind: 'generated', text, tokenIds })
  if (node.kind !== 'json') return { text, value: text, inner: null }
  const json = valueText(text, node.format.reasoningEnd)
  return { text, value: await readJson(walk.program, path, json, walk.validatorOf(node)), inner: null }
}

const FILL: NodeTable<SlotNode['kind'], [string, Prompt, Walk], Promise<CaptureDetail>> = {
  gen: generate,
  json: generate,
  select: choose,
}

/** The engine's error, with the capture it belongs to in its data: the engine itself knows nothing of captures. */
function located(cause: unknown, capture: string, walk: Walk): unknown {
  if (!EngineError.isInstance(cause) || 'program' in cause.data) return cause
  return new EngineError(cause.code, { ...cause.data, program: walk.program, capture }, { cause })
}

async function generate(node: GenNode | JsonNode, path: string, prompt: Prompt, walk: Walk): Promise<CaptureDetail> {
  const request = generateRequest(node, path, prompt, walk.settings)
  if (node.kind === 'json' && node.format.reasoningEnd !== undefined)
    walk.report({ type: 'reasoning', path, end: node.format.reasoningEnd })
  let result: GenerateResult | null = null
  for await (const event of walk.backend.generate(request, { signal: walk.signal })) {
    if (event.type === 'finish') result = event.result
    else if (event.delta !== '') walk.report({ type: 'text-delta', path, delta: event.delta })
  }
  if (result === null) throw new EngineError('ENGINE_FAILED', { what: `"${path}" ended without a finish event` })
  walk.report({ type: 'usage', usage: result.usage })
  if (result.finish === 'abort') throw new EngineError('PROGRAM_CANCELLED', { program: walk.program })
  checkComplete(walk.program, path, node, result)
  const { text, tokenIds, finish, matchedStop, usage, logprobs } = result
  const stoppedAt = typeof matchedStop === 'string' ? matchedStop : null
  return { text, tokenIds, finish, stoppedAt, usage, ...(logprobs !== undefined && { logprobs }) }
}

async function choose(node: SelectNode, path: string, prompt: Prompt, walk: Walk): Promise<CaptureDetail> {
  const { choices, method } = node
  const request = { prompt, choices, method, ...routing(walk.settings) }
  const { choice, tokenIds, scores, usage } = await walk.backend.select(request, { signal: walk.signal })
  walk.report({ type: 'usage', usage })
  walk.report({ type: 'text-delta', path, delta: choice })
  return { text: choice, tokenIds, finish: 'stop', stoppedAt: null, usage, scores }
}
