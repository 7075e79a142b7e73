import type { ModelInfo } from '../protocol.js'
import { openCheckpoint } from './checkpoint.js'

export { Checkpoint, openCheckpoint, type RawTensor } from './checkpoint.js'
export type { ModelConfig, TextConfig, VisionConfig } from './model-config.js'

/**
 * What the runtime must know of a checkpoint folder: configuration, headers and fingerprint; weights stay on disk.
 * Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED or MODEL_CORRUPT.
 */
export async function inspectModel(path: string): Promise<ModelInfo> {
  return (await openCheckpoint(path)).info
}
