import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { KernelFailure } from '../failure.js'
import type { ModelInfo } from '../protocol.js'
import { isRecord, readSafetensorsFile, type SafetensorsFile } from './safetensors.js'

type Json = Readonly<Record<string, unknown>>

/** The JSON files of a checkpoint. Throws MODEL_NOT_FOUND without config.json, MODEL_CORRUPT when one does not parse. */
export async function readModelFiles(path: string): Promise<ModelInfo['files']> {
  const folder = await stat(path).catch(() => null)
  if (folder === null) throw new KernelFailure('MODEL_NOT_FOUND', { path, what: 'nothing is there.' })
  if (!folder.isDirectory()) {
    throw new KernelFailure('MODEL_NOT_FOUND', { path, what: 'it is not a folder; a checkpoint is a folder.' })
  }
  const config = await readJson(path, 'config.json')
  if (config === null) throw new KernelFailure('MODEL_NOT_FOUND', { path, what: 'the folder has no config.json.' })
  const [generation, preprocessor, processor, tokenizerConfig, chatTemplate] = await Promise.all([
    readJson(path, 'generation_config.json'),
    readJson(path, 'preprocessor_config.json'),
    readJson(path, 'processor_config.json'),
    readJson(path, 'tokenizer_config.json'),
    readChatTemplate(path),
  ])
  return { config, generation, preprocessor, processor, tokenizerConfig, chatTemplate }
}

async function readChatTemplate(path: string): Promise<string | null> {
  const plain = await readOptional(join(path, 'chat_template.jinja'))
  if (plain !== null) return plain.toString('utf8')
  const template = (await readJson(path, 'chat_template.json'))?.chat_template
  return typeof template === 'string' ? template : null
}

/** A parsed JSON object, or null when the file is absent. */
export async function readJson(path: string, name: string): Promise<Json | null> {
  const bytes = await readOptional(join(path, name))
  if (bytes === null) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new KernelFailure('MODEL_CORRUPT', { path, what: `${name} is not JSON (${(error as Error).message}).` })
  }
  if (isRecord(parsed)) return parsed
  throw new KernelFailure('MODEL_CORRUPT', { path, what: `${name} holds no JSON object.` })
}

async function readOptional(file: string): Promise<Buffer | null> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/** Headers of all weight files of a folder, in the order of their names. An empty list: the folder has none. */
export async function readWeightFiles(path: string): Promise<readonly SafetensorsFile[]> {
  const index = await readJson(path, INDEX)
  if (index === null) {
    const single = join(path, SINGLE)
    return (await stat(single).catch(() => null)) === null ? [] : [await readSafetensorsFile(path, single)]
  }
  const map = index.weight_map
  const corrupt = (what: string): KernelFailure =>
    new KernelFailure('MODEL_CORRUPT', { path, what: `${INDEX}: ${what}` })
  if (!isRecord(map)) throw corrupt('weight_map is missing.')
  const names = new Set<string>()
  for (const [tensor, file] of Object.entries(map)) {
    // A name with a folder in it could lead out of the checkpoint.
    if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) {
      throw corrupt(`${tensor} lies in ${JSON.stringify(file)}; the name of a .safetensors file is needed.`)
    }
    names.add(file)
  }
  const files: SafetensorsFile[] = []
  for (const name of [...names].sort()) {
    const file = join(path, name)
    if ((await stat(file).catch(() => null)) === null) throw corrupt(`${name} is listed and is not there.`)
    files.push(await readSafetensorsFile(path, file))
  }
  const held = new Map(files.flatMap(file => file.tensors.map(tensor => [tensor.name, file.file] as const)))
  for (const [tensor, file] of Object.entries(map)) {
    if (held.get(tensor) !== join(path, file as string)) throw corrupt(`${tensor} is listed and is not in ${file}.`)
  }
  return files
}

/** Why a folder without safetensors cannot be read, as a failure to throw. */
export async function missingWeights(path: string): Promise<KernelFailure> {
  for (const other of ['pytorch_model.bin', 'pytorch_model.bin.index.json']) {
    if ((await stat(join(path, other)).catch(() => null)) !== null) {
      const what = `its weights are in ${other}; ${SINGLE} is read (transformers can save it).`
      return new KernelFailure('MODEL_UNSUPPORTED', { path, what })
    }
  }
  return new KernelFailure('MODEL_NOT_FOUND', { path, what: `the folder has neither ${SINGLE} nor ${INDEX}.` })
}
