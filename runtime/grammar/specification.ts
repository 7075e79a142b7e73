import type { Constraint, ConstraintKind, JsonOptions, JsonSchema, ReasoningGate } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'

/** The constraint in short form, as programs write it. */
export type ShortSpecification = ReasoningGate & ShortKind

type ShortKind =
  | ({ readonly jsonSchema: JsonSchema } & JsonOptions)
  | ({ readonly anyJson: true } & Pick<JsonOptions, 'whitespace'>)
  | { readonly regex: string }
  | { readonly ebnf: string; readonly root?: string }
  | { readonly choices: readonly string[] }
  | { readonly structuralTag: Pick<StructuralTag, 'structures' | 'triggers'> }

export type StructuralTag = Extract<ConstraintKind, { kind: 'structural-tag' }>
export type GrammarSpecification = Constraint | ShortSpecification

/** The constraint in the protocol's form. Throws GRAMMAR_INVALID when it is neither form or a field has the wrong type. */
export function normaliseSpecification(specification: GrammarSpecification): Constraint {
  if (typeof specification !== 'object' || specification === null)
    throw invalid(`A constraint is an object; ${JSON.stringify(specification) ?? typeof specification} came.`)
  const constraint = 'kind' in specification ? specification : withGate(lengthen(specification), specification)
  check(constraint)
  return constraint
}

/** The constraint behind the gate, if one is given. */
export function withGate(constraint: ConstraintKind, { reasoningEnd }: ReasoningGate): Constraint {
  return reasoningEnd === undefined ? constraint : { ...constraint, reasoningEnd }
}

function lengthen(short: ShortSpecification): ConstraintKind {
  if ('jsonSchema' in short) {
    const { jsonSchema, reasoningEnd: _, ...options } = short
    return { kind: 'json-schema', schema: jsonSchema, ...options }
  }
  if ('anyJson' in short) {
    return { kind: 'any-json', ...(short.whitespace === undefined ? {} : { whitespace: short.whitespace }) }
  }
  if ('regex' in short) return { kind: 'regex', pattern: short.regex }
  if ('ebnf' in short) {
    return { kind: 'ebnf', grammar: short.ebnf, ...(short.root === undefined ? {} : { root: short.root }) }
  }
  if ('choices' in short) return { kind: 'choices', choices: short.choices }
  if ('structuralTag' in short) return { kind: 'structural-tag', ...short.structuralTag }
  throw invalid(
    `A constraint has one of jsonSchema, anyJson, regex, ebnf, choices, structuralTag; this one has ${Object.keys(short).join(', ') || 'nothing'}.`,
  )
}

function check(constraint: Constraint): void {
  if (constraint.reasoningEnd !== undefined) {
    checkText('reasoningEnd', constraint.reasoningEnd)
    if (constraint.reasoningEnd === '') throw invalid('The field reasoningEnd of a constraint is empty.')
  }
  switch (constraint.kind) {
    case 'json-schema':
      if (typeof constraint.schema !== 'boolean' && !isRecord(constraint.schema))
        throw invalid('A JSON schema is an object or a boolean.')
      checkOneOf('propertyOrder', constraint.propertyOrder, ['schema', 'any'])
      checkOneOf('unsupported', constraint.unsupported, ['refuse', 'validate'])
      return
    case 'any-json':
      return
    case 'regex':
      checkText('pattern', constraint.pattern)
      return
    case 'ebnf':
      checkText('grammar', constraint.grammar)
      if (constraint.root !== undefined) checkText('root', constraint.root)
      return
    case 'choices':
      if (!Array.isArray(constraint.choices) || constraint.choices.length === 0)
        throw invalid('The choices must be a list of at least one text.')
      for (const [index, choice] of constraint.choices.entries()) checkText(`choices[${index}]`, choice)
      return
    case 'structural-tag':
      checkStructuralTag(constraint)
      return
    default:
      throw invalid(
        `The constraint kind ${JSON.stringify((constraint as { kind: unknown }).kind)} is unknown; json-schema, any-json, regex, ebnf, choices and structural-tag are known.`,
      )
  }
}

function checkStructuralTag(tag: StructuralTag): void {
  if (!Array.isArray(tag.structures) || tag.structures.length === 0)
    throw invalid('A structural tag needs a list of at least one structure {begin, schema, end}.')
  if (!Array.isArray(tag.triggers) || tag.triggers.length === 0)
    throw invalid('A structural tag needs a list of at least one trigger.')
  for (const [index, trigger] of tag.triggers.entries()) {
    checkText(`triggers[${index}]`, trigger)
    if (trigger === '') throw invalid(`triggers[${index}] of a structural tag is empty.`)
  }
  for (const [index, structure] of tag.structures.entries()) {
    if (!isRecord(structure)) throw invalid(`structures[${index}] of a structural tag must be {begin, schema, end}.`)
    checkText(`structures[${index}].begin`, structure.begin)
    checkText(`structures[${index}].end`, structure.end)
    if (typeof structure.schema !== 'boolean' && !isRecord(structure.schema))
      throw invalid(`structures[${index}].schema must be an object or a boolean.`)
  }
}

function checkText(field: string, value: unknown): void {
  if (typeof value !== 'string')
    throw invalid(`The field ${field} of a constraint must be a text; ${typeof value} came.`)
}

function checkOneOf(field: string, value: unknown, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value as string))
    throw invalid(`The field ${field} must be one of ${known.join(', ')}; ${JSON.stringify(value)} came.`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(what: string): EngineError {
  return new EngineError('GRAMMAR_INVALID', { what })
}
