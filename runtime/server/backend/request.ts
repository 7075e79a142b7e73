import type {
  Constraint,
  ConstraintKind,
  GenerateRequest,
  JsonSchema,
  LogprobOptions,
  SamplingParams,
  SelectRequest,
} from '../../protocol/backend.js'
import { Fields, invalid, isRecord, quote } from '../fields.js'
import { withoutUndefined } from '../sampling.js'
import { readPrompt } from './prompt.js'

/**
 * Requests of the Backend interface as they come off the wire: only shapes are checked here, so that nothing malformed
 * gets inside; ranges are the engine's to judge. All throw REQUEST_INVALID.
 */
export function readGenerateRequest(value: unknown): GenerateRequest {
  const fields = new Fields(value)
  const request = {
    ...readCommon(fields),
    prompt: readPrompt(new Fields(fields.raw('prompt') ?? null, 'prompt')),
    ...withoutUndefined({
      sampling: readSampling(fields.object('sampling')),
      constraint:
        fields.raw('constraint') === undefined ? undefined : readConstraint(fields.raw('constraint'), 'constraint'),
      logprobs: readLogprobs(fields.object('logprobs')),
      closeOnLength: fields.flag('closeOnLength'),
    }),
  }
  fields.finish()
  return request
}

export function readSelectRequest(value: unknown): SelectRequest {
  const fields = new Fields(value)
  const choices = fields.texts('choices')
  if (choices === undefined || choices.length === 0)
    throw invalid('"choices" must hold at least one string.', 'choices')
  const request = {
    ...readCommon(fields),
    prompt: readPrompt(new Fields(fields.raw('prompt') ?? null, 'prompt')),
    choices,
    ...withoutUndefined({
      method: fields.choice('method', [
        'token-length-normalized',
        'greedy-token',
        'unconditional-likelihood-normalized',
      ]),
    }),
  }
  fields.finish()
  return request
}

export function readConstraint(value: unknown, at = ''): Constraint {
  const fields = new Fields(value, at)
  const constraint = { ...readKind(fields), ...withoutUndefined({ reasoningEnd: fields.text('reasoningEnd') }) }
  fields.finish()
  return constraint
}

function readKind(fields: Fields): ConstraintKind {
  const kind = fields.choice('kind', ['json-schema', 'any-json', 'regex', 'ebnf', 'choices', 'structural-tag'])
  switch (kind) {
    case 'json-schema':
      return {
        kind,
        schema: readSchema(fields),
        ...withoutUndefined({
          propertyOrder: fields.choice('propertyOrder', ['schema', 'any']),
          whitespace: readWhitespace(fields),
          unsupported: fields.choice('unsupported', ['refuse', 'validate']),
        }),
      }
    case 'any-json':
      return { kind, ...withoutUndefined({ whitespace: readWhitespace(fields) }) }
    case 'regex':
      return { kind, pattern: required(fields, 'pattern', fields.text('pattern')) }
    case 'ebnf':
      return {
        kind,
        grammar: required(fields, 'grammar', fields.text('grammar')),
        ...withoutUndefined({ root: fields.text('root') }),
      }
    case 'choices':
      return { kind, choices: required(fields, 'choices', fields.texts('choices')) }
    case 'structural-tag':
      return {
        kind,
        triggers: required(fields, 'triggers', fields.texts('triggers')),
        structures: required(fields, 'structures', fields.list('structures')).map((item, index) => {
          const structure = new Fields(item, `${fields.path('structures')}[${index}]`)
          const begin = required(structure, 'begin', structure.text('begin'))
          const end = required(structure, 'end', structure.text('end'))
          const schema = readSchema(structure)
          structure.finish()
          return { begin, schema, end }
        }),
      }
    default:
      throw invalid(`"${fields.path('kind')}" is missing.`, fields.path('kind'))
  }
}

function readCommon(fields: Fields): Pick<GenerateRequest, 'id' | 'cacheSalt' | 'priority'> {
  return withoutUndefined({
    id: fields.text('id'),
    cacheSalt: fields.text('cacheSalt'),
    priority: fields.integer('priority'),
  })
}

function readSampling(fields: Fields | undefined): SamplingParams | undefined {
  if (fields === undefined) return undefined
  const sampling = withoutUndefined({
    maxTokens: fields.integer('maxTokens'),
    minTokens: fields.integer('minTokens'),
    temperature: fields.number('temperature'),
    topP: fields.number('topP'),
    topK: fields.integer('topK'),
    minP: fields.number('minP'),
    frequencyPenalty: fields.number('frequencyPenalty'),
    presencePenalty: fields.number('presencePenalty'),
    repetitionPenalty: fields.number('repetitionPenalty'),
    seed: fields.integer('seed'),
    stop: fields.texts('stop'),
    stopTokenIds: fields.integers('stopTokenIds'),
    ignoreEos: fields.flag('ignoreEos'),
    logitBias: readLogitBias(fields),
  })
  fields.finish()
  return sampling
}

function readLogitBias(fields: Fields): SamplingParams['logitBias'] {
  const value = fields.raw('logitBias')
  if (value === undefined) return undefined
  if (isRecord(value) && Object.values(value).every(bias => typeof bias === 'number')) {
    return value as Readonly<Record<number, number>>
  }
  throw invalid(
    `"${fields.path('logitBias')}" must be an object from token ids to numbers; got ${quote(value)}.`,
    fields.path('logitBias'),
  )
}

function readLogprobs(fields: Fields | undefined): LogprobOptions | undefined {
  if (fields === undefined) return undefined
  const logprobs = withoutUndefined({
    top: fields.integer('top', { min: 0 }),
    promptFrom: fields.integer('promptFrom', { min: 0 }),
  })
  fields.finish()
  return logprobs
}

function readSchema(fields: Fields): JsonSchema {
  const schema = fields.raw('schema')
  if (typeof schema === 'boolean' || isRecord(schema)) return schema
  throw invalid(
    `"${fields.path('schema')}" must be a JSON Schema (an object, true or false); got ${quote(schema)}.`,
    fields.path('schema'),
  )
}

function readWhitespace(fields: Fields): 'compact' | 'spaced' | { indent: number } | { max: number } | undefined {
  if (!isRecord(fields.raw('whitespace'))) return fields.choice('whitespace', ['compact', 'spaced'])
  const inner = fields.object('whitespace')!
  const indent = inner.integer('indent', { min: 0 })
  const max = inner.integer('max', { min: 0 })
  inner.finish()
  if (indent !== undefined && max === undefined) return { indent }
  if (max !== undefined && indent === undefined) return { max }
  throw invalid(`"${fields.path('whitespace')}" must hold either "indent" or "max".`, fields.path('whitespace'))
}

function required<Value>(fields: Fields, name: string, value: Value | undefined): Value {
  if (value === undefined) throw invalid(`"${fields.path(name)}" is missing.`, fields.path(name))
  return value
}
