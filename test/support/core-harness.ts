import { PrefixCache } from '../../runtime/cache/prefix-cache.js'
import { EngineCore } from '../../runtime/engine/core.js'
import { GenerateTask, type OutputMatcher } from '../../runtime/engine/generate-task.js'
import { GenerationStream } from '../../runtime/engine/generation.js'
import { Sampler } from '../../runtime/sampling/sampler.js'
import type { BatchLimits } from '../../runtime/scheduler/batch.js'
import { type FeatureSource, Scheduler } from '../../runtime/scheduler/scheduler.js'
import { type ImageSpan, Sequence } from '../../runtime/scheduler/sequence.js'
import { ScriptedRunner, VOCABULARY } from './scripted-runner.js'

export const STOP_ID = 0

export interface HarnessOptions {
  readonly numSlots: number
  readonly pageSize: number
  readonly numPages: number
  readonly maxChunk: number
  readonly maxLogitRows?: number
  readonly capacity?: number
}

export interface Request {
  readonly prompt: readonly number[]
  readonly maxTokens?: number
  readonly namespace?: string
  readonly spans?: readonly ImageSpan[]
  readonly priority?: number
  readonly matcher?: OutputMatcher
  readonly topLogprobs?: number
  readonly promptFrom?: number
  readonly stop?: readonly string[]
  readonly temperature?: number
  readonly seed?: number
}

/** Features that are there at once; counts pins so that a leak shows. */
class InstantFeatures implements FeatureSource {
  pins = 0
  acquire(span: ImageSpan): number {
    this.pins++
    return span.start
  }
  release(): void {
    this.pins--
  }
}

/** The engine's core around the scripted runner: everything but tokenizer, pictures and threads. */
export function makeHarness(options: HarnessOptions) {
  const { numSlots, pageSize, numPages, maxChunk, maxLogitRows = numSlots + 8, capacity = 64 } = options
  const limits: BatchLimits = { numSlots, slotCapacity: capacity, maxChunk, maxChunks: 2 * numSlots + 16, maxLogitRows }
  const runner = new ScriptedRunner(numSlots, pageSize)
  const cache = new PrefixCache(numPages, pageSize)
  const features = new InstantFeatures()
  const scheduler = new Scheduler(limits, cache, features)
  const core = new EngineCore(scheduler, runner, () => cache.flush())
  const sampler = new Sampler(VOCABULARY, [])
  let nextId = 0

  function submit(request: Request) {
    const sequence = new Sequence({
      id: `r${nextId++}`,
      namespace: request.namespace ?? '',
      priority: request.priority ?? 0,
      prompt: Int32Array.from(request.prompt),
      spans: request.spans ?? [],
      capacity,
      logitsFrom: logitsFrom(request),
    })
    const stream: GenerationStream = new GenerationStream(sequence.id, () => core.abort(task))
    const task: GenerateTask = GenerateTask.begin({
      sequence,
      output: stream,
      jumpForward: true,
      sampler,
      sampling: {
        temperature: request.temperature ?? 0,
        topP: 1,
        topK: 0,
        minP: 0,
        frequencyPenalty: 0,
        presencePenalty: 0,
        repetitionPenalty: 1,
        seed: request.seed ?? 1,
        logitBias: new Map(),
      },
      maxTokens: request.maxTokens ?? 8,
      minTokens: 0,
      stop: request.stop ?? [],
      stopIds: [STOP_ID],
      matcher: request.matcher ?? null,
      text: { push: ids => ids.map(letter).join(''), flush: () => '' },
      topLogprobs: request.topLogprobs ?? null,
      promptFrom: request.promptFrom ?? null,
      closeOnLength: false,
      vocabularySize: VOCABULARY,
      imageTokenId: 1,
      imageEncodes: () => 0,
      tokenText: letter,
      validate: null,
    })
    core.add(task)
    return stream
  }

  async function idle(): Promise<void> {
    while (!core.isIdle) await new Promise(resolve => setImmediate(resolve))
    // One more turn, in which the loop writes what the cache still waits for.
    await new Promise(resolve => setImmediate(resolve))
    scheduler.checkIntegrity()
    if (features.pins !== 0) throw new Error(`${features.pins} feature pins are left`)
  }

  return { core, scheduler, cache, runner, submit, idle, limits }
}

export function letter(id: number): string {
  return String.fromCharCode(97 + id)
}

function logitsFrom(request: Request): number | null {
  if (request.promptFrom !== undefined) return Math.max(0, request.promptFrom - 1)
  return request.topLogprobs === undefined ? null : request.prompt.length - 1
}
