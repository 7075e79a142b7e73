import type { Backend } from './backend.js'

/** What is known of the loaded checkpoint. */
export interface EngineModel {
  /** Short name that servers announce. */
  readonly name: string
  /** Folder that it was loaded from. */
  readonly path: string
  /** `llava`, `llava_next`, `llava_onevision`, ... as the checkpoint's config says. */
  readonly family: string
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number
  /** Ids below this are valid in prompts and in `logitBias`. */
  readonly vocabSize: number
  /** Id that stands for pictures in `tokens` prompts. */
  readonly imageTokenId: number
  /** Id that stands for videos in `tokens` prompts; absent: the model takes none. */
  readonly videoTokenId?: number
  /** What had to be guessed or repaired in the checkpoint; sentences to show to whoever loads it. */
  readonly warnings?: readonly string[]
}

/** A snapshot; counters run from the engine's start and never fall. */
export interface EngineStatus {
  readonly waitingRequests: number
  readonly runningRequests: number
  readonly finishedRequests: number
  readonly abortedRequests: number
  readonly failedRequests: number
  readonly promptTokens: number
  /** Prompt tokens whose keys and values came from the radix cache. */
  readonly cachedTokens: number
  readonly generatedTokens: number
  /** Generated tokens that a constraint dictated: no decode step of their own. */
  readonly forcedTokens: number
  /** Runs of the vision encoder. */
  readonly imageEncodes: number
  /** Encodes saved because the picture's features were cached. */
  readonly imageFeatureHits: number
  /** Encodes saved because the cached prefix covers the picture. */
  readonly imagePrefixHits: number
  readonly decodeSteps: number
  readonly prefillChunks: number
  readonly pages: { readonly total: number; readonly cached: number; readonly inUse: number; readonly free: number }
  /** `tokens`: positions of all slots together for which there is memory; `heldTokens`: of which requests have taken some or had it last. */
  readonly slots: {
    readonly total: number
    readonly inUse: number
    readonly tokens: number
    readonly heldTokens: number
  }
  readonly lastStepMs: number
  readonly uptimeMs: number
}

/** A backend that owns its model: what servers and command lines are built on. */
export interface Engine extends Backend {
  readonly model: EngineModel
  /** Tokens of a prompt text, the tokenizer's own start token included. */
  tokenize(text: string): number[]
  /** The token's own text; a partial character shows as U+FFFD, a special token as ''. Throws REQUEST_INVALID for ids outside the vocabulary. */
  decodeToken(id: number): string
  /** Text of the tokens together, special ones left out: characters that span tokens come out whole. Throws like decodeToken. */
  detokenize(ids: readonly number[]): string
  status(): EngineStatus
  /** Empties the prefix and feature caches; false, and nothing done, while requests wait or run. */
  flushCache(): Promise<boolean>
  /** Aborts waiting and running requests whose id is, or begins with, the text ('' means all); returns how many. */
  abort(idOrPrefix: string): number
  /** Takes no new requests (ENGINE_CLOSED) and resolves when those accepted have ended. */
  drain(): Promise<void>
  /** Aborts what still runs and releases workers and memory. Safe to call twice. */
  close(): Promise<void>
}
