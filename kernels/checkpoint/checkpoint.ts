import { open, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { KernelFailure } from '../failure.js'
import type { ModelInfo } from '../protocol.js'
import { readModelConfig } from './config.js'
import { expectedTensors } from './expected-tensors.js'
import { missingWeights, readJson, readModelFiles, readWeightFiles } from './files.js'
import { fingerprintModel } from './fingerprint.js'
import { featureRows, frameRows, type ModelConfig } from './model-config.js'
import { convertFloats, FLOAT_TYPE_BYTES, FLOAT_TYPES, type FloatType, findNonFinite, isFloatType } from './numbers.js'
import { isOriginalLayout, towerName } from './original-config.js'
import type { SafetensorsFile, TensorEntry } from './safetensors.js'
import { internalName, NAME_RULES, storedNames, TOWER_RULES } from './weight-names.js'

/** Most bytes of one read: Node takes at most 2 GiB a call. */
const READ_BYTES = 256 * 1024 * 1024

/** Stored numbers of a tensor, not yet converted. */
export interface RawTensor {
  readonly type: FloatType
  readonly shape: readonly number[]
  /** Little-endian, at the start of its own buffer. */
  readonly bytes: Uint8Array
}

/**
 * A checked checkpoint: every tensor that the graphs need is there, of the right shape and of a readable type.
 * Weights are read when asked for. It holds no file open, so there is nothing to close.
 */
export class Checkpoint {
  readonly path: string
  readonly config: ModelConfig
  readonly info: ModelInfo
  readonly #tensors: ReadonlyMap<string, TensorEntry>

  constructor(path: string, config: ModelConfig, info: ModelInfo, tensors: ReadonlyMap<string, TensorEntry>) {
    this.path = path
    this.config = config
    this.info = info
    this.#tensors = tensors
  }

  /** Internal names of the tensors that the graphs need. */
  get names(): readonly string[] {
    return [...expectedTensors(this.config).keys()]
  }

  typeOf(name: string): FloatType {
    return this.#entry(name).type as FloatType
  }

  /** The shape of a tensor that the configuration asks for. */
  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape
  }

  /** The stored numbers of a tensor by internal name. Throws MODEL_CORRUPT when the file has become shorter. */
  async readRaw(name: string): Promise<RawTensor> {
    const entry = this.#entry(name)
    const bytes = new Uint8Array(entry.length)
    const handle = await open(entry.file, 'r')
    try {
      for (let done = 0; done < entry.length; ) {
        const wanted = Math.min(READ_BYTES, entry.length - done)
        const { bytesRead } = await handle.read(bytes, done, wanted, entry.offset + done)
        if (bytesRead === 0) throw this.#corrupt(`${entry.file} ends inside ${entry.name}.`)
        done += bytesRead
      }
    } finally {
      await handle.close()
    }
    return { type: entry.type as FloatType, shape: entry.shape, bytes }
  }

  /** A tensor as float32, row-major. Throws MODEL_CORRUPT when a value is not a finite number. */
  async readFloats(name: string): Promise<Float32Array> {
    const { type, bytes } = await this.readRaw(name)
    const values = new Float32Array(bytes.length / FLOAT_TYPE_BYTES[type])
    convertFloats(type, bytes, 0, values.length, values, 0)
    const bad = findNonFinite(values)
    if (bad < 0) return values
    throw this.#corrupt(
      `${this.#entry(name).name} holds ${values[bad]} at element ${bad}; weights must be finite numbers.`,
    )
  }

  #entry(name: string): TensorEntry {
    const entry = this.#tensors.get(name)
    if (entry === undefined) throw this.#corrupt(`the tensor ${name} is missing.`)
    return entry
  }

  #corrupt(what: string): KernelFailure {
    return new KernelFailure('MODEL_CORRUPT', { path: this.path, what })
  }
}

/** Opens a checkpoint folder of any layout and checks it. Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED or MODEL_CORRUPT. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const files = await readModelFiles(path)
  const towerFolder = isOriginalLayout(files.config) ? await findTower(path, files.config) : null
  const towerConfig = towerFolder === null ? null : await readJson(towerFolder, 'config.json')
  const config = readModelConfig(path, files.config, files.generation, towerConfig)
  const weightFiles = await readWeightFiles(path)
  if (weightFiles.length === 0) throw await missingWeights(path)
  const tensors = new Map<string, TensorEntry>()
  collect(path, tensors, weightFiles, name => internalName(name, NAME_RULES))
  const allFiles = [...weightFiles]
  // The tower's own folder serves only where the checkpoint brings no fine-tuned tower of its own.
  if (towerFolder !== null && ![...tensors.keys()].some(name => name.startsWith('vision.'))) {
    const towerFiles = await readWeightFiles(towerFolder)
    collect(path, tensors, towerFiles, name => internalName(name, TOWER_RULES))
    allFiles.push(...towerFiles)
  }
  checkTower(path, files.config, tensors, towerFolder)
  checkTensors(path, config, tensors, allFiles)
  const fingerprint = await fingerprintModel(
    [files.config, files.generation, files.preprocessor, towerConfig],
    allFiles,
  )
  const vocabRows = tensors.get('text.embed_tokens.weight')!.shape[0]!
  return new Checkpoint(path, config, modelInfo(path, config, files, fingerprint, vocabRows), tensors)
}

/** Where an original checkpoint's tower may lie: at the path it names, beside the model's folder, or inside it. */
async function findTower(path: string, config: Readonly<Record<string, unknown>>): Promise<string | null> {
  const name = towerName(config)
  if (name === null) return null
  const stated = String(config.mm_vision_tower)
  const places = [join(dirname(resolve(path)), name), join(path, name), ...(isAbsolute(stated) ? [stated] : [])]
  for (const place of places) {
    if ((await stat(join(place, 'config.json')).catch(() => null)) !== null) return place
  }
  return null
}

