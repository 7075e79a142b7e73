import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { EngineError } from './protocol/error.js'

/** Options that take one of a few values; the CLI and the types below take theirs from here. */
export const CHOICES = {
  precision: ['float32', 'int8', 'int8x8', 'int4'],
  binding: ['auto', 'c-api', 'node'],
  imageProfile: ['checkpoint', 'orig', 'hf'],
  imageAspect: ['checkpoint', 'square', 'pad', 'hd'],
  prefixCache: [true, false],
  jumpForward: [true, false],
  offline: [true, false],
} as const

/** Of the weights: how many bits, and what is rounded with them. */
export type Precision = (typeof CHOICES.precision)[number]

/** How an engine is made. Every field has a default; `resolveConfig` checks, derives and freezes. */
export interface EngineOptions {
  /**
   * Folder of a Hugging Face LLaVA checkpoint, `pocket`, the embedded model, or `org/name[@revision]` on a hub (which
   * one, and with whose rights: HF_ENDPOINT, HF_TOKEN). Default `pocket`, or RADIANT_MODEL.
   */
  readonly model?: string
  /**
   * Of the weights. `int8` and `int4` round those of the language model in blocks; `int8x8` rounds more coarsely, and
   * activations with them, for prompts in half the time. Default float32.
   */
  readonly precision?: Precision
  /** `auto` takes ONNX Runtime's C API where it can be reached. Default `auto`, or RADIANT_BINDING. */
  readonly binding?: (typeof CHOICES.binding)[number]
  /** Threads of the decoder. Default: the machine's cores, at most 8; or RADIANT_THREADS. */
  readonly threads?: number
  /** Threads of the vision encoder. Default: half the machine's cores, at least 1. */
  readonly visionThreads?: number
  /** Threads that decode and scale pictures. Default 1. */
  readonly preprocessThreads?: number
  /** Requests that run at once. Default 16, fewer when the memory does not hold as many. */
  readonly maxRunning?: number
  /** Most tokens of prompt and answer together. Default: what the model was made for. */
  readonly contextLength?: number
  /**
   * Bytes for keys and values, running and cached. Default: what four requests of the whole context take, 1 GiB at
   * least, and beyond that no more than 40 % of the machine's memory.
   */
  readonly kvCacheBytes?: number
  /** Bytes for features of pictures. Default 128 MiB. */
  readonly featureCacheBytes?: number
  /** Tokens of one page of the radix cache. Default 16. */
  readonly pageSize?: number
  /** Most prompt tokens computed in one step: what a decode step may have to wait for. Default 512. */
  readonly maxChunk?: number
  /** Requests that may wait; one more is refused with ENGINE_OVERLOADED. Default 10,000. */
  readonly maxWaiting?: number
  /** Name of a built-in chat template, or the text of one, in place of the checkpoint's own. Default: the checkpoint's. */
  readonly chatTemplate?: string
  /**
   * Whose way of cutting and packing pictures, where the first authors' code (`orig`) and that of the converted
   * checkpoints (`hf`) differ. Default `checkpoint`: that of the files' own layout.
   */
  readonly imageProfile?: (typeof CHOICES.imageProfile)[number]
  /**
   * `square` cuts the middle out of a picture, `pad` shows all of it between margins, `hd` is LLaVA-1.5-HD: tiles over
   * a grid of up to six, then the whole. Default `checkpoint`: as it says.
   */
  readonly imageAspect?: (typeof CHOICES.imageAspect)[number]
  /** Whether prefixes are reused. Default true. */
  readonly prefixCache?: boolean
  /** Whether tokens that a grammar dictates are appended without a decode step. Default true. */
  readonly jumpForward?: boolean
  /** Where built graphs are kept. Default: the user's cache folder, or RADIANT_CACHE. */
  readonly cachePath?: string
  /** Most pixels of a picture that are decoded. Default 100 million. */
  readonly pixelLimit?: number
  /** Where models from a hub are kept. Default: the folder huggingface_hub uses (HF_HUB_CACHE, HF_HOME). */
  readonly modelCachePath?: string
  /** Whether no model is fetched: a hub's model must be in the cache. Default false, or RADIANT_OFFLINE=1. */
  readonly offline?: boolean
}

export type EngineConfig = Readonly<
  Required<Omit<EngineOptions, 'contextLength' | 'kvCacheBytes' | 'chatTemplate'>>
> & {
  readonly contextLength: number | null
  readonly kvCacheBytes: number | null
  readonly chatTemplate: string | null
}

/** @throws EngineError CONFIG_INVALID naming the option, what came and what would be right. */
export function resolveConfig(options: EngineOptions, environment: NodeJS.ProcessEnv = process.env): EngineConfig {
  const cores = availableParallelism()
  const fromEnvironment = readEnvironment(environment)
  const given = { ...fromEnvironment, ...withoutUndefined(options) }
  const config: EngineConfig = {
    model: 'pocket',
    precision: 'float32',
    binding: 'auto',
    threads: Math.min(cores, 8),
    visionThreads: Math.max(1, Math.floor(cores / 2)),
    preprocessThreads: 1,
    maxRunning: 16,
    contextLength: null,
    kvCacheBytes: null,
    featureCacheBytes: 128 * 2 ** 20,
    pageSize: 16,
    maxChunk: 512,
    maxWaiting: 10_000,
    chatTemplate: null,
    imageProfile: 'checkpoint',
    imageAspect: 'checkpoint',
    prefixCache: true,
    jumpForward: true,
    cachePath: defaultCachePath(environment),
    pixelLimit: 100_000_000,
    modelCachePath: defaultModelCachePath(environment),
    offline: false,
    ...given,
  }
  for (const option of Object.keys(given)) {
    if (!Object.hasOwn(DEFAULT_KEYS, option))
      throw invalid(option, `is not an option; known are ${Object.keys(DEFAULT_KEYS).join(', ')}.`)
  }
  check(config)
  return Object.freeze(config)
}

