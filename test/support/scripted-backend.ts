import type {
  Backend,
  CallOptions,
  Constraint,
  ContentPart,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  Generation,
  Prompt,
  SelectRequest,
  SelectResult,
  Usage,
} from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'

export interface ScriptedAnswer {
  readonly text: string
  /** Fails the request instead, after the text has been streamed. */
  readonly error?: EngineError
  /** Streams the text, then waits until it is aborted. */
  readonly hangs?: boolean
  /** Before the first delta. */
  readonly delayMs?: number
  /** Nothing comes before this has resolved. */
  readonly after?: Promise<void>
}

export interface Question {
  readonly kind: 'generate' | 'select'
  /** The whole prompt as promptText() writes it. */
  readonly prompt: string
  readonly request: GenerateRequest | SelectRequest
  /** How many questions came before this one. */
  readonly index: number
}

export type Script = (question: Question) => string | ScriptedAnswer

export type Call =
  | { readonly kind: 'generate'; readonly prompt: string; readonly request: GenerateRequest }
  | { readonly kind: 'select'; readonly prompt: string; readonly request: SelectRequest }
  | { readonly kind: 'warm'; readonly prompt: string; readonly request: Prompt }
  | { readonly kind: 'check'; readonly constraint: Constraint }

const DELTA_LENGTH = 4

/** A backend without a model: answers from a script, one token a byte, and keeps every call in the order they came. */
export class ScriptedBackend implements Backend {
  readonly calls: Call[] = []
  /** Generations that were aborted before their end. */
  aborted = 0
  /** Requests that have begun and not ended, now and at most. */
  running = 0
  mostRunning = 0
  readonly #script: Script
  readonly #refuse: (constraint: Constraint) => EngineError | null
  readonly #encoded = new Set<string>()
  #questions = 0

  constructor(script: Script, refuse: (constraint: Constraint) => EngineError | null = () => null) {
    this.#script = script
    this.#refuse = refuse
  }

  generate(request: GenerateRequest, options: CallOptions = {}): Generation {
    const prompt = promptText(request.prompt)
    this.calls.push({ kind: 'generate', prompt, request })
    const controller = new AbortController()
    const signals = [controller.signal, ...(options.signal === undefined ? [] : [options.signal])]
    const id = request.id ?? `request-${this.#questions}`
    const answer = this.#answer({ kind: 'generate', prompt, request, index: this.#questions++ })
    const events = this.#stream(id, answer, request, AbortSignal.any(signals))
    return {
      id,
      abort: () => controller.abort(),
      [Symbol.asyncIterator]: () => events,
      get result() {
        return resultOf(events)
      },
    }
  }

