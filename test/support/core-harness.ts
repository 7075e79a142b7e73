import { PrefixCache } from '../../runtime/cache/prefix-cache.js'
import { EngineCore } from '../../runtime/engine/core.js'
import { GenerateTask, type OutputMatcher } from '../../runtime/engine/generate-task.js'
import { GenerationStream } from '../../runtime/engine/generation.js'
import { type OptionScores, SelectTask } from '../../runtime/engine/select-task.js'
import type { EngineError } from '../../runtime/protocol/error.js'
import { Sampler, type SamplerOptions } from '../../runtime/sampling/sampler.js'
import type { Batch, BatchLimits } from '../../runtime/scheduler/batch.js'
import type { FeatureSource } from '../../runtime/scheduler/feature-pins.js'
import { Scheduler } from '../../runtime/scheduler/scheduler.js'
import { type ImageSpan, Sequence } from '../../runtime/scheduler/sequence.js'
import { checkBatch } from './batch-checks.js'
import { ScriptedRunner, VOCABULARY } from './scripted-runner.js'

export const STOP_ID = 0

export const greedySampling: SamplerOptions = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repetitionPenalty: 1,
  seed: 1,
  logitBias: new Map(),
}

export interface HarnessOptions {
  readonly numSlots: number
  readonly pageSize: number
  readonly numPages: number
  readonly maxChunk: number
  readonly maxLogitRows?: number
  readonly capacity?: number
  /** Positions of all slots together for which there is memory. Default: all. */
  readonly slotTokens?: number
  /** Instead of features that are there at once. */
  readonly features?: (wake: () => void) => FeatureSource
}

export interface Request {
  readonly prompt: readonly number[]
  readonly maxTokens?: number
  readonly namespace?: string
  readonly spans?: readonly ImageSpan[]
  readonly priority?: number
  /** A fresh one for each reading of the request. */
  readonly matcher?: () => OutputMatcher
  readonly topLogprobs?: number
  readonly promptFrom?: number
  readonly stop?: readonly string[]
  /** Goes on over STOP_ID. */
  readonly ignoreStop?: boolean
  /** Ids that end the text beside STOP_ID. */
  readonly stopIds?: readonly number[]
  readonly sampling?: Partial<SamplerOptions>
  readonly minTokens?: number
  readonly closeOnLength?: boolean
  readonly jumpForward?: boolean
  /** Text of a token; by default a letter. */
  readonly spell?: (id: number) => string
}

export interface SelectCall {
  readonly prompt: readonly number[]
  /** Tokens of each option after the prompt. */
  readonly options: readonly (readonly number[])[]
}

/** Features that are there at once; counts pins so that a leak shows. */
class InstantFeatures implements FeatureSource {
  pins = 0
  acquireAll(spans: readonly ImageSpan[]): number[] {
    this.pins += spans.length
    return spans.map(span => span.start)
  }
  release(): void {
    this.pins--
  }
}

/** Counts how often it is ended, which must be once. */
class CountingStream extends GenerationStream {
  failures = 0
  override fail(error: EngineError): void {
    this.failures++
    super.fail(error)
  }
}

/** The engine's core around the scripted runner: everything but tokenizer, pictures and threads. */
export function makeHarness(options: HarnessOptions) {
  const { numSlots, pageSize, numPages, maxChunk, maxLogitRows = numSlots + 8, capacity = 64 } = options
  const slotTokens = options.slotTokens ?? numSlots * capacity
  const maxChunks = 2 * numSlots + 16
  const limits: BatchLimits = { numSlots, slotCapacity: capacity, slotTokens, maxChunk, maxChunks, maxLogitRows }
  const check = (batch: Batch): void => checkBatch(batch, limits, numPages, pageSize)
  const runner = new ScriptedRunner(numSlots, pageSize, check, slotTokens)
  const cache = new PrefixCache(numPages, pageSize)
  const instant = new InstantFeatures()
  const scheduler = new Scheduler(limits, cache, options.features?.(() => core.wake()) ?? instant)
  const core: EngineCore = new EngineCore(scheduler, runner, () => cache.flush())
  const sampler = new Sampler(VOCABULARY, [])
  let nextId = 0

  function submit(request: Request): CountingStream {
    return submitTask(request).stream
  }

  /** Also gives what the engine calls when something outside goes wrong with the request. */
  function submitTask(request: Request) {
    const sequence = new Sequence({
      id: `r${nextId++}`,
      namespace: request.namespace ?? '',
      priority: request.priority ?? 0,
      prompt: Int32Array.from(request.prompt),
      spans: request.spans ?? [],
      capacity: Math.min(capacity, request.prompt.length + (request.maxTokens ?? 8)),
      logitsFrom: logitsFrom(request),
    })
    const stream: CountingStream = new CountingStream(sequence.id, () => core.abort(task))
    const task: GenerateTask = GenerateTask.begin({
      sequence,
      output: stream,
      jumpForward: request.jumpForward ?? true,
      sampler,
      sampling: { ...greedySampling, ...request.sampling },
      maxTokens: request.maxTokens ?? 8,
      minTokens: request.minTokens ?? 0,
      stop: request.stop ?? [],
      stopIds: [...(request.ignoreStop ? [] : [STOP_ID]), ...(request.stopIds ?? [])],
      matcher: request.matcher?.() ?? null,
      text: { push: ids => ids.map(request.spell ?? letter).join(''), flush: () => '' },
      topLogprobs: request.topLogprobs ?? null,
      promptFrom: request.promptFrom ?? null,
      closeOnLength: request.closeOnLength ?? false,
      vocabularySize: VOCABULARY,
      placeholderAt: () => 1,
      imageEncodes: () => 0,
      tokenText: letter,
      validate: null,
    })
    if (task.isDone) task.complete()
    else core.add(task)
    return { stream, fail: (error: EngineError) => core.fail(task, error) }
  }

  /** Scores options as RadiantEngine.select does. */
  function select({ prompt, options }: SelectCall) {
    const sequence = new Sequence({
      id: `s${nextId++}`,
      namespace: '',
      priority: 0,
      prompt: Int32Array.from(prompt),
      spans: [],
      // One position beyond the longest option is where a hole's dummy token goes.
      capacity: Math.min(capacity, prompt.length + Math.max(...options.map(ids => ids.length)) + 1),
      logitsFrom: null,
    })
    const tokens = options.map((ids, index) => ({ choice: `option ${index}`, ids }))
    let abort = (): void => {}
    const result = new Promise<OptionScores>((done, failed) => {
      const task = new SelectTask(sequence, tokens, VOCABULARY, { done, failed })
      abort = () => core.abort(task)
      core.add(task)
    })
    return { result, abort }
  }

  async function idle(): Promise<void> {
    while (!core.isIdle) await new Promise(resolve => setImmediate(resolve))
    // Two more turns, in which the loop writes what the cache still waits for.
    for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
    scheduler.checkIntegrity()
    if (instant.pins !== 0) throw new Error(`${instant.pins} feature pins are left`)
  }

  return { core, scheduler, cache, runner, submit, submitTask, select, idle, limits }
}

export function letter(id: number): string {
  return String.fromCharCode(97 + id)
}

function logitsFrom(request: Request): number | null {
  const last = request.prompt.length - 1
  if (request.promptFrom !== undefined) return Math.min(last, Math.max(0, request.promptFrom - 1))
  return request.topLogprobs === undefined ? null : last
}
