import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../protocol/error.js'
import type { ModelInfo } from '../runner/model-runner.js'
import { convertSentencePiece } from '../tokenizer/sentencepiece.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'

/**
 * The checkpoint's tokenizer: tokenizer.json, or where there is none, as in original checkpoints, tokenizer.model.
 * @param freshAfterImage whether text after a picture is cut as if it began a string.
 * @throws EngineError MODEL_NOT_FOUND, MODEL_CORRUPT, MODEL_UNSUPPORTED.
 */
export async function readTokenizer(info: ModelInfo, freshAfterImage: boolean): Promise<Tokenizer> {
  const { path, imageTokenId, files } = info
  const video = info.video ? { videoTokenId: info.video.tokenId } : {}
  const facts = { path, imageTokenId, ...video, eosIds: info.text.eosIds, freshAfterImage }
  const json = await readIfThere(join(path, 'tokenizer.json'))
  if (json !== null) return loadTokenizer(parse(json, path), files.tokenizerConfig, facts)
  const model = await readIfThere(join(path, 'tokenizer.model'))
  if (model !== null) return loadTokenizer(convertSentencePiece(model, path), files.tokenizerConfig, facts)
  throw new EngineError('MODEL_NOT_FOUND', { path, what: 'it has neither tokenizer.json nor tokenizer.model.' })
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function parse(json: Buffer, path: string): Record<string, unknown> {
  try {
    return JSON.parse(json.toString('utf8'))
  } catch (cause) {
    const what = `tokenizer.json is not JSON: ${(cause as Error).message}`
    throw new EngineError('MODEL_CORRUPT', { path, what }, { cause })
  }
}
