/** The engine and its server, for programs that run models in their own process. Prompt programs are in the package's main entry. */
export { createEngine, type Engine, type EngineModel, type EngineOptions, type EngineStatus } from './engine.js'
export type * from './protocol/backend.js'
export { EngineError, type ErrorCode } from './protocol/error.js'
export { buildServer } from './server/app.js'
export { createImageLoader } from './server/image-loader.js'
export { type ListenOptions, listen } from './server/main.js'
export type { ServerOptions } from './server/options.js'
