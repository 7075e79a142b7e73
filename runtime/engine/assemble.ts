import { totalmem } from 'node:os'
import { PrefixCache } from '../cache/prefix-cache.js'
import { chooseTemplate } from '../chat/choose.js'
import { type EngineConfig, resolveHubAccess } from '../config.js'
import { resolveModel } from '../models/resolve.js'
import {
  inspectModel,
  type ModelInfo,
  ModelRunner,
  type SessionOptions,
  takesMemoryBack,
} from '../runner/model-runner.js'
import { WorkerPool } from '../runner/pool.js'
import { VisionEncoder } from '../runner/vision-encoder.js'
import { Sampler } from '../sampling/sampler.js'
import { Scheduler } from '../scheduler/scheduler.js'
import { TextStream } from '../tokenizer/text-stream.js'
import { FeatureCache } from '../vision/feature-cache.js'
import { ImageKeyTable, specFingerprint } from '../vision/key.js'
import { type VisionSpec, visionSpec } from '../vision/spec.js'
import { assembleVideo } from './assemble-video.js'
import { makeConstraintCompiler } from './constraints.js'
import { EngineCore } from './core.js'
import { allocateDecoderMemory } from './decoder-memory.js'
import { FeatureService } from './feature-service.js'
import { compiledModule } from './locate.js'
import type { EngineParts } from './parts.js'
import { pictureChoices } from './picture-choices.js'
import { PromptPreparer } from './prepare.js'
import { PromptBuilder } from './prompt-builder.js'
import { readTokenizer } from './read-tokenizer.js'
import { settlesWithin } from './settles-within.js'

/** Tiles that may be staged between preprocessing and the tower, unless one picture has more. */
/** What sessions may take to close. */
const RELEASE_MS = 10_000
const STAGED_TILES = 16
const MAX_BATCH_TILES = 8
const FLOAT_BYTES = 4

/** Starts workers, loads the model and puts an engine's parts together. On failure nothing is left running. */
export async function assemble(config: EngineConfig): Promise<EngineParts> {
  const { modelCachePath, offline } = config
  const hub = resolveHubAccess()
  const { path, name } = await resolveModel(config.model, { cachePath: modelCachePath, offline, hub })
  const decoding = new WorkerPool('decoder', compiledModule('kernels/worker.js'), 1)
  const encoding = new WorkerPool('vision', compiledModule('kernels/worker.js'), 1)
  const preprocessing = new WorkerPool(
    'preprocessing',
    compiledModule('runtime/vision/worker.js'),
    config.preprocessThreads,
  )
  const close = async (): Promise<void> => {
    await Promise.all([decoding, encoding, preprocessing].map(pool => pool.close()))
  }
  try {
    const info = await inspectModel(decoding, path)
    return await putTogether(config, name, info, { decoding, encoding, preprocessing, close })
  } catch (error) {
    await close()
    throw error
  }
}

interface Pools {
  readonly decoding: WorkerPool
  readonly encoding: WorkerPool
  readonly preprocessing: WorkerPool
  close(): Promise<void>
}

async function putTogether(config: EngineConfig, name: string, info: ModelInfo, pools: Pools): Promise<EngineParts> {
  const { text } = info
  const isLazy = config.binding !== 'node' && (await takesMemoryBack(pools.decoding))
  const { memory, limits, geometry, keyValues } = allocateDecoderMemory(config, info, totalmem(), isLazy)
  const spec = visionSpec(info, pictureChoices(config))
  const tokenizer = await readTokenizer(info, spec.profile === 'orig')
  const { template, warning } = chooseTemplate(info, config.chatTemplate ?? undefined)

  const session = (threads: number): SessionOptions => {
    const { binding, precision, cachePath } = config
    return { device: 'cpu', binding, precision, threads, cachePath }
  }
  const rowBytes = text.hiddenSize * FLOAT_BYTES
  const featureCache = FeatureCache.withBudget(config.featureCacheBytes, rowBytes)
  const features = new SharedArrayBuffer(featureCache.capacity * rowBytes)
  const vocabularySize = Math.min(tokenizer.size, text.vocabRows)
  // Placeholders stand in prompts only.
  const forbidden = [info.imageTokenId, ...(info.video ? [info.video.tokenId] : [])]
  const runner = new ModelRunner(pools.decoding, {
    info,
    greedy: { vocabularySize, forbidden },
    session: session(config.threads),
    geometry,
    keyValues,
    maxChunks: limits.maxChunks,
    features,
  })
  const encoder = new VisionEncoder(pools.encoding, {
    preprocessing: pools.preprocessing,
    info,
    session: session(config.visionThreads),
    features,
    numTiles: Math.max(STAGED_TILES, mostViews(spec)),
    maxBatchTiles: MAX_BATCH_TILES,
  })
  // Both to the end even when one fails: a thread that is ended while it loads native code takes the process with it.
  const loads = await Promise.allSettled([runner.load(), encoder.load()])
  for (const load of loads) if (load.status === 'rejected') throw load.reason

  const cache = new PrefixCache(memory.numPages, config.pageSize)
  const featureService = new FeatureService(featureCache, () => core.wake())
  const scheduler = new Scheduler(limits, cache, featureService)
  const core: EngineCore = new EngineCore(scheduler, runner, () => cache.flush())
  const { contextLength } = memory
  const { pixelLimit } = config
  const { preprocessing } = pools
  const video = assembleVideo(info, spec, { preprocessing, contextLength, pixelLimit })
  const builder = new PromptBuilder({
    tokenizer,
    template,
    spec,
    fingerprint: specFingerprint(spec, info.fingerprint),
    imageTokenId: info.imageTokenId,
    keys: new ImageKeyTable(),
    pixelLimit,
    family: info.family,
    longestText: contextLength * tokenizer.longestToken,
    ...(video && { video: video.builder }),
  })
  const grammars = makeConstraintCompiler(tokenizer)
  const pictures = { builder, features: featureService, encoder, spec, ...(video && { frames: video.frames }) }
  const end = async (): Promise<void> => {
    // A worker that died has released already what it held; one that hangs is not waited for.
    await settlesWithin(Promise.allSettled([runner.release(), encoder.release(), grammars.close()]), RELEASE_MS)
    await pools.close()
  }
  let closing: Promise<void> | null = null
  return {
    config,
    model: {
      name,
      path: info.path,
      family: info.family,
      contextLength,
      vocabSize: tokenizer.size,
      imageTokenId: info.imageTokenId,
      ...(info.video && { videoTokenId: info.video.tokenId }),
      warnings: warning === undefined ? [] : [warning],
    },
    limits,
    tokenizer,
    template,
    builder,
    preparer: new PromptPreparer({ ...pictures, contextLength, pixelLimit }),
    grammars,
    sampler: new Sampler(vocabularySize, forbidden),
    cache,
    scheduler,
    features: featureService,
    encoder,
    ...(video && { clips: video.frames.clips }),
    core,
    makeText: () => new TextStream(tokenizer),
    tokenText: id => tokenizer.display(id),
    close: () => {
      closing ??= end()
      return closing
    },
  }
}

/** Tiles of the picture that takes the most. */
function mostViews(spec: VisionSpec): number {
  const tiles = spec.pinpoints.map(({ width, height }) => (width * height) / spec.tileSize ** 2)
  return 1 + Math.max(1, ...tiles)
}
