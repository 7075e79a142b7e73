import { type EngineOptions, resolveConfig, resolveHubAccess } from '../config.js'
import { resolveModel } from '../models/resolve.js'
import { EngineError } from '../protocol/error.js'
import { describeCheckpoint, inspectModel, type ModelSummary } from '../runner/model-runner.js'
import { WorkerPool } from '../runner/pool.js'
import { planImage } from '../vision/plan.js'
import { type Size, visionSpec } from '../vision/spec.js'
import { videoTokens } from '../vision/video.js'
import { videoSpec } from '../vision/video-spec.js'
import { compiledModule } from './locate.js'
import { pictureChoices } from './picture-choices.js'

export interface ModelQuestion {
  /** Sizes of pictures whose tokens are of interest. */
  readonly pictures: readonly Size[]
  /** Numbers of frames of clips. */
  readonly clips: readonly number[]
}

export interface ModelDescription {
  readonly name: string
  readonly path: string
  readonly summary: ModelSummary
  /** Tiles that the tower sees and tokens in the prompt, by picture of the question. */
  readonly pictures: readonly { readonly size: Size; readonly tiles: number; readonly tokens: number }[]
  readonly clips: readonly { readonly frames: number; readonly tokens: number }[]
}

/**
 * What a model is and takes, from its configuration and headers: no weights are read and no graph is built.
 *
 * @throws EngineError what `createEngine` throws for the model, REQUEST_INVALID for clips where it takes none.
 */
export async function describeModel(options: EngineOptions, question: ModelQuestion): Promise<ModelDescription> {
  const config = resolveConfig(options)
  const { model, modelCachePath: cachePath, offline } = config
  const { path, name } = await resolveModel(model, { cachePath, offline, hub: resolveHubAccess() })
  const pool = new WorkerPool('checkpoint', compiledModule('kernels/worker.js'), 1)
  try {
    const info = await inspectModel(pool, path)
    const summary = await describeCheckpoint(pool, path)
    const spec = visionSpec(info, pictureChoices(config))
    const video = videoSpec(info, spec)
    if (video === null && question.clips.length > 0) {
      throw new EngineError('REQUEST_INVALID', { what: `The model ${name} takes pictures, no videos.` })
    }
    return {
      name,
      path: info.path,
      summary,
      pictures: question.pictures.map(size => {
        const { views, tokens } = planImage(size, spec)
        return { size, tiles: views, tokens }
      }),
      clips: video === null ? [] : question.clips.map(frames => ({ frames, tokens: videoTokens(frames, video) })),
    }
  } finally {
    await pool.close()
  }
}
