/**
 * All that a front end may see of an engine: requests in, events out. Everything here is plain data or an
 * async iterable, so that the same interface works in process and over the network.
 */

/** A picture as it came: encoded bytes (PNG, JPEG, WebP, GIF, ...). The engine hashes them; equal bytes share work. */
export interface ImageSource {
  readonly bytes: Uint8Array
  /** Only for messages about this picture (a file name, "image 2"). */
  readonly label?: string
}

/**
 * A video as it came: a file (MP4, WebM, Matroska, GIF, animated WebP) of which `frames` are sampled as the checkpoint
 * was trained, or its frames themselves, of which all are taken. Clips that show the same frames share work.
 */
export type VideoSource =
  | {
      readonly bytes: Uint8Array
      /** Default 8 for checkpoints of transformers and 32 for those of the original code, as their own examples have it. */
      readonly frames?: number
      /** Only for messages about this video. */
      readonly label?: string
    }
  | { readonly pictures: readonly ImageSource[]; readonly label?: string }

/** One piece of prompt content. `generated` repeats earlier output by its exact token ids, so that the cached prefix is hit whatever the tokenizer would make of the text. */
export type ContentPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image'; readonly image: ImageSource }
  | { readonly kind: 'video'; readonly video: VideoSource }
  | { readonly kind: 'generated'; readonly text: string; readonly tokenIds: readonly number[] }

export type Role = 'system' | 'user' | 'assistant'

export interface Message {
  readonly role: Role
  readonly content: readonly ContentPart[]
}

/**
 * `chat` goes through the checkpoint's chat template; `continuation` is what the open assistant turn has said so far.
 * `raw` is text as it stands (the tokenizer's own start token is added unless `addSpecialTokens` is false).
 * `tokens` are ids; every occurrence of the checkpoint's image token stands for the next of `images`, and every one of
 * its video token for the next of `videos`.
 */
export type Prompt =
  | { readonly kind: 'chat'; readonly messages: readonly Message[]; readonly continuation?: readonly ContentPart[] }
  | { readonly kind: 'raw'; readonly parts: readonly ContentPart[]; readonly addSpecialTokens?: boolean }
  | {
      readonly kind: 'tokens'
      readonly ids: readonly number[]
      readonly images?: readonly ImageSource[]
      readonly videos?: readonly VideoSource[]
    }

export interface SamplingParams {
  /** Most tokens to generate. Default 256; cut to what the context leaves. */
  readonly maxTokens?: number
  /** End-of-sequence and stop strings are not looked for before this many tokens. Default 0. */
  readonly minTokens?: number
  /** 0 is greedy. Default 0. */
  readonly temperature?: number
  /** Nucleus mass in (0, 1]. Default 1. */
  readonly topP?: number
  /** Keep the k most likely tokens; 0 keeps all. Default 0. */
  readonly topK?: number
  /** Drop tokens less likely than minP times the likeliest, in [0, 1]. Default 0. */
  readonly minP?: number
  /** Subtracted per earlier occurrence in the output, in [-2, 2]. Default 0. */
  readonly frequencyPenalty?: number
  /** Subtracted once for a token that occurred in the output, in [-2, 2]. Default 0. */
  readonly presencePenalty?: number
  /** Divides positive and multiplies negative logits of tokens seen in prompt or output; over 0. Default 1. */
  readonly repetitionPenalty?: number
  /** Same seed, same request, same tokens, whatever else is in the batch. Unset: a fresh random seed. */
  readonly seed?: number
  /** Generation ends before the first of these; the stop text itself is not part of the result. */
  readonly stop?: readonly string[]
  readonly stopTokenIds?: readonly number[]
  /** Do not end at the end-of-sequence token. Default false. */
  readonly ignoreEos?: boolean
  /** Added to the logits, by token id. */
  readonly logitBias?: Readonly<Record<number, number>>
}

export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

export interface JsonOptions {
  /** Order of the keys of an object: as the schema lists them, or any. Default 'schema'. */
  readonly propertyOrder?: 'schema' | 'any'
  /** Default 'compact'. */
  readonly whitespace?: 'compact' | 'spaced' | { readonly indent: number } | { readonly max: number }
  /** What to do about a keyword that the mask cannot enforce: refuse the schema (default), or mask the rest and validate the finished value. */
  readonly unsupported?: 'refuse' | 'validate'
}

export interface ReasoningGate {
  /** The text begins free, and its free part ends with the first of this mark (say '</think>'); the constraint rules what follows. Not empty. */
  readonly reasoningEnd?: string
}

/** What the output must look like. One constraint a request. */
export type Constraint = ReasoningGate & ConstraintKind

export type ConstraintKind =
  | ({ readonly kind: 'json-schema'; readonly schema: JsonSchema } & JsonOptions)
  | ({ readonly kind: 'any-json' } & Pick<JsonOptions, 'whitespace'>)
  | { readonly kind: 'regex'; readonly pattern: string }
  | { readonly kind: 'ebnf'; readonly grammar: string; readonly root?: string }
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | {
      readonly kind: 'structural-tag'
      readonly structures: readonly { readonly begin: string; readonly schema: JsonSchema; readonly end: string }[]
      readonly triggers: readonly string[]
    }

