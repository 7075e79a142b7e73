import { describe } from '../ir/describe.js'
import type { JsonNode, JsonSchema } from '../ir/node.js'
import { closeObjects } from './close-objects.js'
import type { FromSchema, SchemaLiteral } from './infer.js'
import { DslError } from './problem.js'
import type { StandardResult, StandardSource } from './standard.js'

export type { StandardSource } from './standard.js'

/** A JSON Schema together with the type of the values that satisfy it. */
export interface LiteralSchema<T> {
  readonly kind: 'literal-schema'
  readonly schema: JsonSchema
  readonly value?: T
}

/** The type of the values of a schema made with schema(): type Receipt = SchemaValue<typeof receipt>. */
export type SchemaValue<S extends LiteralSchema<unknown>> = S extends LiteralSchema<infer T> ? T : never

export type Validator = (value: unknown) => StandardResult<unknown> | Promise<StandardResult<unknown>>

/**
 * A JSON Schema whose TypeScript type is read off the literal, for programs without a validator package.
 *
 * @example schema({ type: 'object', properties: { total: { type: 'number' } }, required: ['total'] })
 */
export function schema<const S extends SchemaLiteral | boolean>(literal: S): LiteralSchema<FromSchema<S>> {
  return { kind: 'literal-schema', schema: literal as JsonSchema }
}

// Beside the node, not in it: the node is plain data. A node that was loaded from JSON has none until it gets one.
const validators = new WeakMap<JsonNode, Validator>()

export function rememberValidator(node: JsonNode, source: StandardSource<unknown> | LiteralSchema<unknown>): void {
  if ('~standard' in source) validators.set(node, value => source['~standard'].validate(value))
}

export const validatorOf = (node: JsonNode): Validator | null => validators.get(node) ?? null

/** The JSON Schema of either kind of source, closed. Throws a DslError for a source that has none. */
export function schemaOf(name: string, source: StandardSource<unknown> | LiteralSchema<unknown>): JsonSchema {
  if (typeof source !== 'object' && typeof source !== 'function') throw noSchema(name, describe(source))
  if (source === null) throw noSchema(name, 'null')
  if (!('~standard' in source)) {
    if (source.kind !== 'literal-schema') throw noSchema(name, describe(source))
    return closeObjects(source.schema)
  }
  const { vendor, jsonSchema } = source['~standard']
  if (jsonSchema === undefined) {
    throw noSchema(name, `a ${vendor} schema without Standard JSON Schema (zod has it from 4.2)`)
  }
  try {
    // The round trip leaves plain data: converters attach symbols and functions to what they return.
    const { $schema: _, ...converted } = JSON.parse(JSON.stringify(jsonSchema.input({ target: 'draft-2020-12' })))
    return closeObjects(converted)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DslError(`json "${name}": ${vendor} cannot turn its schema into JSON Schema: ${reason}`, { cause: error })
  }
}

function noSchema(name: string, came: string): DslError {
  return new DslError(
    `json "${name}": the schema is ${came}; give schema({...}) or a value that implements both Standard Schema and Standard JSON Schema`,
  )
}
