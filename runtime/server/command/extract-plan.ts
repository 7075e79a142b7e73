import type { GenerateRequest, ImageSource, JsonOptions, JsonSchema } from '../../protocol/backend.js'
import type { EngineError } from '../../protocol/error.js'
import { UsageError } from './arguments.js'

/** What became of one picture. `text` is the JSON as generated: 12.40 must not become 12.4 on the way. */
export type Outcome =
  | {
      readonly kind: 'value'
      readonly image: string
      readonly text: string
      readonly finish: 'stop' | 'length'
      readonly violations: readonly unknown[]
    }
  | { readonly kind: 'error'; readonly image: string; readonly error: EngineError }
  | { readonly kind: 'aborted'; readonly image: string }

/** "Extract a, b, c as JSON." with the top level's properties, the prompt that the embedded model was trained on. */
export function defaultPrompt(schema: JsonSchema): string {
  const names = typeof schema === 'object' ? propertyNames(schema, schema) : []
  return names.length === 0 ? 'Extract the data as JSON.' : `Extract ${names.join(', ')} as JSON.`
}

function propertyNames(schema: Readonly<Record<string, unknown>>, root: Readonly<Record<string, unknown>>): string[] {
  if (isObject(schema.properties)) return Object.keys(schema.properties)
  // Generators of schemas often put the whole of it behind one reference.
  const target =
    typeof schema.$ref === 'string' && schema !== resolve(root, schema.$ref) ? resolve(root, schema.$ref) : null
  return target !== null && isObject(target.properties) ? Object.keys(target.properties) : []
}

function resolve(root: unknown, reference: string): Readonly<Record<string, unknown>> | null {
  if (!reference.startsWith('#/')) return null
  let target: unknown = root
  for (const step of reference.slice(2).split('/')) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    target = isObject(target) ? target[name] : undefined
  }
  return isObject(target) ? target : null
}

/** Greedy, and closed by the shortest legal text when the tokens run out: what comes back is always a value. */
export function extractRequest(
  image: ImageSource,
  prompt: string,
  schema: JsonSchema,
  json: JsonOptions,
  maxTokens: number,
): GenerateRequest {
  return {
    prompt: {
      kind: 'chat',
      messages: [
        {
          role: 'user',
          content: [
            { kind: 'image', image },
            { kind: 'text', text: prompt },
          ],
        },
      ],
    },
    sampling: { temperature: 0, maxTokens },
    constraint: { kind: 'json-schema', schema, ...json },
    closeOnLength: true,
  }
}

/** One line of the output, its newline included. */
export function outcomeLine(outcome: Exclude<Outcome, { readonly kind: 'aborted' }>): string {
  const image = JSON.stringify(outcome.image)
  if (outcome.kind === 'error') {
    const { code, message } = outcome.error
    return `{"image":${image},"error":${JSON.stringify({ code, message })}}\n`
  }
  // A JSON text holds newlines only between its tokens, so they can go.
  const value = outcome.text.replace(/\s*\n\s*/g, '')
  const violations = outcome.violations.length === 0 ? '' : `,"violations":${JSON.stringify(outcome.violations)}`
  return `{"image":${image},"value":${value},"finish":"${outcome.finish}"${violations}}\n`
}

const LINE_START = '{"image":"'

export interface Resume {
  /** Pictures whose value is in the file. */
  readonly done: ReadonlySet<string>
  /** UTF-8 bytes worth keeping: a line that was cut off by a crash is dropped. */
  readonly keptBytes: number
  /** The last line is whole and only lacks its newline. */
  readonly lacksNewline: boolean
}

/** What an output file of an earlier run holds. Throws UsageError when it is something else. */
export function readResume(content: string, path: string): Resume {
  const done = new Set<string>()
  const foreign = (line: number) =>
    new UsageError(`${path} is not an output of extract (line ${line}); choose another --out.`)
  const lines = content.split('\n')
  const tail = lines.pop()!
  for (const [index, line] of lines.entries()) {
    if (readLine(line, done) === null && line.trim() !== '') throw foreign(index + 1)
  }
  const isTailWhole = tail !== '' && readLine(tail, done) !== null
  // Only the beginning of a line of ours may be dropped: anything else is somebody's data.
  const isTorn = tail.startsWith(LINE_START) || LINE_START.startsWith(tail)
  if (!isTailWhole && !isTorn) throw foreign(lines.length + 1)
  const kept = isTailWhole ? content : content.slice(0, content.length - tail.length)
  return { done, keptBytes: Buffer.byteLength(kept), lacksNewline: isTailWhole }
}

/** The picture of a line, null when it is not one of ours; a line with a value adds it to `done`. */
function readLine(line: string, done: Set<string>): string | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return null
  }
  if (!isObject(parsed) || typeof parsed.image !== 'string') return null
  if ('value' in parsed) done.add(parsed.image)
  return parsed.image
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