  async select(request: SelectRequest, options: CallOptions = {}): Promise<SelectResult> {
    const prompt = promptText(request.prompt)
    this.calls.push({ kind: 'select', prompt, request })
    const answer = this.#answer({ kind: 'select', prompt, request, index: this.#questions++ })
    return this.#work(async () => {
      await pause(answer, options.signal)
      if (options.signal?.aborted) throw new EngineError('REQUEST_ABORTED', { id: 'select' })
      if (answer.error !== undefined) throw answer.error
      const index = request.choices.indexOf(answer.text)
      if (index < 0)
        throw new Error(`the script answers "${answer.text}"; the choices are ${request.choices.join(', ')}`)
      const scores = request.choices.map((choice, at) => ({
        choice,
        score: at === index ? -0.1 : -2,
        probability: at === index ? 0.9 : 0.1 / (request.choices.length - 1),
        tokenIds: tokensOf(choice),
        logprobs: tokensOf(choice).map(() => (at === index ? -0.1 : -2)),
      }))
      return {
        choice: answer.text,
        index,
        scores,
        tokenIds: tokensOf(answer.text),
        usage: this.#usage(request.prompt, 0),
      }
    })
  }

  async checkConstraint(constraint: Constraint): Promise<void> {
    this.calls.push({ kind: 'check', constraint })
    const refusal = this.#refuse(constraint)
    if (refusal !== null) throw refusal
  }

  async warm(prompt: Prompt): Promise<Usage> {
    const text = promptText(prompt)
    this.calls.push({ kind: 'warm', prompt: text, request: prompt })
    return this.#usage(prompt, 0)
  }

  /** Throws unless every request that began has ended. */
  checkIntegrity(): void {
    if (this.running !== 0) throw new Error(`${this.running} requests have not ended`)
  }

  #answer(question: Question): ScriptedAnswer {
    const answer = this.#script(question)
    return typeof answer === 'string' ? { text: answer } : answer
  }

  async *#stream(
    id: string,
    answer: ScriptedAnswer,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent> {
    const { text, finish, matchedStop } = cut(answer.text, request)
    let said = ''
    this.#begin()
    try {
      await pause(answer, signal)
      while (!signal.aborted && said.length < text.length) {
        const delta = text.slice(said.length, said.length + DELTA_LENGTH)
        said += delta
        await new Promise(resolve => setImmediate(resolve))
        yield { type: 'text-delta', delta, tokenIds: tokensOf(delta) }
      }
      if (answer.hangs && !signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
      if (signal.aborted) this.aborted += 1
      else if (answer.error !== undefined) throw answer.error
      const result: GenerateResult = {
        id,
        text: said,
        tokenIds: tokensOf(said),
        finish: signal.aborted ? 'abort' : finish,
        matchedStop: signal.aborted ? null : matchedStop,
        usage: this.#usage(request.prompt, tokensOf(said).length),
      }
      yield { type: 'finish', result }
    } finally {
      this.running -= 1
    }
  }

  /** Every picture is encoded once, as long as its bytes are the same. */
  #usage(prompt: Prompt, completionTokens: number): Usage {
    const keys = picturesIn(prompt).map(bytes => Buffer.from(bytes).toString('base64'))
    const fresh = new Set(keys.filter(key => !this.#encoded.has(key)))
    for (const key of fresh) this.#encoded.add(key)
    const promptTokens = tokensOf(promptText(prompt)).length
    const images = { imageTokens: keys.length, imageEncodes: fresh.size }
    return { promptTokens, cachedTokens: 0, cachedImageTokens: 0, ...images, completionTokens, forcedTokens: 0 }
  }

  async #work<T>(task: () => Promise<T>): Promise<T> {
    this.#begin()
    return task().finally(() => {
      this.running -= 1
    })
  }

  #begin(): void {
    this.running += 1
    this.mostRunning = Math.max(this.mostRunning, this.running)
  }
}

/** A prompt as text: '<user> <image>\nWhat is it?\n<assistant> It is', the last line being the open turn. */
export function promptText(prompt: Prompt): string {
  if (prompt.kind === 'tokens') return prompt.ids.join(' ')
  if (prompt.kind === 'raw') return prompt.parts.map(partText).join('')
  const closed = prompt.messages.map(({ role, content }) => `<${role}> ${content.map(partText).join('')}\n`)
  return `${closed.join('')}<assistant> ${(prompt.continuation ?? []).map(partText).join('')}`
}

function picturesIn(prompt: Prompt): Uint8Array[] {
  if (prompt.kind === 'tokens') return (prompt.images ?? []).map(({ bytes }) => bytes)
  const parts =
    prompt.kind === 'raw'
      ? prompt.parts
      : [...prompt.messages.flatMap(message => message.content), ...(prompt.continuation ?? [])]
  return parts.flatMap(part => (part.kind === 'image' ? [part.image.bytes] : []))
}

const partText = (part: ContentPart): string => ('text' in part ? part.text : `<${part.kind}>`)

/** One token a byte, as the tiny model has them. */
export const tokensOf = (text: string): number[] => [...Buffer.from(text)].map(byte => byte + 5)

function cut(
  text: string,
  { sampling = {} }: GenerateRequest,
): Pick<GenerateResult, 'text' | 'finish' | 'matchedStop'> {
  const stops = (sampling.stop ?? []).filter(stop => text.includes(stop))
  const [stop] = stops.sort((left, right) => text.indexOf(left) - text.indexOf(right))
  const stopped = stop === undefined ? text : text.slice(0, text.indexOf(stop))
  const most = sampling.maxTokens ?? 256
  if (tokensOf(stopped).length <= most) return { text: stopped, finish: 'stop', matchedStop: stop ?? null }
  return { text: Buffer.from(stopped).subarray(0, most).toString(), finish: 'length', matchedStop: null }
}

/** Even an instant answer takes a turn of the event loop, as any engine's does. */
async function pause(answer: ScriptedAnswer, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, signal?.aborted ? 0 : (answer.delayMs ?? 0))
    const stop = (): void => {
      clearTimeout(timer)
      resolve()
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
  if (!signal?.aborted) await answer.after
}

async function resultOf(events: AsyncIterable<GenerateEvent>): Promise<GenerateResult> {
  for await (const event of events) if (event.type === 'finish') return event.result
  throw new Error('the generation ended without a result')
}
