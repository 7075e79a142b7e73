import type { EngineOptions } from '../../config.js'
import type { ModelDescription, ModelQuestion } from '../../engine/describe.js'
import type { ModelVerification } from '../../engine/verify.js'
import type { Engine } from '../../protocol/engine.js'
import type { Terminal } from './terminal.js'

/** What commands are given instead of reaching for it. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly version: string
  createEngine(options: EngineOptions): Promise<Engine>
  describeModel(options: EngineOptions, question: ModelQuestion): Promise<ModelDescription>
  verifyModel(options: EngineOptions): Promise<ModelVerification>
}

/** The engine of a command; what had to be guessed in its checkpoint is said to whoever loads it. */
export async function loadEngine(options: EngineOptions, { terminal, createEngine }: CommandContext): Promise<Engine> {
  const engine = await createEngine(options)
  for (const warning of engine.model.warnings ?? []) await terminal.stderr.write(`radiant: ${warning}\n`)
  return engine
}
