import { type EngineOptions, resolveConfig, resolveHubAccess } from '../config.js'
import { resolveModel } from '../models/resolve.js'
import { type ModelVerification, verifyCheckpoint } from '../runner/model-runner.js'
import { WorkerPool } from '../runner/pool.js'
import { compiledModule } from './locate.js'

export type { Agreement, ModelVerification } from '../runner/model-runner.js'

/**
 * Tries the graphs of a model, at the precision and binding of the options, against plain arithmetic and against the
 * numbers that its folder brings. Seconds for small models, minutes for large ones.
 *
 * @throws EngineError what `createEngine` throws for the model; MODEL_CORRUPT where it computes no finite numbers.
 */
export async function verifyModel(options: EngineOptions): Promise<ModelVerification> {
  const { model, modelCachePath, offline, precision, binding, threads, cachePath } = resolveConfig(options)
  const { path } = await resolveModel(model, { cachePath: modelCachePath, offline, hub: resolveHubAccess() })
  const pool = new WorkerPool('checkpoint', compiledModule('kernels/worker.js'), 1)
  try {
    return await verifyCheckpoint(pool, path, { device: 'cpu', precision, binding, threads, cachePath })
  } finally {
    await pool.close()
  }
}
