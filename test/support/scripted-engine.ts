import type {
  Backend,
  CallOptions,
  Constraint,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  Generation,
  Prompt,
  SelectRequest,
  SelectResult,
  TokenLogprob,
  Usage,
} from '../../runtime/protocol/backend.js'
import type { Engine, EngineStatus } from '../../runtime/protocol/engine.js'
import { EngineError } from '../../runtime/protocol/error.js'

/** What the double says to a request: text, one token a code unit; or an error to end with. */
export type Script = (request: GenerateRequest) => string | EngineError

export interface ScriptedEngineOptions {
  readonly script?: Script
  /** Awaited before each token, with the token's index; lets a test hold a generation open. */
  readonly pace?: (request: GenerateRequest, index: number) => Promise<void>
  readonly checkConstraint?: Backend['checkConstraint']
  readonly select?: (request: SelectRequest) => SelectResult | EngineError
  readonly contextLength?: number
  /** Whether deltas carry log-probabilities and usage, as they may. Default true. */
  readonly hasRichDeltas?: boolean
}

export interface ScriptedEngine extends Engine {
  readonly requests: GenerateRequest[]
  readonly selects: SelectRequest[]
  readonly checked: Constraint[]
  readonly warmed: Prompt[]
  readonly running: ReadonlyMap<string, AbortController>
  isDrained: boolean
  isClosed: boolean
  /** What runs was begun and what ended was told. */
  checkIntegrity(): void
}

const VOCABULARY_SIZE = 300
const IMAGE_TOKENS = 4

/**
 * An engine without a model: token ids are UTF-16 code units (below 256 in the tests), id 256 ends the text, 257 is the
 * picture. Speaks what the script says, cut by `maxTokens` and `stop`.
 */
export function createScriptedEngine(options: ScriptedEngineOptions = {}): ScriptedEngine {
  const { script = () => 'hello', pace, hasRichDeltas = true, contextLength = 512 } = options
  const running = new Map<string, AbortController>()
  const counts = { begun: 0, finished: 0, aborted: 0, failed: 0, prompt: 0, cached: 0, generated: 0, encodes: 0 }
  let nextId = 0

  async function* play(
    request: GenerateRequest,
    id: string,
    controller: AbortController,
  ): AsyncGenerator<GenerateEvent> {
    const { signal } = controller
    let isCounted = false
    try {
      const usage = usageOf(request.prompt)
      const answer = signal.aborted ? '' : script(request)
      if (answer instanceof EngineError) throw answer
      const { text, finish, matchedStop } = cut(answer, request)
      counts.prompt += usage.promptTokens
      counts.cached += usage.cachedTokens
      counts.encodes += usage.imageEncodes
      let said = ''
      for (const [index, unit] of text.split('').entries()) {
        await pace?.(request, index)
        if (signal.aborted) break
        said += unit
        counts.generated++
        yield {
          type: 'text-delta',
          delta: unit,
          tokenIds: [unit.charCodeAt(0)],
          ...(hasRichDeltas && { usage: { ...usage, completionTokens: said.length } }),
          ...(hasRichDeltas && request.logprobs && { logprobs: [logprobOf(unit.charCodeAt(0), request)] }),
        }
      }
      const isAborted = signal.aborted
      counts[isAborted ? 'aborted' : 'finished']++
      isCounted = true
      const tokenIds = [...said].map(unit => unit.charCodeAt(0))
      const result: GenerateResult = {
        id,
        text: said,
        tokenIds,
        finish: isAborted ? 'abort' : finish,
        matchedStop: isAborted ? null : matchedStop,
        usage: { ...usage, completionTokens: tokenIds.length },
        ...(request.logprobs && { logprobs: tokenIds.map(id => logprobOf(id, request)) }),
        ...(request.logprobs &&
          finish === 'stop' &&
          !isAborted &&
          typeof matchedStop === 'number' && { stopLogprob: logprobOf(matchedStop, request) }),
        ...(request.logprobs?.promptFrom !== undefined && { promptLogprobs: promptLogprobs(request) }),
      }
      yield { type: 'finish', result }
    } catch (error) {
      counts.failed++
      isCounted = true
      throw error
    } finally {
      // Left at a yield: aborted, as by the real one.
      if (!isCounted) counts.aborted++
      running.delete(id)
    }
  }

  const engine: ScriptedEngine = {
    model: {
      name: 'scripted',
      path: '/models/scripted',
      family: 'llava',
      contextLength,
      vocabSize: VOCABULARY_SIZE,
      imageTokenId: 257,
    },
    requests: [],
    selects: [],
    checked: [],
    warmed: [],
    running,
    isDrained: false,
    isClosed: false,
    generate(request: GenerateRequest, call: CallOptions = {}): Generation {
      if (engine.isDrained) throw new EngineError('ENGINE_CLOSED')
      const id = request.id ?? `scripted-${nextId++}`
      if (running.has(id)) throw new EngineError('REQUEST_DUPLICATE_ID', { id })
      engine.requests.push(request)
      const controller = new AbortController()
      counts.begun++
      running.set(id, controller)
      if (call.signal?.aborted) controller.abort()
      call.signal?.addEventListener('abort', () => controller.abort(), { once: true })
      const events = play(request, id, controller)
      return {
        id,
        abort: () => controller.abort(),
        [Symbol.asyncIterator]: () => events,
        get result() {
          return lastResult(events)
        },
      }
    },
    async select(request) {
      engine.selects.push(request)
      const result = options.select?.(request) ?? selectFirst(request)
      if (result instanceof EngineError) throw result
      return result
    },
    async checkConstraint(constraint) {
      engine.checked.push(constraint)
      await options.checkConstraint?.(constraint)
    },
    async warm(prompt) {
      engine.warmed.push(prompt)
      return usageOf(prompt)
    },
    tokenize: text => [...text].map(unit => unit.charCodeAt(0)),
    decodeToken: id => engine.detokenize([id]),
    detokenize: ids => ids.map(id => (id < 256 ? String.fromCharCode(id) : '')).join(''),
    status: (): EngineStatus => ({
      waitingRequests: 0,
      runningRequests: running.size,
      finishedRequests: counts.finished,
      abortedRequests: counts.aborted,
      failedRequests: counts.failed,
      promptTokens: counts.prompt,
      cachedTokens: counts.cached,
      generatedTokens: counts.generated,
      forcedTokens: 3,
      imageEncodes: counts.encodes,
      imageFeatureHits: 2,
      imagePrefixHits: 5,
      decodeSteps: counts.generated,
      prefillChunks: counts.begun,
      pages: { total: 64, cached: 16, inUse: 8, free: 40 },
      slots: { total: 8, inUse: running.size, tokens: 800, heldTokens: 100 * running.size },
      lastStepMs: 4,
      uptimeMs: 60_000,
    }),
    flushCache: async () => running.size === 0,
    abort(prefix) {
      const hit = [...running].filter(([id]) => id.startsWith(prefix))
      for (const [, controller] of hit) controller.abort()
      return hit.length
    },
    async drain() {
      engine.isDrained = true
      while (running.size > 0) await new Promise(resolve => setTimeout(resolve, 1))
    },
    async close() {
      engine.isClosed = true
      engine.abort('')
    },
    checkIntegrity() {
      const ended = counts.finished + counts.aborted + counts.failed
      if (ended + running.size !== counts.begun) {
        throw new Error(`${counts.begun} requests begun, ${ended} ended and ${running.size} running`)
      }
    },
  }
  return engine
}

