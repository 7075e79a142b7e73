import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint } from '../checkpoint/index.js'
import { featureRows } from '../checkpoint/model-config.js'
import type { ModelInfo, Precision } from '../protocol.js'
import { EmbeddingTable } from './embeddings.js'
import { GraphBuilder } from './graph-builder.js'
import { type CachedGraph, cacheKey, findOrBuild } from './graph-cache.js'
import { buildDecoder } from './llama.js'
import { addPooling, type Pooling, poolingOf } from './pooling.js'
import { type PartStorage, PRECISION_STORAGE } from './precision.js'
import { addProjector } from './projector.js'
import { addVisionTower } from './vision-tower.js'
import { WeightFile } from './weight-file.js'

export { EmbeddingTable } from './embeddings.js'
export type { PatchGroups, Pooling } from './pooling.js'
export { describeModel } from './summary.js'

/** Part of every cache key: raise it whenever the same checkpoint would give another graph. */
const BUILDER_VERSION = 5

/** The rotary tables reach at least this far where the model does, so that engines with other contexts share a graph. */
const SHARED_POSITIONS = 32768

export interface GraphOptions {
  readonly precision: Precision
  /** Folder of built graphs; made when absent. */
  readonly cachePath: string
}

export interface PreparedDecoder {
  /** An .onnx file; its weights lie beside it. */
  readonly graphPath: string
  /** Whether the graph was on disk already. */
  readonly cached: boolean
  readonly info: ModelInfo
  readonly embeddings: EmbeddingTable
}

export interface PreparedVision {
  readonly graphPath: string
  readonly cached: boolean
  readonly info: ModelInfo
  /** The learned row-end vector, [hiddenSize]; null for models without one. */
  readonly newline: Float32Array | null
  /** What to feed as `patch_groups` and `patch_weights`; null for models whose tower pools nothing and has no such inputs. */
  readonly pooling: Pooling | null
}

/**
 * The decoder's graph (its inputs and outputs stand at buildDecoder) and embedding rows. `slotCapacity` is the longest
 * sequence in tokens. Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED or MODEL_CORRUPT for the checkpoint, KERNEL_FAILED
 * when the cache folder cannot be written.
 */
export async function prepareDecoder(
  path: string,
  options: GraphOptions & { readonly slotCapacity: number },
): Promise<PreparedDecoder> {
  const checkpoint = await openCheckpoint(path)
  const reach = Math.min(checkpoint.info.text.contextLength, SHARED_POSITIONS)
  const positions = Math.max(reach, options.slotCapacity)
  const { text, head } = PRECISION_STORAGE[options.precision]
  const embeddings = await EmbeddingTable.read(checkpoint)
  const facts = { part: 'decoder', positions, storage: [text, head] }
  const { folder, cached } = await findOrBuildGraph(checkpoint, options, facts, builder => {
    embeddings.checkFinite(path)
    return buildDecoder(builder, checkpoint, { text, head, positions })
  })
  return { graphPath: join(folder, GRAPH_FILE), cached, info: checkpoint.info, embeddings }
}

/**
 * The vision tower and connector: pixels [T, 3, S, S] float32 -> features [T, featuresPerTile, hiddenSize]. Models with
 * video pooled in front of the connector have a second input, `patch_groups`, and as many features a tile as it has rows. Throws as prepareDecoder does.
 */
export async function prepareVision(path: string, options: GraphOptions): Promise<PreparedVision> {
  const checkpoint = await openCheckpoint(path)
  const storage = PRECISION_STORAGE[options.precision]
  const facts = { part: 'vision', storage: [storage.tower, storage.connector] }
  const { folder, cached } = await findOrBuildGraph(checkpoint, options, facts, builder =>
    buildVision(builder, checkpoint, storage),
  )
  const newline = checkpoint.config.hasNewline ? await checkpoint.readFloats('newline') : null
  const { vision, video } = checkpoint.config
  const pooling = poolingOf(vision, video)
  return { graphPath: join(folder, GRAPH_FILE), cached, info: checkpoint.info, newline, pooling }
}

const GRAPH_FILE = 'graph.onnx'
const WEIGHT_FILE = 'weights.bin'

async function buildVision(builder: GraphBuilder, checkpoint: Checkpoint, storage: PartStorage): Promise<void> {
  const { vision, projector, text, video } = checkpoint.config
  const pixels = builder.input('pixels', 'float32', ['tiles', 3, vision.imageSize, vision.imageSize])
  const tower = await addVisionTower({ builder, checkpoint, storage: storage.tower }, vision, pixels)
  const pools = video !== null && poolingOf(vision, video) !== null
  const pooled = pools ? addPooling(builder, video, tower) : tower
  const connector = { builder, checkpoint, storage: storage.connector }
  builder.nodeTo(['features'], 'Identity', [await addProjector(connector, projector, pooled)])
  const rows = pools ? 'rows' : featureRows(vision)
  builder.output('features', 'float32', ['tiles', rows, text.hiddenSize])
}

function findOrBuildGraph(
  checkpoint: Checkpoint,
  options: GraphOptions,
  facts: { readonly part: string; readonly [fact: string]: unknown },
  build: (builder: GraphBuilder) => Promise<void>,
): Promise<CachedGraph> {
  const { fingerprint } = checkpoint.info
  const key = cacheKey({ version: BUILDER_VERSION, fingerprint, ...facts })
  return findOrBuild(options.cachePath, key, async folder => {
    const weights = await WeightFile.create(join(folder, WEIGHT_FILE))
    try {
      const builder = new GraphBuilder(facts.part, weights)
      await build(builder)
      await writeFile(join(folder, GRAPH_FILE), builder.encode(), { flush: true })
    } finally {
      await weights.close()
    }
  })
}
