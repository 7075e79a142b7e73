import { open, readdir, readFile, realpath } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type DownloadOptions, downloadModel } from './download-model.js'
import { linkFile } from './hub-cache.js'
import { DEFAULT_REVISION, type ModelId, parseModelId } from './model-id.js'
import { CONFIG, readWeightMap, SINGLE_WEIGHTS, WEIGHT_INDEX } from './needed-files.js'

const MOST_HEADER_BYTES = 100 * 2 ** 20

/**
 * Checkpoints of the original code may leave their vision tower in another repository, which `mm_vision_tower` names.
 * Fetches that one too, by the rules of the model, and links its files into a folder of its name inside the model's
 * snapshot, where the loader looks. Does nothing for a model that has its tower inside.
 *
 * @throws EngineError what `downloadModel` throws, naming the tower and the model.
 */
export async function fetchTower(id: ModelId, snapshot: string, options: DownloadOptions): Promise<void> {
  const tower = await findTower(id, snapshot)
  if (tower === null) return
  const source = await downloadModel(tower, { ...options, kind: 'tower' })
  const folder = join(snapshot, tower.repository.split('/')[1]!)
  for (const name of await readdir(source)) {
    const file = await realpath(join(source, name))
    await linkFile(join('..', relative(await realpath(snapshot), file)), file, folder, name)
  }
}

/** The tower that the model lacks; null when it has one, or names none that a hub could have. */
async function findTower(id: ModelId, snapshot: string): Promise<ModelId | null> {
  const config = parse(await readFile(join(snapshot, CONFIG), 'utf8'))
  const stated = config.mm_vision_tower
  if (typeof stated !== 'string' || config.vision_config !== undefined) return null
  const named = parseModelId(stated)
  if (named === null || named.revision !== DEFAULT_REVISION) return null
  const names = await tensorNames(snapshot)
  if (names.some(name => name.includes('vision_tower.'))) return null
  return { ...named, text: `${named.repository} (the vision tower of ${id.text})` }
}

/** Names of all tensors: from the index, or from the head of the only file. */
async function tensorNames(snapshot: string): Promise<readonly string[]> {
  const index = await readFile(join(snapshot, WEIGHT_INDEX), 'utf8').catch(() => null)
  if (index !== null) return Object.keys(readWeightMap(index))
  const file = await open(join(snapshot, SINGLE_WEIGHTS), 'r')
  try {
    const length = Buffer.alloc(8)
    await file.read(length, 0, 8, 0)
    // What is no header is for the loader to refuse.
    const bytes = Number(length.readBigUInt64LE())
    if (bytes > MOST_HEADER_BYTES) return []
    const header = Buffer.alloc(bytes)
    await file.read(header, 0, bytes, 8)
    return Object.keys(parse(header.toString('utf8')))
  } finally {
    await file.close()
  }
}

/** {} for what is not a JSON object: the loader says what is wrong with it. */
function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
