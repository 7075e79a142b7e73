import { type EngineOptions, resolveConfig } from './config.js'
import { assemble } from './engine/assemble.js'
import { RadiantEngine } from './engine/radiant-engine.js'

export type { EngineOptions } from './config.js'
export { RadiantEngine } from './engine/radiant-engine.js'
export type { Engine, EngineModel, EngineStatus } from './protocol/engine.js'

/**
 * Loads a model and starts its workers. The engine runs until `close`; while it is open its threads keep the process alive.
 *
 * @example
 * const engine = await createEngine({ model: 'pocket' })
 * const { result } = engine.generate({ prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'Hello' }] } })
 * console.log((await result).text)
 * await engine.close()
 *
 * @throws EngineError CONFIG_INVALID, MODEL_NOT_FOUND, MODEL_UNSUPPORTED, MODEL_CORRUPT, MODEL_DOWNLOAD_FAILED, MODEL_OFFLINE,
 *   KERNEL_FAILED; nothing is left running.
 */
export async function createEngine(options: EngineOptions = {}): Promise<RadiantEngine> {
  return new RadiantEngine(await assemble(resolveConfig(options)))
}