function collect(
  path: string,
  tensors: Map<string, TensorEntry>,
  files: readonly SafetensorsFile[],
  rename: (stored: string) => string | null,
): void {
  for (const entry of files.flatMap(file => file.tensors)) {
    const name = rename(entry.name)
    if (name === null) continue
    const earlier = tensors.get(name)
    if (earlier !== undefined) {
      throw new KernelFailure('MODEL_CORRUPT', { path, what: `${earlier.name} and ${entry.name} are the same tensor.` })
    }
    tensors.set(name, entry)
  }
}

/** The original layout may leave the tower out; one that is nowhere deserves more than the name of its first tensor. */
function checkTower(
  path: string,
  config: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorEntry>,
  towerFolder: string | null,
): void {
  if (!isOriginalLayout(config) || towerFolder !== null) return
  if ([...tensors.keys()].some(name => name.startsWith('vision.'))) return
  const what =
    `it has no weights of its vision tower, ${config.mm_vision_tower}: ` +
    `put a folder ${towerName(config)} with them beside the model's.`
  throw new KernelFailure('MODEL_CORRUPT', { path, what })
}

function checkTensors(
  path: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, TensorEntry>,
  files: readonly SafetensorsFile[],
): void {
  const corrupt = (what: string): KernelFailure => new KernelFailure('MODEL_CORRUPT', { path, what })
  for (const [name, shape] of expectedTensors(config)) {
    const entry = tensors.get(name)
    if (entry === undefined) {
      const [first, ...others] = storedNames(name, config.layout)
      const also = others.length > 0 ? ` (or ${others.join(', or ')})` : ''
      throw corrupt(`the tensor ${first}${also} is missing in ${listFiles(files)}.`)
    }
    const fits =
      entry.shape.length === shape.length &&
      shape.every((size, axis) => (size ?? entry.shape[axis]) === entry.shape[axis])
    if (!fits) {
      const right = shape.map(size => size ?? 'any').join(', ')
      throw corrupt(`${entry.name} has the shape [${entry.shape.join(', ')}]; the configuration asks for [${right}].`)
    }
    if (!isFloatType(entry.type)) {
      const what = `${entry.name} is stored as ${entry.type}; ${FLOAT_TYPES.join(', ')} are read.`
      throw new KernelFailure('MODEL_UNSUPPORTED', { path, what })
    }
  }
  const rows = tensors.get('text.embed_tokens.weight')!.shape[0]
  const headRows = tensors.get('head.weight')?.shape[0] ?? rows
  if (!config.text.tiedHead && headRows !== rows) {
    throw corrupt(`the embedding has ${rows} rows and the head ${headRows}; they must be as many.`)
  }
}

/** Names of the files, the first three at most. */
function listFiles(files: readonly SafetensorsFile[]): string {
  const names = files.map(({ file }) => basename(file))
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
}

function modelInfo(
  path: string,
  config: ModelConfig,
  files: ModelInfo['files'],
  fingerprint: string,
  vocabRows: number,
): ModelInfo {
  const { text, vision, video } = config
  return {
    path,
    fingerprint,
    family: config.family,
    text: {
      architecture: text.architecture,
      vocabRows,
      hiddenSize: text.hiddenSize,
      numLayers: text.numLayers,
      numHeads: text.numHeads,
      numKvHeads: text.numKvHeads,
      headDim: text.headDim,
      contextLength: text.contextLength,
      bosId: text.bosId,
      eosIds: text.eosIds,
    },
    vision: { tileSize: vision.imageSize, patchSize: vision.patchSize, featuresPerTile: featureRows(vision) },
    // A checkpoint that names no placeholder gets one past the vocabulary: no text can spell it, no sampler choose it.
    imageTokenId: config.imageTokenId ?? vocabRows,
    ...(video === null
      ? {}
      : { video: { tokenId: video.tokenId ?? vocabRows + 1, featuresPerFrame: frameRows(vision, video) } }),
    files,
  }
}
