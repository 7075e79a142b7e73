/**
 * A program as plain frozen data: one interface and one factory for each kind of node. The factories fix the order of
 * the keys, so that equal programs have equal JSON and equal hashes. They check nothing: verify.ts does.
 */
import { pickSampling, type SamplingOptions } from './options.js'

export const IR_VERSION = 1

export type Role = 'system' | 'user' | 'assistant'
export type InputType = 'text' | 'number' | 'image' | 'video'
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }
export type SelectMethod = 'token-length-normalized' | 'greedy-token' | 'unconditional-likelihood-normalized'

export type GenConstraint =
  | { readonly kind: 'regex'; readonly pattern: string; readonly flags: string }
  | { readonly kind: 'ebnf'; readonly grammar: string; readonly root: string | null }

export interface JsonFormat {
  /** Order of the keys of an object: as the schema lists them (default), or any. */
  readonly propertyOrder?: 'schema' | 'any'
  /** Default 'compact'. */
  readonly whitespace?: 'compact' | 'spaced' | { readonly indent: number } | { readonly max: number }
  /** What to do about a keyword that cannot be enforced while generating: refuse the schema (default), or enforce the rest and validate the finished value. */
  readonly unsupported?: 'refuse' | 'validate'
  /** Close the value by the shortest legal text when the token budget runs out inside it. Default false: the run fails. */
  readonly closeOnLength?: boolean
  /** The slot begins with free text, which ends with the first of this mark (say '</think>'); the value follows. It alone is captured. */
  readonly reasoningEnd?: string
}

export interface TextNode {
  readonly kind: 'text'
  readonly text: string
}
export interface InputNode {
  readonly kind: 'input'
  readonly name: string
}
export interface GenNode {
  readonly kind: 'gen'
  readonly name: string
  readonly sampling: SamplingOptions
  readonly constraint: GenConstraint | null
  /** How many alternatives to report for each token; null reports no probabilities. */
  readonly logprobs: number | null
}
export interface SelectNode {
  readonly kind: 'select'
  readonly name: string
  readonly choices: readonly string[]
  readonly method: SelectMethod
}
export interface JsonNode {
  readonly kind: 'json'
  readonly name: string
  readonly schema: JsonSchema
  readonly format: JsonFormat
  readonly sampling: SamplingOptions
  readonly logprobs: number | null
}
/** Text of an earlier capture. One name, or the way into a fork or repeat: ['notes', 'clarity', 'note']. */
export interface RefNode {
  readonly kind: 'ref'
  readonly path: readonly string[]
}
/** The captures of a fork or repeat as text, item after item. Items whose round did not run are left out. */
export interface JoinNode {
  readonly kind: 'join'
  readonly of: string
  readonly separator: string
  readonly items: readonly { readonly key: string; readonly content: readonly ContentNode[] }[]
}
export interface TurnNode {
  readonly kind: 'turn'
  readonly role: Role
  readonly content: readonly ContentNode[]
}
/** Branches start from the same conversation, do not see each other, and leave the conversation as it was. */
export interface ForkNode {
  readonly kind: 'fork'
  readonly name: string
  readonly branches: readonly { readonly key: string; readonly body: Body }[]
}
export interface WhenNode {
  readonly kind: 'when'
  readonly on: string
  readonly cases: readonly { readonly choice: string; readonly body: Body }[]
}
export interface RepeatNode {
  readonly kind: 'repeat'
  readonly name: string
  readonly atMost: number
  readonly until: { readonly capture: string; readonly is: string } | null
  /** One body for each round, or a single body that serves them all. */
  readonly rounds: readonly Body[]
}

export type SlotNode = GenNode | SelectNode | JsonNode
export type ContentNode = TextNode | InputNode | SlotNode | RefNode | JoinNode
export type BodyNode = TurnNode | ForkNode | WhenNode | RepeatNode
export type Node = ContentNode | BodyNode
export type Kind = Node['kind']
export type NodeOf<K extends Kind> = Extract<Node, { kind: K }>
export type Body = readonly BodyNode[]

export interface ProgramIr {
  readonly irVersion: typeof IR_VERSION
  readonly name: string
  readonly inputs: Readonly<Record<string, InputType>>
  readonly sampling: SamplingOptions
  readonly body: Body
}

