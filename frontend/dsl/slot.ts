import {
  type GenConstraint,
  genNode,
  type JsonFormat,
  jsonNode,
  refNode,
  type SelectMethod,
  selectNode,
} from '../ir/node.js'
import type { SamplingOptions } from '../ir/options.js'
import { DslError } from './problem.js'
import { type LiteralSchema, rememberValidator, type StandardSource, schemaOf } from './schema.js'
import type { Ref, Slot, TypeMessage } from './types.js'

export interface GenOptions extends SamplingOptions {
  /** The whole capture matches this regular expression. Flags that change what matches, such as `i`, are refused. */
  readonly regex?: RegExp | string
  /** The whole capture is derived from this grammar; `root` names its first rule, `root` by default. */
  readonly ebnf?: string | { readonly grammar: string; readonly root: string }
  /** Report each token's log-probability with this many alternatives, under `run.details`. Unset: none. */
  readonly logprobs?: number
}

export interface JsonSlotOptions extends SamplingOptions, JsonFormat {
  /** Report each token's log-probability with this many alternatives, under `run.details`. Unset: none. */
  readonly logprobs?: number
}

export interface SelectOptions {
  /** How the choices are compared. Default 'token-length-normalized': by the mean log-probability of their tokens. */
  readonly method?: SelectMethod
}

/**
 * Free text, up to the end of the turn, a stop string or `maxTokens`. Captured as a string.
 *
 * @example assistant`The total is ${gen('total', { regex: /\d+\.\d\d/ })}.`
 */
export function gen<N extends string>(name: N, options: GenOptions = {}): Slot<N, string> {
  const { regex, ebnf, logprobs, ...sampling } = options
  if (regex !== undefined && ebnf !== undefined) {
    throw new DslError(`gen "${name}" has both a regex and an ebnf; give one of them`)
  }
  return { name, ir: genNode(name, sampling, constraintOf(regex, ebnf), logprobs ?? null) }
}

/**
 * The likeliest of the choices, found by scoring all of them, not by sampling. Captured as one of the choices.
 *
 * @example const kind = select('kind', ['receipt', 'label', 'price tag'])
 */
export function select<N extends string, const C extends readonly string[]>(
  name: N,
  choices: C & (C extends readonly [] ? TypeMessage<'a select needs at least one choice'> : unknown),
  options: SelectOptions = {},
): Slot<N, C[number]> {
  return { name, ir: selectNode(name, choices, options.method) }
}

/**
 * A JSON value that satisfies the schema; nothing else can be generated. The schema is `schema({...})`, or a value
 * that implements both Standard Schema and Standard JSON Schema (zod from 4.2, ...), whose validator then runs on the
 * parsed value, so that its transforms apply. Objects take no further keys unless the schema says so.
 *
 * @example assistant`${json('receipt', z.object({ merchant: z.string(), total: z.number() }))}`
 */
export function json<N extends string, T>(
  name: N,
  schema: StandardSource<T> | LiteralSchema<T>,
  options: JsonSlotOptions = {},
): Slot<N, T> {
  const { propertyOrder, whitespace, unsupported, closeOnLength, reasoningEnd, logprobs, ...sampling } = options
  const format = { propertyOrder, whitespace, unsupported, closeOnLength, reasoningEnd }
  const ir = jsonNode(name, schemaOf(name, schema), format as JsonFormat, sampling, logprobs ?? null)
  rememberValidator(ir, schema)
  return { name, ir }
}

/**
 * The text of an earlier capture, once more: user`You said ${ref(answer)}. Why?` A JSON capture is repeated as the
 * text that was generated.
 */
export function ref<T>(slot: Slot<string, T>): Ref<T> {
  return { ir: refNode([slot.name]) }
}

function constraintOf(regex: GenOptions['regex'], ebnf: GenOptions['ebnf']): GenConstraint | null {
  if (typeof regex === 'string') return { kind: 'regex', pattern: regex, flags: '' }
  if (regex !== undefined) return { kind: 'regex', pattern: regex.source, flags: regex.flags }
  if (typeof ebnf === 'string') return { kind: 'ebnf', grammar: ebnf, root: null }
  return ebnf === undefined ? null : { kind: 'ebnf', grammar: ebnf.grammar, root: ebnf.root }
}
