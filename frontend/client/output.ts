import type { GenerateResult } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import type { GenNode, JsonNode } from '../ir/node.js'

/** The answer of a Standard Schema validator, as far as it is read here. */
type Verdict =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }
export type Validator = (value: unknown) => Verdict | Promise<Verdict>

const ENDING_LENGTH = 80

/** The text of a JSON value without the reasoning before it; '' while the mark has not come. */
export function valueText(text: string, reasoningEnd: string | undefined): string {
  if (reasoningEnd === undefined) return text
  const mark = text.indexOf(reasoningEnd)
  return mark < 0 ? '' : text.slice(mark + reasoningEnd.length)
}

/**
 * Half a JSON value, or half of what a regex or grammar asked for, is no answer. Free text that was cut is, as is a
 * value that the engine closed. Throws PROGRAM_OUTPUT_TRUNCATED, with the partial text in its data, or
 * PROGRAM_OUTPUT_INVALID for what an engine found by validating.
 */
export function checkComplete(
  program: string,
  capture: string,
  node: GenNode | JsonNode,
  result: GenerateResult,
): void {
  const { text, finish, tokenIds, violations = [] } = result
  const isClosed = node.kind === 'json' && node.format.closeOnLength === true
  const isFree = node.kind === 'gen' && node.constraint === null
  if (finish === 'length' && !isFree && !isClosed) {
    const kind = node.kind === 'json' ? 'JSON' : `text for the ${node.constraint?.kind}`
    const ending = JSON.stringify(text.length > ENDING_LENGTH ? `...${text.slice(-ENDING_LENGTH)}` : text)
    throw new EngineError('PROGRAM_OUTPUT_TRUNCATED', { program, capture, kind, tokens: tokenIds.length, ending, text })
  }
  if (!isFree && typeof result.matchedStop === 'string') {
    const what = `the stop text ${JSON.stringify(result.matchedStop)} cut what the ${node.kind === 'json' ? 'schema' : node.constraint?.kind} asks for; leave "stop" out where a constraint says how the text ends.`
    throw new EngineError('PROGRAM_OUTPUT_INVALID', { program, capture, what, text })
  }
  if (violations.length === 0) return
  const what = violations.map(({ pointer, message }) => `${pointer || 'the value'} ${message}`).join('; ')
  throw new EngineError('PROGRAM_OUTPUT_INVALID', { program, capture, what: `${what}.`, text, violations })
}

/** The parsed value, passed through the validator if there is one. Throws PROGRAM_OUTPUT_INVALID. */
export async function readJson(
  program: string,
  capture: string,
  text: string,
  validator: Validator | null,
): Promise<unknown> {
  const value = parse(program, capture, text)
  if (validator === null) return value
  const verdict = await validator(value)
  if (verdict.issues === undefined) return verdict.value
  const what = verdict.issues.map(({ message, path = [] }) => `${pathText(path)}${message}`).join('; ')
  const data = { program, capture, what: `the validator refuses the value: ${what}.`, text, issues: verdict.issues }
  throw new EngineError('PROGRAM_OUTPUT_INVALID', data)
}

function parse(program: string, capture: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const what = `the text is no JSON: ${JSON.stringify(text.slice(0, ENDING_LENGTH))}.`
    throw new EngineError('PROGRAM_OUTPUT_INVALID', { program, capture, what, text }, { cause })
  }
}

/** 'items.0.price: ', from keys or { key } segments. */
function pathText(path: readonly unknown[]): string {
  const keys = path.map(each => (typeof each === 'object' && each !== null && 'key' in each ? each.key : each))
  return keys.length === 0 ? '' : `${keys.map(String).join('.')}: `
}
