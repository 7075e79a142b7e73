import { type Checkpoint, openCheckpoint } from '../checkpoint/index.js'
import { frameRows } from '../checkpoint/model-config.js'
import { FLOAT_TYPE_BYTES } from '../checkpoint/numbers.js'
import { kvBytesPerToken } from '../layout.js'
import type { ModelMemory, ModelSummary, Precision } from '../protocol.js'
import { type PartStorage, PRECISION_STORAGE } from './precision.js'
import { BLOCK, canQuantize, type Storage } from './quantize.js'

const FLOAT_BYTES = 4
const EMBEDDING = 'text.embed_tokens.weight'
const TOWER_BLOCKS = 'vision.encoder.layers.'

/**
 * A checkpoint at a glance: what it is, how many tokens its pictures take and what it needs in memory at each
 * precision. Reads headers only. Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED or MODEL_CORRUPT.
 */
export async function describeModel(path: string): Promise<ModelSummary> {
  const checkpoint = await openCheckpoint(path)
  const { config, info } = checkpoint
  return {
    family: config.family,
    layout: config.layout,
    textArchitecture: config.text.architecture,
    visionArchitecture: config.vision.architecture,
    parameters: {
      text: count(checkpoint, name => name.startsWith('text.') || name.startsWith('head.')),
      vision: count(checkpoint, name => name.startsWith('vision.')),
      projector: count(checkpoint, name => name.startsWith('projector.')),
    },
    contextLength: info.text.contextLength,
    tokensPerTile: info.vision.featuresPerTile,
    tokensPerFrame: config.video === null ? null : frameRows(config.vision, config.video),
    kvBytesPerToken: kvBytesPerToken(info.text),
    memory: {
      float32: memoryOf(checkpoint, 'float32'),
      int8: memoryOf(checkpoint, 'int8'),
      int8x8: memoryOf(checkpoint, 'int8x8'),
      int4: memoryOf(checkpoint, 'int4'),
    },
  }
}

function count(checkpoint: Checkpoint, belongs: (name: string) => boolean): number {
  return checkpoint.names.filter(belongs).reduce((sum, name) => sum + elements(checkpoint, name), 0)
}

/** Follows linear.ts and row-product.ts: which matrices are rounded, and what a rounded one takes. */
function memoryOf(checkpoint: Checkpoint, precision: Precision): ModelMemory {
  const storage = PRECISION_STORAGE[precision]
  let decoder = 0
  let vision = 0
  for (const name of checkpoint.names) {
    // Rows are copied from the embedding as it is stored; it is part of the graph only where it serves as the head.
    if (name === EMBEDDING) continue
    const bytes = storedBytes(checkpoint, name, storage[partOf(name)])
    if (name.startsWith('text.') || name.startsWith('head.')) decoder += bytes
    else vision += bytes
  }
  if (checkpoint.config.text.tiedHead) decoder += storedBytes(checkpoint, EMBEDDING, storage.head)
  const embeddings = elements(checkpoint, EMBEDDING) * FLOAT_TYPE_BYTES[checkpoint.typeOf(EMBEDDING)]
  return { decoderBytes: decoder, visionBytes: vision, embeddingBytes: embeddings }
}

function partOf(name: string): keyof PartStorage {
  if (name.startsWith('head.')) return 'head'
  if (name.startsWith('text.')) return 'text'
  return name.startsWith(TOWER_BLOCKS) ? 'tower' : 'connector'
}

function storedBytes(checkpoint: Checkpoint, name: string, storage: Storage): number {
  const shape = checkpoint.shapeOf(name)
  const size = elements(checkpoint, name)
  if (storage === 32 || shape.length !== 2 || name.includes('position_embedding')) return size * FLOAT_BYTES
  if (storage === '8x8') return size + shape[0]! * FLOAT_BYTES
  if (!canQuantize(shape[1]!)) return size * FLOAT_BYTES
  return (size * storage) / 8 + (size / BLOCK) * FLOAT_BYTES
}

function elements(checkpoint: Checkpoint, name: string): number {
  return checkpoint.shapeOf(name).reduce((product, each) => product * each, 1)
}
