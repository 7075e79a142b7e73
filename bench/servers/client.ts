/** A client of one OpenAI-compatible server, as little as the measurements need. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Server {
  readonly name: string
  /** Address without a path, such as http://127.0.0.1:8080. */
  readonly base: string
  /** llama.cpp turns schemas into grammars that let white space run on; it gets a grammar that says the same compactly. */
  readonly takesGrammar: boolean
}

export type Content =
  | string
  | readonly ({ type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } })[]

export interface Answer {
  readonly text: string
  readonly outputTokens: number
  readonly promptTokens: number
  readonly cachedTokens: number
}

export interface StreamedAnswer {
  readonly firstMs: number
  /** Between the first and the last piece. */
  readonly tokensPerSecond: number
}

interface Completion {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string }
    readonly delta?: { readonly content?: string }
  }[]
  readonly usage?: {
    readonly completion_tokens?: number
    readonly prompt_tokens?: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  } | null
}

/** Of "name=http://host:port". Throws Error where it is none, or where nothing answers there. */
export async function reachServer(given: string): Promise<Server> {
  const [, name, base] = /^([\w.-]+)=(https?:\/\/[^/]+)\/?$/.exec(given) ?? []
  if (!name || !base) throw new Error(`--server takes name=http://host:port, not ${given}`)
  const health = await fetch(`${base}/health`).catch((error: unknown) => {
    throw new Error(`nothing answers at ${base}: start the server ${name} first`, { cause: error })
  })
  if (!health.ok) throw new Error(`${base}/health answered ${health.status}: is the server ${name} ready?`)
  // Only llama.cpp has this route.
  return { name, base, takesGrammar: (await fetch(`${base}/props`)).ok }
}

/** Greedy, and never over before `maxTokens`, unless `extra` says otherwise: random weights stop anywhere. */
async function post(server: Server, content: Content, maxTokens: number, extra: object): Promise<Response> {
  const body = {
    messages: [{ role: 'user', content }],
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    ...extra,
  }
  const response = await fetch(`${server.base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${server.name}: ${response.status} ${(await response.text()).slice(0, 300)}`)
  return response
}

export async function chat(server: Server, content: Content, maxTokens: number, extra: object = {}): Promise<Answer> {
  const { choices, usage } = (await (await post(server, content, maxTokens, extra)).json()) as Completion
  const text = choices?.[0]?.message?.content
  const outputTokens = usage?.completion_tokens
  if (text === undefined || !outputTokens) throw new Error(`${server.name}: an answer without text or usage`)
  return {
    text,
    outputTokens,
    promptTokens: usage.prompt_tokens ?? 0,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
  }
}

export async function chatStreamed(server: Server, content: Content, maxTokens: number): Promise<StreamedAnswer> {
  const begun = performance.now()
  const response = await post(server, content, maxTokens, { stream: true, stream_options: { include_usage: true } })
  let first = 0
  let last = 0
  let outputTokens = 0
  let buffered = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body!) {
    const now = performance.now()
    const lines = (buffered + decoder.decode(bytes as Uint8Array, { stream: true })).split('\n')
    buffered = lines.pop()!
    for (const line of lines) {
      if (!line.startsWith('data: ') || line.startsWith('data: [DONE]')) continue
      const { choices, usage } = JSON.parse(line.slice(6)) as Completion
      outputTokens = usage?.completion_tokens ?? outputTokens
      if (!choices?.[0]?.delta?.content) continue
      last = now
      first ||= now
    }
  }
  if (outputTokens < 2 || last === first)
    throw new Error(`${server.name}: ${outputTokens} tokens in one piece: nothing to time`)
  return { firstMs: first - begun, tokensPerSecond: (outputTokens - 1) / ((last - first) / 1000) }
}

/** Lets what a server still does after its last answer end before another one is timed. */
export const settle = (): Promise<void> => sleep(250)
