import { type ParseArgsConfig, parseArgs } from 'node:util'
import { CHOICES, type EngineOptions } from '../../config.js'
import type { JsonOptions } from '../../protocol/backend.js'
import type { HelpTopic } from './help.js'

/** The command line is wrong: shown in one sentence, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ExtractCommand {
  readonly kind: 'extract'
  /** Files and folders as given. */
  readonly paths: readonly string[]
  readonly schemaPath: string
  readonly prompt: string | null
  readonly outPath: string | null
  readonly maxTokens: number
  readonly concurrency: number
  readonly json: JsonOptions
  readonly engine: EngineOptions
}

export interface ServeCommand {
  readonly kind: 'serve'
  readonly host: string
  readonly port: number
  readonly apiKeyPath: string | null
  readonly bodyLimit: number
  readonly drainMs: number
  readonly fetchesUrls: boolean
  readonly imageFolder: string | null
  readonly isLogging: boolean
  readonly engine: EngineOptions
}

export interface ModelCheckCommand {
  readonly kind: 'model-check'
  readonly pictures: readonly { readonly width: number; readonly height: number }[]
  readonly clips: readonly number[]
  readonly engine: EngineOptions
}

export type Command =
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' }
  | ExtractCommand
  | ServeCommand
  | ModelCheckCommand

type Flags = NonNullable<ParseArgsConfig['options']>
type Values = Readonly<Record<string, string | boolean | undefined>>

const ENGINE_FLAGS: Flags = {
  model: { type: 'string' },
  offline: { type: 'boolean' },
  precision: { type: 'string' },
  'image-profile': { type: 'string' },
  'image-aspect': { type: 'string' },
  'chat-template': { type: 'string' },
  threads: { type: 'string' },
  'context-length': { type: 'string' },
  'kv-cache-mib': { type: 'string' },
}

/** `argv` without the program's own name. Throws UsageError. */
export function parseCommand(argv: readonly string[]): Command {
  const [name, ...rest] = argv
  switch (name) {
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return { kind: 'help', topic: 'radiant' }
    case '--version':
    case '-v':
      return { kind: 'version' }
    case 'extract':
      return parseExtract(rest)
    case 'serve':
      return parseServe(rest)
    case 'model':
      return parseModel(rest)
    default:
      throw new UsageError(`There is no command "${name}"; there are extract, serve and model check.`)
  }
}

function parseExtract(argv: readonly string[]): Command {
  const { values, positionals, isHelp } = parse('extract', argv, {
    schema: { type: 'string' },
    prompt: { type: 'string' },
    out: { type: 'string' },
    'property-order': { type: 'string' },
    whitespace: { type: 'string' },
    unsupported: { type: 'string' },
    'max-tokens': { type: 'string' },
    concurrency: { type: 'string' },
  })
  if (isHelp) return isHelp
  if (positionals.length === 0) throw new UsageError('extract wants at least one picture or folder.')
  const schemaPath = text(values, 'schema')
  if (schemaPath === null) throw new UsageError('extract wants --schema FILE, the JSON Schema of the value.')
  return {
    kind: 'extract',
    paths: positionals,
    schemaPath,
    prompt: text(values, 'prompt'),
    outPath: text(values, 'out'),
    maxTokens: integer(values, 'max-tokens', 1) ?? 512,
    concurrency: integer(values, 'concurrency', 1) ?? 16,
    json: {
      propertyOrder: choice(values, 'property-order', ['schema', 'any']) ?? 'schema',
      whitespace: whitespace(values),
      unsupported: choice(values, 'unsupported', ['refuse', 'validate']) ?? 'refuse',
    },
    engine: engineOptions(values),
  }
}

function parseServe(argv: readonly string[]): Command {
  const { values, positionals, isHelp } = parse('serve', argv, {
    host: { type: 'string' },
    port: { type: 'string' },
    'api-key-file': { type: 'string' },
    'body-limit-mib': { type: 'string' },
    'max-running': { type: 'string' },
    'max-waiting': { type: 'string' },
    'drain-seconds': { type: 'string' },
    'image-urls': { type: 'boolean' },
    'image-folder': { type: 'string' },
    log: { type: 'boolean' },
  })
  if (isHelp) return isHelp
  if (positionals.length > 0) throw new UsageError(`serve takes no arguments beside options; got "${positionals[0]}".`)
  const maxRunning = integer(values, 'max-running', 1)
  const maxWaiting = integer(values, 'max-waiting', 1)
  return {
    kind: 'serve',
    host: text(values, 'host') ?? '127.0.0.1',
    port: integer(values, 'port', 0, 65_535) ?? 8080,
    apiKeyPath: text(values, 'api-key-file'),
    bodyLimit: (integer(values, 'body-limit-mib', 1) ?? 64) * 2 ** 20,
    drainMs: (integer(values, 'drain-seconds', 0) ?? 30) * 1000,
    fetchesUrls: values['image-urls'] === true,
    imageFolder: text(values, 'image-folder'),
    isLogging: values.log === true,
    engine: {
      ...engineOptions(values),
      ...(maxRunning !== null && { maxRunning }),
      ...(maxWaiting !== null && { maxWaiting }),
    },
  }
}

