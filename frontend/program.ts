import type { Backend } from '../runtime/protocol/backend.js'
import { EngineError } from '../runtime/protocol/error.js'
import { type BatchItem, type BatchSettings, runBatch } from './client/batch.js'
import { checkConstraints } from './client/constraints.js'
import { Frame } from './client/frame.js'
import { readInputs } from './client/inputs.js'
import { interpret } from './client/interpret.js'
import { type RequestSettings, routing } from './client/request.js'
import { ProgramRun, type Run } from './client/run.js'
import { unlessCancelled } from './client/unless-cancelled.js'
import { warmBatch } from './client/warm-batch.js'
import { bodyOf } from './dsl/control.js'
import { holesOf } from './dsl/input.js'
import { DslError } from './dsl/problem.js'
import { rememberValidator, type StandardSource, schemaOf, validatorOf } from './dsl/schema.js'
import type { BodyOf, Captures, InputDeclarations, InputHoles, InputsOf } from './dsl/types.js'
import { decode, hashOf } from './ir/codec.js'
import { type ProgramIr, programIr } from './ir/node.js'
import { type SamplingOptions, samplingIssues } from './ir/options.js'
import { explain } from './ir/print.js'
import { sentence, verify } from './ir/verify.js'
import { turnsOf } from './ir/visit.js'

export interface ProgramOptions {
  /** Defaults for every gen and json slot; those of a run, and a slot's own, win. */
  readonly sampling?: SamplingOptions
}

export interface RunOptions extends Omit<RequestSettings, 'sampling'> {
  /** Over the program's defaults, under a slot's own options. */
  readonly sampling?: SamplingOptions
  /** Cancels the run, as cancel() does. */
  readonly signal?: AbortSignal
}

export interface BatchOptions extends RunOptions, BatchSettings {}

/** A verified, frozen program that takes inputs `I` and captures `O`. The same program serves any number of runs and backends. */
export interface Program<I, O> {
  readonly name: string
  /** SHA-256 of its JSON, 64 hex digits. */
  readonly hash: string
  /** The program as stable text, with its turns numbered as error messages number them. */
  explain(): string
  /** Plain data for JSON.stringify; loadProgram() reads it. Validators are not part of it. */
  toJSON(): ProgramIr
  /** Throws the error that a slot's regex, grammar or schema would end a run with. Runs do this by themselves, once for each backend. */
  check(backend: Backend): Promise<void>
  /** Starts a run. What goes wrong is told by the run: its `result` rejects, and so does iterating over it. */
  run(backend: Backend, inputs: I, options?: RunOptions): Run<O>
  /** Runs over many inputs, some at a time, and yields one item for each: its result, or the error it ended with. */
  runAll(backend: Backend, inputs: Iterable<I> | AsyncIterable<I>, options?: BatchOptions): AsyncIterable<BatchItem<O>>
}

/**
 * Makes a program. `body` is called once, now, with a hole for each input; what it returns is the program. Throws
 * PROGRAM_INVALID, with one sentence for each rule that is broken.
 *
 * @example
 * const read = program('read', { photo: input.image() }, ({ photo }) => [
 *   user`${photo}Extract merchant, total as JSON.`,
 *   assistant`${json('receipt', z.object({ merchant: z.string(), total: z.number() }))}`,
 * ])
 * const { receipt } = await read.run(engine, { photo: 'receipt.png' }).result
 */
export function program<const S extends InputDeclarations, const B extends BodyOf>(
  name: string,
  inputs: S,
  body: (holes: InputHoles<S>) => B,
  options: ProgramOptions = {},
): Program<InputsOf<S>, Captures<B>> {
  const types = Object.fromEntries(Object.entries(inputs).map(([input, { type }]) => [input, type]))
  return programOf(
    programIr(
      name,
      types,
      nodesOf(name, () => body(holesOf(inputs))),
      options.sampling,
    ),
  )
}

