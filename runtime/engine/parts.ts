import type { PrefixCache } from '../cache/prefix-cache.js'
import type { ChatTemplate } from '../chat/template.js'
import type { EngineConfig } from '../config.js'
import type { Constraint, GenerateResult } from '../protocol/backend.js'
import type { EngineModel } from '../protocol/engine.js'
import type { VisionEncoder } from '../runner/vision-encoder.js'
import type { Sampler } from '../sampling/sampler.js'
import type { BatchLimits } from '../scheduler/batch.js'
import type { Scheduler } from '../scheduler/scheduler.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { ClipStore } from '../vision/clip-store.js'
import type { EngineCore } from './core.js'
import type { FeatureService } from './feature-service.js'
import type { OutputMatcher, OutputText } from './generate-task.js'
import type { PromptPreparer } from './prepare.js'
import type { PromptBuilder } from './prompt-builder.js'

/** A constraint, ready to be matched against any number of outputs. */
export interface CompiledConstraint {
  matcher(): OutputMatcher
  /** What a finished text breaks of the keywords that the mask could not enforce; null when it enforces all. */
  readonly validate: ((text: string) => NonNullable<GenerateResult['violations']>) | null
}

export interface ConstraintCompiler {
  /** Rejects with GRAMMAR_INVALID, GRAMMAR_UNSUPPORTED or GRAMMAR_TOO_COMPLEX. */
  compile(constraint: Constraint): Promise<CompiledConstraint>
  close(): Promise<void>
  checkIntegrity(): void
}

/** Everything that an engine is made of; assembled once, by assemble.ts or a test. */
export interface EngineParts {
  readonly config: EngineConfig
  readonly model: EngineModel
  readonly limits: BatchLimits
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly builder: PromptBuilder
  readonly preparer: PromptPreparer
  readonly grammars: ConstraintCompiler
  readonly sampler: Sampler
  readonly cache: PrefixCache
  readonly scheduler: Scheduler
  readonly features: FeatureService
  readonly encoder: VisionEncoder
  /** Only of models that take video. */
  readonly clips?: ClipStore
  readonly core: EngineCore
  makeText(): OutputText
  tokenText(id: number): string
  /** Ends the workers. */
  close(): Promise<void>
}
