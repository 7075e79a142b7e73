import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Models that come with the package, by name. */
const EMBEDDED = ['pocket']

/** Folder and announced name of a model. Whether a model is there is for the loader to say. */
export function locateModel(model: string): { readonly path: string; readonly name: string } {
  if (EMBEDDED.includes(model) && !existsSync(resolve(model, 'config.json'))) {
    return { path: join(packageRoot(), 'models', model), name: model }
  }
  const path = resolve(model)
  return { path, name: basename(path) }
}

/** A compiled module below the folder that this one was compiled into. */
export function compiledModule(path: string): URL {
  return new URL(`../../${path}`, import.meta.url)
}

function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'radiant') return folder
    if (folder === dirname(folder)) throw new Error('the package was moved away from its package.json')
  }
}