function parseModel(argv: readonly string[]): Command {
  const { values, positionals, isHelp } = parse('model', argv, {
    picture: { type: 'string' },
    frames: { type: 'string' },
  })
  if (isHelp) return isHelp
  const [verb, model, more] = positionals
  if (verb !== 'check') throw new UsageError(`There is no command "model ${verb ?? ''}"; there is "model check".`)
  if (more !== undefined) throw new UsageError(`model check takes one model; got "${more}" too.`)
  const frames = integer(values, 'frames', 1, 4096)
  return {
    kind: 'model-check',
    pictures: sizes(values),
    clips: frames === null ? [] : [frames],
    engine: { ...engineOptions(values), ...(model !== undefined && { model }) },
  }
}

function sizes(values: Values): ModelCheckCommand['pictures'] {
  return (text(values, 'picture')?.split(',') ?? []).map(each => {
    const [, width = '', height = ''] = /^([1-9]\d{0,5})x([1-9]\d{0,5})$/.exec(each) ?? []
    if (width === '') throw new UsageError(`--picture must be WIDTHxHEIGHT, several with commas; got "${each}".`)
    return { width: Number(width), height: Number(height) }
  })
}

function parse(
  topic: HelpTopic,
  argv: readonly string[],
  flags: Flags,
): { values: Values; positionals: string[]; isHelp: (Command & { kind: 'help' }) | null } {
  const options: Flags = { ...flags, ...ENGINE_FLAGS, help: { type: 'boolean', short: 'h' } }
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    const plain = values as Values
    return { values: plain, positionals, isHelp: plain.help === true ? { kind: 'help', topic } : null }
  } catch (error) {
    // Node's message goes on with advice about "--" that rarely fits.
    const message = error instanceof Error ? error.message.split(/\. To specify/)[0]! : String(error)
    throw new UsageError(`${message.replace(/\.$/, '')}.`, { cause: error })
  }
}

function engineOptions(values: Values): EngineOptions {
  const model = text(values, 'model')
  const precision = choice(values, 'precision', CHOICES.precision)
  const imageProfile = choice(values, 'image-profile', CHOICES.imageProfile)
  const imageAspect = choice(values, 'image-aspect', CHOICES.imageAspect)
  const chatTemplate = text(values, 'chat-template')
  const threads = integer(values, 'threads', 1)
  const contextLength = integer(values, 'context-length', 2)
  const cacheMib = integer(values, 'kv-cache-mib', 1)
  return {
    ...(model !== null && { model }),
    ...(values.offline === true && { offline: true }),
    ...(precision !== null && { precision }),
    ...(imageProfile !== null && { imageProfile }),
    ...(imageAspect !== null && { imageAspect }),
    ...(chatTemplate !== null && { chatTemplate }),
    ...(threads !== null && { threads }),
    ...(contextLength !== null && { contextLength }),
    ...(cacheMib !== null && { kvCacheBytes: cacheMib * 2 ** 20 }),
  }
}

function whitespace(values: Values): NonNullable<JsonOptions['whitespace']> {
  const value = text(values, 'whitespace') ?? 'compact'
  if (value === 'compact' || value === 'spaced') return value
  const indent = /^indent:(\d{1,2})$/.exec(value)
  if (indent !== null) return { indent: Number(indent[1]) }
  throw new UsageError(`--whitespace must be compact, spaced or indent:N; got "${value}".`)
}

function text(values: Values, name: string): string | null {
  const value = values[name]
  if (typeof value !== 'string') return null
  if (value === '') throw new UsageError(`--${name} must not be empty.`)
  return value
}

function integer(values: Values, name: string, min: number, max = Number.MAX_SAFE_INTEGER): number | null {
  const value = text(values, name)
  if (value === null) return null
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= min && number <= max) return number
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`
  throw new UsageError(`--${name} must be a whole number ${range}; got "${value}".`)
}

function choice<const Value extends string>(values: Values, name: string, allowed: readonly Value[]): Value | null {
  const value = text(values, name)
  if (value === null || allowed.includes(value as Value)) return value as Value | null
  throw new UsageError(`--${name} must be ${allowed.join(' or ')}; got "${value}".`)
}