/** A program over data that may still be wrong. Throws PROGRAM_INVALID. */
function programOf<I extends object, O>(ir: ProgramIr): Program<I, O> {
  const issues = verify(ir)
  if (issues.length > 0) {
    const what = issues.map(issue => sentence(ir.name, issue)).join('\n')
    throw new EngineError('PROGRAM_INVALID', { program: ir.name, what, issues })
  }
  const checked = new WeakMap<Backend, Promise<void>>()
  const check = (backend: Backend): Promise<void> => {
    const earlier = checked.get(backend)
    if (earlier !== undefined) return earlier
    const checking = checkConstraints(ir, backend)
    checked.set(backend, checking)
    // A network that was down is no verdict on the program.
    checking.catch(() => checked.delete(backend))
    return checking
  }

  const run = (backend: Backend, inputs: I, options: RunOptions = {}): Run<O> =>
    new ProgramRun<O>(async (report, signal) => {
      const { sampling = {} } = options
      checkSampling(ir.name, sampling)
      const ready = Promise.all([readInputs(ir.name, ir.inputs, inputs), check(backend)])
      const [values] = await unlessCancelled(ir.name, ready, signal)
      const settings = { ...routing(options), sampling: [ir.sampling, sampling] }
      const frame = new Frame(null, '', [])
      await interpret(ir.body, frame, {
        program: ir.name,
        backend,
        inputs: values,
        settings,
        validatorOf,
        report,
        signal,
      })
      // The walk captured what the body's type says: verify() and the slots' own types stand for that.
      return frame.values() as O
    }, options.signal)

  async function* runAll(
    backend: Backend,
    inputs: Iterable<I> | AsyncIterable<I>,
    options: BatchOptions = {},
  ): AsyncGenerator<BatchItem<O>> {
    checkBatch(options)
    checkSampling(ir.name, options.sampling ?? {})
    await unlessCancelled(ir.name, check(backend), options.signal)
    if (options.cacheSalt === undefined) await warmBatch(ir, inputs, backend, options.signal)
    const start = (each: I, signal: AbortSignal): Run<O> => run(backend, each, { ...options, signal })
    yield* runBatch({ label: ir.name, inputs, settings: options, start, output: process.stderr })
  }

  const { name } = ir
  return { name, hash: hashOf(ir), explain: () => explain(ir), toJSON: () => ir, check, run, runAll }
}

/**
 * A program from the data of toJSON(), parsed or as text. `schemas` gives the validators back to json slots, by name.
 * The types are the caller's word: nothing checks them. Throws PROGRAM_INVALID for data that is no program of this
 * version, and for a schema that is not the one the program was saved with.
 */
export function loadProgram<I extends object = Record<string, unknown>, O = Record<string, unknown>>(
  saved: unknown,
  schemas: Readonly<Record<string, StandardSource<unknown>>> = {},
): Program<I, O> {
  const decoded = decode(typeof saved === 'string' ? parse(saved) : saved)
  if (!decoded.ok) throw invalid('', `the saved program cannot be read: ${decoded.pointer} ${decoded.message}.`)
  const { ir } = decoded
  const loaded = programOf<I, O>(ir)
  const slots = [...turnsOf(ir.body)].flatMap(turn => turn.content).filter(node => node.kind === 'json')
  for (const [name, source] of Object.entries(schemas)) {
    const where = `json "${name}"`
    const named = slots.filter(slot => slot.name === name)
    if (named.length === 0) {
      const message = `there is no such slot; there is ${[...new Set(slots.map(slot => `"${slot.name}"`))].join(', ') || 'none'}`
      throw invalid(ir.name, sentence(ir.name, { where, message }))
    }
    const expected = JSON.stringify(schemaOf(name, source))
    if (named.some(slot => JSON.stringify(slot.schema) !== expected)) {
      const message = 'the schema is not the one that the program was saved with'
      throw invalid(ir.name, sentence(ir.name, { where, message }))
    }
    for (const slot of named) rememberValidator(slot, source)
  }
  return loaded
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid('', `the saved program is no JSON: ${(cause as SyntaxError).message}.`, cause)
  }
}

function invalid(program: string, what: string, cause?: unknown): EngineError {
  return new EngineError('PROGRAM_INVALID', { program, what, issues: [] }, cause === undefined ? {} : { cause })
}

/** The body's nodes. What the DSL functions throw becomes a PROGRAM_INVALID; other errors are the author's own. */
function nodesOf(name: string, body: () => BodyOf): ProgramIr['body'] {
  try {
    return bodyOf('the body', body())
  } catch (cause) {
    if (!(cause instanceof DslError)) throw cause
    throw invalid(name, sentence(name, { where: '', message: cause.message }), cause)
  }
}

function checkSampling(name: string, sampling: SamplingOptions): void {
  const [problem] = samplingIssues(sampling)
  if (problem !== undefined)
    throw new EngineError('CONFIG_INVALID', { option: 'sampling', what: `${problem} (a run of "${name}").` })
}

function checkBatch({ inFlight = 16, retries = 0 }: BatchSettings): void {
  const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least
  if (!isCount(inFlight, 1)) {
    throw new EngineError('CONFIG_INVALID', {
      option: 'inFlight',
      what: `${inFlight} came; give a whole number over 0.`,
    })
  }
  if (!isCount(retries, 0)) {
    throw new EngineError('CONFIG_INVALID', {
      option: 'retries',
      what: `${retries} came; give a whole number, 0 or more.`,
    })
  }
}