export interface LogprobOptions {
  /** How many of the likeliest alternatives to report for each token. Default 0. */
  readonly top?: number
  /** Report prompt positions from this index on; unset reports none. */
  readonly promptFrom?: number
}

export interface GenerateRequest {
  /** Chosen by the engine when absent; must be unique among running requests. */
  readonly id?: string
  readonly prompt: Prompt
  readonly sampling?: SamplingParams
  readonly constraint?: Constraint
  readonly logprobs?: LogprobOptions
  /** Requests with different salts never share cached prefixes. Default ''. */
  readonly cacheSalt?: string
  /** Higher runs earlier among waiting requests. Default 0. */
  readonly priority?: number
  /** When the token budget runs out inside a constraint, close the value by the shortest legal text. Default false. */
  readonly closeOnLength?: boolean
}

export interface TokenLogprob {
  readonly tokenId: number
  /** The token's own text; a partial character shows as U+FFFD. */
  readonly text: string
  /** Natural logarithm of the probability, before temperature and masks; null for the first prompt token, for rows of a picture where the vocabulary has no token for pictures, and for tokens that only close a value. */
  readonly logprob: number | null
  readonly top: readonly { readonly tokenId: number; readonly text: string; readonly logprob: number }[]
}

export interface Usage {
  readonly promptTokens: number
  /** Prompt tokens whose keys and values came from the radix cache. */
  readonly cachedTokens: number
  /** Prompt tokens that stand for pictures, or for frames of videos. */
  readonly imageTokens: number
  /** Of these, the ones whose keys and values came from the radix cache. */
  readonly cachedImageTokens: number
  /** Pictures and frames that the vision encoder really ran for, because no cached features or prefix served. */
  readonly imageEncodes: number
  readonly completionTokens: number
  /** Completion tokens that the constraint dictated: appended without a decode step of their own. */
  readonly forcedTokens: number
}

export type FinishReason = 'stop' | 'length' | 'abort'

export interface GenerateResult {
  readonly id: string
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly finish: FinishReason
  /** The stop string, or the id of the stop token, that ended the text; null otherwise. */
  readonly matchedStop: string | number | null
  readonly usage: Usage
  /** Present when asked for: one entry for each completion token. */
  readonly logprobs?: readonly TokenLogprob[]
  /** With log-probabilities, when a token ended the text: that token, which is no part of `tokenIds`. */
  readonly stopLogprob?: TokenLogprob
  /** Present when `logprobs.promptFrom` was set. */
  readonly promptLogprobs?: readonly TokenLogprob[]
  /** Only with `unsupported: 'validate'`: what the finished value breaks, by JSON pointer; empty when it holds. */
  readonly violations?: readonly { readonly pointer: string; readonly keyword: string; readonly message: string }[]
}

/** A delta may be empty text (a character still incomplete). `logprobs`, when asked for, and `usage` so far are for streams over the wire. */
export type GenerateEvent =
  | {
      readonly type: 'text-delta'
      readonly delta: string
      readonly tokenIds: readonly number[]
      /** One entry for each of `tokenIds`. */
      readonly logprobs?: readonly TokenLogprob[]
      readonly usage?: Usage
    }
  | { readonly type: 'finish'; readonly result: GenerateResult }

/** A running request: iterate over its events, or await its result. Leaving the iteration early aborts the request. */
export interface Generation extends AsyncIterable<GenerateEvent> {
  readonly id: string
  /** Rejects with an EngineError; an aborted request resolves with `finish: 'abort'`. Made lazily: unread, it never becomes an unhandled rejection. */
  readonly result: Promise<GenerateResult>
  abort(): void
}

/** How options are compared: mean log-probability of an option's tokens (default), token by token, or mean minus that of the option without the prompt. */
export type SelectMethod = 'token-length-normalized' | 'greedy-token' | 'unconditional-likelihood-normalized'

export interface SelectRequest {
  readonly id?: string
  readonly prompt: Prompt
  /** At least one, all different, none empty. */
  readonly choices: readonly string[]
  readonly method?: SelectMethod
  readonly cacheSalt?: string
  readonly priority?: number
}

export interface SelectResult {
  readonly choice: string
  readonly index: number
  /** In the order of the choices; `probability` is the softmax over their scores' sums of log-probabilities. */
  readonly scores: readonly {
    readonly choice: string
    readonly score: number
    readonly probability: number
    readonly tokenIds: readonly number[]
    readonly logprobs: readonly number[]
  }[]
  /** Ids of the chosen option's tokens, to be repeated as a `generated` part. */
  readonly tokenIds: readonly number[]
  readonly usage: Usage
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface Backend {
  generate(request: GenerateRequest, options?: CallOptions): Generation
  select(request: SelectRequest, options?: CallOptions): Promise<SelectResult>
  /** Throws the EngineError that a request with this constraint would end with, so that programs fail when they are made. */
  checkConstraint(constraint: Constraint): Promise<void>
  /** Computes and caches the prompt's keys and values without generating. */
  warm(prompt: Prompt, options?: CallOptions): Promise<Usage>
}