export const textNode = (text: string): TextNode => Object.freeze({ kind: 'text', text })
export const inputNode = (name: string): InputNode => Object.freeze({ kind: 'input', name })
export const refNode = (path: readonly string[]): RefNode => freeze({ kind: 'ref', path: [...path] })

export function genNode(
  name: string,
  sampling: SamplingOptions = {},
  constraint: GenConstraint | null = null,
  logprobs: number | null = null,
): GenNode {
  return freeze({ kind: 'gen', name, sampling: keepUnknown(sampling), constraint, logprobs })
}

export function selectNode(
  name: string,
  choices: readonly string[],
  method: SelectMethod = 'token-length-normalized',
): SelectNode {
  return freeze({ kind: 'select', name, choices: [...choices], method })
}

export function jsonNode(
  name: string,
  schema: JsonSchema,
  format: JsonFormat = {},
  sampling: SamplingOptions = {},
  logprobs: number | null = null,
): JsonNode {
  const { propertyOrder, whitespace, unsupported, closeOnLength, reasoningEnd } = format
  const stored = dropUndefined({ propertyOrder, whitespace, unsupported, closeOnLength, reasoningEnd })
  const fields = { name, schema: structuredClone(schema), format: stored, sampling: keepUnknown(sampling), logprobs }
  return freeze({ kind: 'json', ...fields })
}

export function joinNode(of: string, items: JoinNode['items'], separator = '\n'): JoinNode {
  return freeze({
    kind: 'join',
    of,
    separator,
    items: items.map(({ key, content }) => ({ key, content: [...content] })),
  })
}

/** Neighbouring texts become one and empty texts vanish, so that equal turns have equal nodes. */
export function turnNode(role: Role, content: readonly ContentNode[]): TurnNode {
  return freeze({ kind: 'turn', role, content: mergeTexts(content) })
}

export function forkNode(name: string, branches: ForkNode['branches']): ForkNode {
  return freeze({ kind: 'fork', name, branches: branches.map(({ key, body }) => ({ key, body: [...body] })) })
}

export function whenNode(on: string, cases: WhenNode['cases']): WhenNode {
  return freeze({ kind: 'when', on, cases: cases.map(({ choice, body }) => ({ choice, body: [...body] })) })
}

/** Rounds that are all alike are stored once. */
export function repeatNode(
  name: string,
  atMost: number,
  until: RepeatNode['until'],
  rounds: readonly Body[],
): RepeatNode {
  const texts = new Set(rounds.map(round => JSON.stringify(round)))
  return freeze({ kind: 'repeat', name, atMost, until, rounds: texts.size === 1 ? rounds.slice(0, 1) : [...rounds] })
}

export function programIr(
  name: string,
  inputs: ProgramIr['inputs'],
  body: Body,
  sampling: SamplingOptions = {},
): ProgramIr {
  return freeze({
    irVersion: IR_VERSION,
    name,
    inputs: { ...inputs },
    sampling: keepUnknown(sampling),
    body: [...body],
  } satisfies ProgramIr)
}

/** The body that serves round `index` (0-based). */
export function roundBody(node: RepeatNode, index: number): Body {
  return node.rounds[Math.min(index, node.rounds.length - 1)] ?? []
}

export function isSlot(node: Node): node is SlotNode {
  return node.kind === 'gen' || node.kind === 'select' || node.kind === 'json'
}

export function mergeTexts(content: readonly ContentNode[]): ContentNode[] {
  const merged: ContentNode[] = []
  for (const node of content) {
    const last = merged.at(-1)
    if (node.kind !== 'text') merged.push(node)
    else if (last?.kind === 'text') merged[merged.length - 1] = textNode(last.text + node.text)
    else if (node.text !== '') merged.push(node)
  }
  return merged
}

/** Known options in the table's order, then whatever else came, for verify to name. */
function keepUnknown(sampling: SamplingOptions): SamplingOptions {
  return { ...pickSampling(sampling), ...dropUndefined({ ...sampling }) }
}

function dropUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** Freezes plain data all the way down; what is frozen already is taken as done. */
function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) freeze(inner)
  }
  return Object.freeze(value)
}
