import { EngineError } from '../protocol/error.js'

export const CONFIG = 'config.json'
export const WEIGHT_INDEX = 'model.safetensors.index.json'
export const SINGLE_WEIGHTS = 'model.safetensors'
const TOKENIZER = 'tokenizer.json'
/** Read where there is no tokenizer.json. */
const ORIGINAL_TOKENIZER = 'tokenizer.model'
const OTHERS = [
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'chat_template.json',
]

/** What is fetched of a repository beside its weights: all of a model, or the vision tower that another model names. */
export type RepositoryKind = 'model' | 'tower'

/**
 * Of the files at the top of a repository, those that are read except the weights: configuration, for a model tokenizer
 * and templates, and the index of the weights.
 *
 * @throws EngineError MODEL_NOT_FOUND without configuration or tokenizer, MODEL_UNSUPPORTED without safetensors.
 */
export function chooseDescriptions(
  model: string,
  names: ReadonlySet<string>,
  kind: RepositoryKind = 'model',
): readonly string[] {
  const absent = (what: string): EngineError => new EngineError('MODEL_NOT_FOUND', { path: model, what })
  if (!names.has(CONFIG)) throw absent(`the repository has no ${CONFIG}, so it is no model for transformers.`)
  const tokenizer = [TOKENIZER, ORIGINAL_TOKENIZER].find(name => names.has(name))
  if (kind === 'model' && tokenizer === undefined) {
    throw absent(`the repository has neither ${TOKENIZER} nor ${ORIGINAL_TOKENIZER}.`)
  }
  if (!names.has(WEIGHT_INDEX) && !names.has(SINGLE_WEIGHTS)) {
    const pickled = [...names].find(name => /\.(bin|pt|pth)$/.test(name))
    const what = `it has neither ${SINGLE_WEIGHTS} nor ${WEIGHT_INDEX}${pickled ? `; ${pickled} is not read` : ''}.`
    throw new EngineError('MODEL_UNSUPPORTED', { path: model, what })
  }
  const others = kind === 'tower' ? [] : [tokenizer ?? TOKENIZER, ...OTHERS]
  return [CONFIG, ...others, WEIGHT_INDEX].filter(name => names.has(name))
}

/**
 * The weight files: the shards of the index, `null` where there is none. An index counts before a single file, as for
 * the loader.
 *
 * @throws EngineError MODEL_CORRUPT for an index that lists no files, or names that lead elsewhere.
 */
export function chooseWeights(model: string, index: string | null): readonly string[] {
  if (index === null) return [SINGLE_WEIGHTS]
  const shards = new Set(Object.values(readWeightMap(index)))
  for (const name of shards) {
    if (typeof name === 'string' && /^[\w.-]+\.safetensors$/.test(name)) continue
    const what = `${WEIGHT_INDEX} lists ${JSON.stringify(name)}; the name of a .safetensors file is needed.`
    throw new EngineError('MODEL_CORRUPT', { path: model, what })
  }
  if (shards.size > 0) return [...shards].sort() as string[]
  throw new EngineError('MODEL_CORRUPT', { path: model, what: `${WEIGHT_INDEX} lists no files.` })
}

/** What a folder with these files lacks before a model can be read from it; null when it is complete. */
export function findMissing(
  model: string,
  names: ReadonlySet<string>,
  index: string | null,
  kind: RepositoryKind = 'model',
): string | null {
  if (!names.has(CONFIG)) return CONFIG
  if (kind === 'model' && !names.has(TOKENIZER) && !names.has(ORIGINAL_TOKENIZER)) return TOKENIZER
  return chooseWeights(model, index).find(name => !names.has(name)) ?? null
}

/** `weight_map` of an index; empty where there is none. */
export function readWeightMap(index: string): Readonly<Record<string, unknown>> {
  try {
    const map = (JSON.parse(index) as { weight_map?: unknown } | null)?.weight_map
    return typeof map === 'object' && map !== null ? (map as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