const INTEGERS = {
  threads: [1, 256],
  visionThreads: [1, 256],
  preprocessThreads: [1, 64],
  maxRunning: [1, 1024],
  kvCacheBytes: [2 ** 20, 2 ** 46],
  featureCacheBytes: [2 ** 16, 2 ** 40],
  pageSize: [1, 256],
  maxChunk: [1, 65_536],
  maxWaiting: [1, 10_000_000],
  pixelLimit: [1, 2 ** 40],
} as const

const DEFAULT_KEYS = {
  ...INTEGERS,
  ...CHOICES,
  model: [],
  contextLength: [],
  chatTemplate: [],
  cachePath: [],
  modelCachePath: [],
}

function check(config: EngineConfig): void {
  for (const [option, [least, most]] of Object.entries(INTEGERS)) {
    const value = config[option as keyof typeof INTEGERS]
    // Chosen with the model at hand.
    if (value === null && option === 'kvCacheBytes') continue
    if (value === null || !Number.isSafeInteger(value) || value < least || value > most) {
      throw invalid(option, `must be a whole number from ${least} to ${most}; ${quote(value)} came.`)
    }
  }
  for (const [option, choices] of Object.entries(CHOICES)) {
    const value = config[option as keyof typeof CHOICES]
    if (!(choices as readonly unknown[]).includes(value)) {
      throw invalid(option, `must be one of ${choices.join(', ')}; ${quote(value)} came.`)
    }
  }
  for (const option of ['model', 'cachePath', 'modelCachePath'] as const) {
    const value = config[option]
    if (typeof value !== 'string' || value === '') {
      throw invalid(option, `must be a text that is not empty; ${quote(value)} came.`)
    }
  }
  const { chatTemplate, contextLength } = config
  if (chatTemplate !== null && (typeof chatTemplate !== 'string' || chatTemplate === '')) {
    throw invalid('chatTemplate', `must be a text that is not empty; ${quote(chatTemplate)} came.`)
  }
  if (contextLength !== null && (!Number.isSafeInteger(contextLength) || contextLength < 2)) {
    throw invalid('contextLength', `must be a whole number from 2 on; ${quote(contextLength)} came.`)
  }
}

/** The only place where the environment is read. */
function readEnvironment(environment: NodeJS.ProcessEnv): EngineOptions {
  const threads = environment.RADIANT_THREADS
  if (threads !== undefined && !/^\d+$/.test(threads)) {
    throw invalid('RADIANT_THREADS', `must be a whole number; ${JSON.stringify(threads)} came.`)
  }
  return withoutUndefined({
    model: environment.RADIANT_MODEL,
    binding: environment.RADIANT_BINDING as EngineOptions['binding'],
    threads: threads === undefined ? undefined : Number(threads),
    offline: readSwitch(environment, 'RADIANT_OFFLINE') ?? readSwitch(environment, 'HF_HUB_OFFLINE'),
  }) as EngineOptions
}

/** Where models are fetched from and with whose rights. Kept out of EngineConfig, which is shown: a token is a secret. */
export function resolveHubAccess(environment: NodeJS.ProcessEnv = process.env): {
  readonly endpoint: string
  readonly token: string | null
} {
  const endpoint = environment.HF_ENDPOINT || 'https://huggingface.co'
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw invalid('HF_ENDPOINT', `must be an http or https address; ${quote(endpoint)} came.`)
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), token: environment.HF_TOKEN?.trim() || null }
}

function readSwitch(environment: NodeJS.ProcessEnv, name: string): boolean | undefined {
  const value = environment[name]?.toLowerCase()
  if (value === undefined || value === '') return undefined
  if (['1', 'true', 'yes', 'on'].includes(value)) return true
  if (['0', 'false', 'no', 'off'].includes(value)) return false
  throw invalid(name, `must be 1 or 0; ${quote(environment[name])} came.`)
}

function defaultModelCachePath(environment: NodeJS.ProcessEnv): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment
  if (HF_HUB_CACHE) return HF_HUB_CACHE
  // huggingface_hub takes ~/.cache on every platform.
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub')
}

function defaultCachePath(environment: NodeJS.ProcessEnv): string {
  if (environment.RADIANT_CACHE) return environment.RADIANT_CACHE
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, 'radiant')
  if (process.platform === 'win32' && environment.LOCALAPPDATA) return join(environment.LOCALAPPDATA, 'radiant')
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'radiant')
}

function withoutUndefined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** JSON has no words for NaN and Infinity, and none at all for a bigint. */
function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function invalid(option: string, what: string): EngineError {
  return new EngineError('CONFIG_INVALID', { option, what })
}
