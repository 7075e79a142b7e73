import type { Constraint, JsonOptions, JsonSchema } from '../protocol/backend.js'
import { Fields, invalid, isRecord, quote } from './fields.js'
import { withoutUndefined } from './sampling.js'

/** SGLang's spelling of "any JSON value" where a schema is expected. */
const ANY_JSON = '$$ANY$$'

/** OpenAI's response_format, plus SGLang's regex and ebnf and our choices. Throws REQUEST_INVALID when two are given. */
export function readOpenAiConstraint(fields: Fields): Constraint | undefined {
  return readOnly(fields, {
    response_format: readResponseFormat,
    regex: readRegex,
    ebnf: readEbnf,
    choices: readChoices,
  })
}

/** The constraints of SGLang's sampling_params, plus our choices. Throws REQUEST_INVALID when two are given. */
export function readNativeConstraint(fields: Fields): Constraint | undefined {
  return readOnly(fields, {
    json_schema: fields => readNativeSchema(fields),
    regex: readRegex,
    ebnf: readEbnf,
    structural_tag: fields =>
      readStructuralTag(new Fields(readJson(fields, 'structural_tag'), fields.path('structural_tag'))),
    choices: readChoices,
  })
}

type Reader = (fields: Fields) => Constraint | undefined

function readOnly(fields: Fields, readers: Readonly<Record<string, Reader>>): Constraint | undefined {
  const found: { name: string; constraint: Constraint }[] = []
  for (const [name, read] of Object.entries(readers)) {
    const constraint = fields.raw(name) === undefined ? undefined : read(fields)
    if (constraint !== undefined) found.push({ name, constraint })
  }
  if (found.length > 1) {
    const names = found.map(({ name }) => `"${fields.path(name)}"`).join(' and ')
    throw invalid(`One constraint a request: ${names} exclude each other.`, fields.path(found[1]!.name))
  }
  const constraint = found[0]?.constraint
  const reasoningEnd = fields.text('reasoning_end')
  if (reasoningEnd === undefined) return constraint
  const param = fields.path('reasoning_end')
  if (constraint === undefined) throw invalid(`"${param}" is of use only with a constraint, and none came.`, param)
  if (reasoningEnd === '') throw invalid(`"${param}" must not be empty.`, param)
  return { ...constraint, reasoningEnd }
}

function readResponseFormat(body: Fields): Constraint | undefined {
  const format = body.object('response_format')!
  const type = format.choice('type', ['text', 'json_object', 'json_schema', 'structural_tag'])
  if (type === undefined) throw invalid('"response_format.type" is missing.', 'response_format.type')
  if (type === 'structural_tag') return readStructuralTag(format)
  const schema = type === 'json_schema' ? format.object('json_schema') : undefined
  format.finish()
  if (type === 'text') return undefined
  if (type === 'json_object') return { kind: 'json-schema', schema: { type: 'object' } }
  if (schema === undefined) throw invalid('"response_format.json_schema" is missing.', 'response_format.json_schema')
  return readNamedSchema(schema)
}

/** OpenAI's {name, schema, strict}; every schema is enforced, so `strict` says nothing new. */
function readNamedSchema(named: Fields): Constraint {
  named.text('name')
  named.text('description')
  named.flag('strict')
  const schema = asSchema(named.raw('schema') ?? true, named.path('schema'))
  const options = readJsonOptions(named)
  named.finish()
  return { kind: 'json-schema', schema, ...options }
}

function readNativeSchema(fields: Fields): Constraint {
  const options = fields.object('json_options')
  const jsonOptions = options === undefined ? {} : readJsonOptions(options)
  options?.finish()
  if (fields.raw('json_schema') === ANY_JSON) return { kind: 'any-json', ...jsonOptions }
  return {
    kind: 'json-schema',
    schema: asSchema(readJson(fields, 'json_schema'), fields.path('json_schema')),
    ...jsonOptions,
  }
}

function readJsonOptions(fields: Fields): JsonOptions {
  return withoutUndefined({
    propertyOrder: fields.choice('property_order', ['schema', 'any']),
    whitespace: readWhitespace(fields),
    unsupported: fields.choice('unsupported', ['refuse', 'validate']),
  })
}

function readWhitespace(fields: Fields): JsonOptions['whitespace'] | undefined {
  const value = fields.raw('whitespace')
  if (value === undefined || value === 'compact' || value === 'spaced') return value
  if (isRecord(value)) {
    const inner = new Fields(value, fields.path('whitespace'))
    const indent = inner.integer('indent', { min: 0, max: 16 })
    const max = inner.integer('max', { min: 0, max: 64 })
    inner.finish()
    if (indent !== undefined && max === undefined) return { indent }
    if (max !== undefined && indent === undefined) return { max }
  }
  const param = fields.path('whitespace')
  throw invalid(`"${param}" must be "compact", "spaced", {"indent": n} or {"max": n}; got ${quote(value)}.`, param)
}

function readRegex(fields: Fields): Constraint {
  return { kind: 'regex', pattern: fields.text('regex')! }
}

function readEbnf(fields: Fields): Constraint {
  return { kind: 'ebnf', grammar: fields.text('ebnf')! }
}

function readChoices(fields: Fields): Constraint {
  const choices = fields.texts('choices')!
  if (choices.length === 0)
    throw invalid(`"${fields.path('choices')}" must hold at least one string.`, fields.path('choices'))
  return { kind: 'choices', choices }
}

function readStructuralTag(fields: Fields): Constraint {
  fields.choice('type', ['structural_tag'])
  const triggers = fields.texts('triggers')
  const structures = fields.list('structures')
  fields.finish()
  if (triggers === undefined || structures === undefined) {
    const missing = fields.path(triggers === undefined ? 'triggers' : 'structures')
    throw invalid(`"${missing}" is missing.`, missing)
  }
  return {
    kind: 'structural-tag',
    triggers,
    structures: structures.map((value, index) => {
      const structure = new Fields(value, `${fields.path('structures')}[${index}]`)
      const begin = structure.text('begin')
      const end = structure.text('end')
      const schema = asSchema(structure.raw('schema') ?? true, structure.path('schema'))
      structure.finish()
      if (begin === undefined || end === undefined) {
        const missing = structure.path(begin === undefined ? 'begin' : 'end')
        throw invalid(`"${missing}" is missing.`, missing)
      }
      return { begin, schema, end }
    }),
  }
}

/** SGLang sends nested JSON as a string; an object is taken as it is. */
function readJson(fields: Fields, name: string): unknown {
  const value = fields.raw(name)
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw invalid(`"${fields.path(name)}" is not JSON: ${what}.`, fields.path(name))
  }
}

function asSchema(value: unknown, param: string): JsonSchema {
  if (typeof value === 'boolean' || isRecord(value)) return value
  throw invalid(`"${param}" must be a JSON Schema (an object, true or false); got ${quote(value)}.`, param)
}
