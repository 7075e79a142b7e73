import { describe } from '../ir/describe.js'
import { type ContentNode, type Role, type TurnNode, textNode, turnNode } from '../ir/node.js'
import { DslError } from './problem.js'
import type {
  AnswerHole,
  AnswerHoles,
  InputHole,
  PromptHole,
  PromptHoles,
  Ref,
  Slot,
  Turn,
  TurnCaptures,
} from './types.js'

type AnyHole = PromptHole | AnswerHole | InputHole<'image' | 'video'>
type AnyHoles = readonly AnyHole[]

/** What the model is told before the conversation: system`You read documents.` Only as the first turn. */
export function system<const H extends AnyHoles>(
  strings: TemplateStringsArray,
  ...holes: H & PromptHoles<H>
): Turn<unknown> {
  return { ir: turnOf('system', strings, holes) }
}

/**
 * What the user says: user`${photo} What is the total?` Holds text, numbers, inputs, pictures and references. Text is
 * sent as it stands: line breaks and indentation inside the backticks are part of it.
 * A picture needs no separator: the checkpoint's chat template sets it off as it was trained.
 */
export function user<const H extends AnyHoles>(
  strings: TemplateStringsArray,
  ...holes: H & PromptHoles<H>
): Turn<unknown> {
  return { ir: turnOf('user', strings, holes) }
}

/**
 * What the model says: assistant`The total is ${gen('total', { maxTokens: 8 })}.` Text is put into the model's mouth
 * as it stands, spaces included; slots are generated where they stand, each continuing all that is before it.
 */
export function assistant<const H extends AnyHoles>(
  strings: TemplateStringsArray,
  ...holes: H & AnswerHoles<H>
): Turn<TurnCaptures<H>> {
  return { ir: turnOf('assistant', strings, holes) }
}

/** The turn behind a tag. Throws a DslError for a value that is no hole. */
export function turnOf(role: Role, strings: TemplateStringsArray, holes: readonly unknown[]): TurnNode {
  const content = strings.flatMap((text, index): ContentNode[] => {
    // A tag gets undefined for text with an escape that means nothing, such as \d; what was written is meant then.
    const written = textNode(text ?? strings.raw[index] ?? '')
    return index < holes.length ? [written, holeNode(`the ${role} turn`, holes[index])] : [written]
  })
  return turnNode(role, content)
}

/** The node that a hole stands for. Throws a DslError for a value that is no hole, such as undefined or an object. */
export function holeNode(place: string, hole: unknown): ContentNode {
  if (typeof hole === 'string') return textNode(hole)
  if (typeof hole === 'number' && Number.isFinite(hole)) return textNode(String(hole))
  if (isWrapper(hole)) return hole.ir
  throw new DslError(
    `a hole of ${place} is ${describe(hole)}; ` +
      'it can be a string, a number, an input, a slot (gen, select, json), ref(...) or join(...)',
  )
}

type Wrapper = Slot<string, unknown> | Ref<unknown> | InputHole<'text'>
const CONTENT_KINDS = new Set(['text', 'input', 'gen', 'select', 'json', 'ref', 'join'])

function isWrapper(value: unknown): value is Wrapper {
  if (typeof value !== 'object' || value === null || !('ir' in value)) return false
  const { ir } = value
  return typeof ir === 'object' && ir !== null && 'kind' in ir && CONTENT_KINDS.has(String(ir.kind))
}
