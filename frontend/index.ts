/**
 * Radiant's front end: typed programs of prompts and generations, run on any Backend.
 *
 * @example
 * import { assistant, input, json, program, schema, user } from 'radiant'
 * import { createEngine } from 'radiant/engine'
 *
 * const Receipt = schema({
 *   type: 'object',
 *   properties: { merchant: { type: 'string' }, total: { type: 'number' } },
 *   required: ['merchant', 'total'],
 * })
 * const read = program('read', { photo: input.image() }, ({ photo }) => [
 *   user`${photo}Extract merchant, total as JSON.`,
 *   assistant`${json('receipt', Receipt)}`,
 * ])
 * const engine = await createEngine({ model: 'pocket' })
 * const { receipt } = await read.run(engine, { photo: 'receipt.png' }).result
 */

export type { PartialValue } from '../runtime/grammar/partial-value.js'
export type * from '../runtime/protocol/backend.js'
export { EngineError, type ErrorCode, type ErrorData } from '../runtime/protocol/error.js'
export type { BatchItem, BatchSettings } from './client/batch.js'
export { type HttpBackendOptions, httpBackend } from './client/http.js'
export type { Run, RunEvent } from './client/run.js'
export { type Session, type SessionOptions, session } from './client/session.js'
export type { RunUsage } from './client/usage.js'
export type { CaptureDetail } from './client/walk.js'
export { fork, join, repeat, when } from './dsl/control.js'
export type { FromSchema, SchemaLiteral } from './dsl/infer.js'
export { input } from './dsl/input.js'
export { image, type MediaHole, video } from './dsl/media.js'
export { type LiteralSchema, type SchemaValue, schema } from './dsl/schema.js'
export { type GenOptions, gen, type JsonSlotOptions, json, ref, type SelectOptions, select } from './dsl/slot.js'
export type { StandardSource } from './dsl/standard.js'
export { assistant, system, user } from './dsl/turn.js'
export type {
  Captures,
  Fork,
  ImageValue,
  InputHole,
  InputsOf,
  Node,
  Ref,
  Repeat,
  Slot,
  Turn,
  TypeMessage,
  VideoValue,
  When,
} from './dsl/types.js'
export type { ProgramIr } from './ir/node.js'
export type { SamplingOptions } from './ir/options.js'
export {
  type BatchOptions,
  loadProgram,
  type Program,
  type ProgramOptions,
  program,
  type RunOptions,
} from './program.js'
