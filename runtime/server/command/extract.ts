import { setMaxListeners } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { GenerateResult, JsonSchema } from '../../protocol/backend.js'
import type { Engine } from '../../protocol/engine.js'
import { EngineError, toEngineError } from '../../protocol/error.js'
import { mapOrdered } from '../concurrency.js'
import { abortWith } from '../generation.js'
import { type ExtractCommand, UsageError } from './arguments.js'
import { type CommandContext, loadEngine } from './context.js'
import { defaultPrompt, extractRequest, type Outcome, outcomeLine } from './extract-plan.js'
import { OutputFile } from './output-file.js'
import { listPictures, readPicture, reason } from './pictures.js'
import { Progress } from './progress.js'
import type { Terminal } from './terminal.js'

export const INTERRUPTED = 130

/** Returns the exit status. Throws UsageError before any picture is looked at, and what making the engine throws. */
export async function extract(command: ExtractCommand, context: CommandContext): Promise<number> {
  const { terminal } = context
  const schema = await readSchema(command.schemaPath)
  const { paths, isSingle } = await listPictures(command.paths)
  const file = command.outPath === null ? null : await OutputFile.open(command.outPath)
  try {
    const pending = paths.filter(path => file?.done.has(path) !== true)
    if (pending.length === 0) {
      await terminal.stderr.write(`All ${paths.length} pictures are in ${command.outPath} already.\n`)
      return 0
    }
    const engine = await loadEngine(command.engine, context)
    try {
      await checkSchema(engine, command, schema)
      return await extractAll(engine, command, schema, pending, file, isSingle && file === null, terminal)
    } finally {
      await engine.close()
    }
  } finally {
    await file?.close()
  }
}

async function extractAll(
  engine: Engine,
  command: ExtractCommand,
  schema: JsonSchema,
  paths: readonly string[],
  file: OutputFile | null,
  isSingle: boolean,
  terminal: Terminal,
): Promise<number> {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const forget = onFirstInterrupt(terminal, () => stop.abort())
  const prompt = command.prompt ?? defaultPrompt(schema)
  const progress = new Progress(terminal.stderr, paths.length)
  let done = 0
  let failed = 0
  let isHeard = true
  try {
    const outcomes = mapOrdered(paths, command.concurrency, path =>
      extractOne(engine, command, schema, prompt, path, stop.signal),
    )
    for await (const outcome of outcomes) {
      if (outcome.kind === 'aborted') {
        await progress.clear()
        await terminal.stderr.write(`Interrupted after ${done} of ${paths.length} pictures.\n`)
        return INTERRUPTED
      }
      done++
      if (isFailure(outcome)) failed++
      await progress.clear()
      if (file !== null) await file.append(outcomeLine(outcome))
      else if (isSingle) isHeard = await writeSingle(outcome, terminal)
      else isHeard = await terminal.stdout.write(outcomeLine(outcome))
      if (!isHeard) break
      if (!isSingle) await progress.draw(done, failed)
    }
    await progress.clear()
    if (!isSingle && isHeard && (failed > 0 || terminal.stderr.isTTY)) {
      await terminal.stderr.write(
        `${done - failed} of ${done} pictures extracted${failed > 0 ? `, ${failed} failed` : ''}.\n`,
      )
    }
    return failed > 0 ? 1 : 0
  } finally {
    // Also ends what still runs when the reader of our output has gone.
    stop.abort()
    forget()
  }
}

/** Never rejects: a failure is an outcome. */
async function extractOne(
  engine: Engine,
  command: ExtractCommand,
  schema: JsonSchema,
  prompt: string,
  image: string,
  signal: AbortSignal,
): Promise<Outcome> {
  if (signal.aborted) return { kind: 'aborted', image }
  try {
    const request = extractRequest(await readPicture(image), prompt, schema, command.json, command.maxTokens)
    const generation = engine.generate(request)
    const release = abortWith(signal, generation)
    return outcomeOf(image, await generation.result.finally(release))
  } catch (error) {
    return signal.aborted ? { kind: 'aborted', image } : { kind: 'error', image, error: toEngineError(error) }
  }
}

function outcomeOf(image: string, { finish, text, usage, violations = [] }: GenerateResult): Outcome {
  if (finish === 'abort') return { kind: 'aborted', image }
  if (finish === 'length' && !isJson(text)) {
    throw new EngineError('OUTPUT_TRUNCATED', { label: image, tokens: usage.completionTokens })
  }
  return { kind: 'value', image, text, finish, violations }
}

function isFailure(outcome: Outcome): boolean {
  return outcome.kind === 'error' || (outcome.kind === 'value' && outcome.violations.length > 0)
}

async function writeSingle(
  outcome: Exclude<Outcome, { kind: 'aborted' }>,
  { stdout, stderr }: Terminal,
): Promise<boolean> {
  if (outcome.kind === 'error') return stderr.write(`${outcome.error.message}\n`)
  const isHeard = await stdout.write(`${outcome.text}\n`)
  if (outcome.finish === 'length')
    await stderr.write('The tokens ran out: the value was closed early (see --max-tokens).\n')
  if (outcome.violations.length > 0) {
    await stderr.write(`The value breaks its schema: ${JSON.stringify(outcome.violations)}\n`)
  }
  return isHeard
}

async function readSchema(path: string): Promise<JsonSchema> {
  const content = await readFile(path, 'utf8').catch(error => {
    throw new UsageError(`The schema ${path} cannot be read: ${reason(error)}.`, { cause: error })
  })
  const schema = parseJson(content, path)
  if (typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))) {
    return schema as JsonSchema
  }
  throw new UsageError(`The schema ${path} must be a JSON object, true or false.`)
}

function parseJson(content: string, path: string): unknown {
  try {
    return JSON.parse(content)
  } catch (error) {
    throw new UsageError(`The schema ${path} is not JSON: ${reason(error)}.`, { cause: error })
  }
}

/** What the grammar refuses is a fault of the command line, found before any picture. */
async function checkSchema(engine: Engine, command: ExtractCommand, schema: JsonSchema): Promise<void> {
  await engine.checkConstraint({ kind: 'json-schema', schema, ...command.json }).catch(error => {
    if (!EngineError.isInstance(error) || !error.code.startsWith('GRAMMAR_')) throw error
    throw new UsageError(`The schema ${command.schemaPath} cannot be used: ${error.message}`, { cause: error })
  })
}

function onFirstInterrupt(terminal: Terminal, stop: () => void): () => void {
  let count = 0
  return terminal.onInterrupt(() => {
    if (++count === 1) stop()
    else terminal.exitNow(INTERRUPTED)
  })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