async function lastResult(events: AsyncIterable<GenerateEvent>): Promise<GenerateResult> {
  for await (const event of events) if (event.type === 'finish') return event.result
  throw new EngineError('ENGINE_FAILED', { what: 'no result' })
}

function cut(answer: string, { sampling }: GenerateRequest): Pick<GenerateResult, 'text' | 'finish' | 'matchedStop'> {
  const stops = (sampling?.stop ?? []).map(stop => ({ stop, at: answer.indexOf(stop) })).filter(({ at }) => at >= 0)
  const first = stops.sort((a, b) => a.at - b.at)[0]
  const limit = sampling?.maxTokens ?? 256
  if (first !== undefined && first.at <= limit) {
    return { text: answer.slice(0, first.at), finish: 'stop', matchedStop: first.stop }
  }
  if (answer.length > limit) return { text: answer.slice(0, limit), finish: 'length', matchedStop: null }
  return { text: answer, finish: 'stop', matchedStop: 256 }
}

/** Plain text of a prompt; pictures count four tokens each, every prompt has a start token, ten tokens at most are cached. */
function usageOf(prompt: Prompt): Usage {
  let text = 1
  let images = 0
  const parts =
    prompt.kind === 'chat'
      ? [...prompt.messages.flatMap(message => message.content), ...(prompt.continuation ?? [])]
      : prompt.kind === 'raw'
        ? prompt.parts
        : []
  for (const part of parts) {
    if ('text' in part) text += part.text.length
    else images++
  }
  if (prompt.kind === 'tokens') {
    text = prompt.ids.length
    images = prompt.images?.length ?? 0
  }
  const promptTokens = text + images * IMAGE_TOKENS
  return {
    promptTokens,
    cachedTokens: Math.min(10, promptTokens - 1),
    imageTokens: images * IMAGE_TOKENS,
    cachedImageTokens: 0,
    imageEncodes: images,
    completionTokens: 0,
    forcedTokens: 0,
  }
}

/** Probability a half for what was said, a quarter for the next id. */
function logprobOf(tokenId: number, request: GenerateRequest): TokenLogprob {
  const all = [
    { tokenId, text: String.fromCharCode(tokenId), logprob: Math.log(0.5) },
    { tokenId: tokenId + 1, text: String.fromCharCode(tokenId + 1), logprob: Math.log(0.25) },
  ]
  return { ...all[0]!, top: all.slice(0, request.logprobs?.top ?? 0) }
}

function promptLogprobs(request: GenerateRequest): TokenLogprob[] {
  const { prompt } = request
  const ids = prompt.kind === 'tokens' ? prompt.ids : [1, 97, 98]
  return ids
    .map((id, index) => (index === 0 ? { ...logprobOf(id, request), logprob: null, top: [] } : logprobOf(id, request)))
    .slice(request.logprobs?.promptFrom)
}

function selectFirst(request: SelectRequest): SelectResult {
  const scores = request.choices.map((choice, index) => ({
    choice,
    score: -1 - index,
    probability: 1 / request.choices.length,
    tokenIds: [...choice].map(unit => unit.charCodeAt(0)),
    logprobs: [...choice].map(() => -1 - index),
  }))
  return {
    choice: request.choices[0]!,
    index: 0,
    scores,
    tokenIds: scores[0]!.tokenIds,
    usage: usageOf(request.prompt),
  }
}
