import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../protocol/error.js'
import { type DownloadOptions, downloadModel } from './download-model.js'
import { parseModelId } from './model-id.js'
import { fetchTower } from './tower.js'

export type { DownloadOptions } from './download-model.js'
export type { HubAccess } from './hub-client.js'

/** Models that come with the package: the folder of each name. `pocket` is the one to use. */
const EMBEDDED = new Map([
  ['pocket', 'pocket-v1'],
  ['pocket-v1', 'pocket-v1'],
  ['pocket-v0', 'pocket-v0'],
])

export interface ResolvedModel {
  readonly path: string
  /** What servers announce. */
  readonly name: string
}

/**
 * Where a model is: a folder that exists, else an embedded model, else `org/name[@revision]` on a hub, whose files are
 * fetched into the cache, with those of the vision tower that it leaves elsewhere. A folder goes first, so that a copy beside the program needs no other name; whether a model
 * is in it is for the loader to say.
 *
 * @throws EngineError MODEL_NOT_FOUND, and what `downloadModel` throws.
 */
export async function resolveModel(model: string, options: DownloadOptions): Promise<ResolvedModel> {
  const path = resolve(model)
  const embedded = EMBEDDED.get(model)
  if (embedded !== undefined && !existsSync(join(path, 'config.json'))) {
    return { path: join(packageRoot(), 'models', embedded), name: model }
  }
  if (existsSync(path)) return { path, name: basename(path) }
  const id = parseModelId(model)
  if (id !== null) {
    const snapshot = await downloadModel(id, options)
    await fetchTower(id, snapshot, options)
    return { path: snapshot, name: id.repository }
  }
  const what = `nothing is there, "${model}" is no id of a model on a hub (org/name or org/name@revision), and no model that comes with the package (${[...EMBEDDED.keys()].join(', ')}).`
  throw new EngineError('MODEL_NOT_FOUND', { path, what })
}

function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'radiant') return folder
    if (folder === dirname(folder)) throw new Error('the package was moved away from its package.json')
  }
}
