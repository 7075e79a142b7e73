import { Fields } from './fields.js'
import { readHuggingFaceConfig } from './hugging-face-config.js'
import { featureRows, frameRows, type ModelConfig, patchesPerSide } from './model-config.js'
import { isOriginalLayout, readOriginalConfig } from './original-config.js'

type Json = Readonly<Record<string, unknown>>

/**
 * config.json as one shape for all layouts. `tower` is the configuration of the tower's own folder, for the original
 * layout only. Throws MODEL_UNSUPPORTED for what no graph covers and MODEL_CORRUPT for fields of the wrong kind.
 */
export function readModelConfig(path: string, config: Json, generation: Json | null, tower: Json | null): ModelConfig {
  const fields = new Fields(path, 'config.json', config)
  const generationFields = generation === null ? null : new Fields(path, 'generation_config.json', generation)
  const model = isOriginalLayout(config)
    ? readOriginalConfig(fields, generationFields, tower)
    : readHuggingFaceConfig(fields, generationFields)
  const { vision, video } = model
  if (video !== null && featureRows(vision) !== patchesPerSide(vision) ** 2) {
    throw fields.unsupported('it pools video over features that are not a square of patches: the class row must go.')
  }
  if (video !== null && frameRows(vision, video) === 0) {
    const side = patchesPerSide(vision)
    throw fields.unsupported(
      `it pools ${side} x ${side} patches of a frame by ${video.poolStride}, which leaves nothing.`,
    )
  }
  return model
}
