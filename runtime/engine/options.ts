import { EngineError } from '../protocol/error.js'
import type { PromptIds } from './prompt-builder.js'
import type { OptionTokens } from './select-task.js'

export interface EncodedOptions {
  /** What all options share: the prompt, perhaps without its last tokens, perhaps with the options' first. */
  readonly prefix: PromptIds
  readonly options: readonly OptionTokens[]
  /** By option: its tokens after the prompt's own; null when the option changed the prompt's last tokens. */
  readonly continuations: readonly (readonly number[] | null)[]
}

/** Each is encoded with the whole prompt and computed by itself. */
const MOST_CHOICES = 1024

/**
 * Options in tokens. Each is encoded together with the prompt and compared from the first token on in which any two
 * differ, so that a token that reaches across the end of the prompt is scored as the model would write it.
 * @param encode ids of the prompt followed by a text.
 * @throws EngineError REQUEST_INVALID for no options, an empty one, or two that are equal.
 */
export function encodeOptions(choices: readonly string[], encode: (ending: string) => PromptIds): EncodedOptions {
  if (choices.length === 0) throw refuse('A select needs at least one choice.')
  if (choices.some(choice => typeof choice !== 'string' || choice === ''))
    throw refuse('A choice must be a text that is not empty.')
  if (choices.length > MOST_CHOICES)
    throw refuse(`A select takes at most ${MOST_CHOICES} choices; ${choices.length} came.`)
  const seen = new Set<string>()
  const twice = choices.find(choice => seen.size === seen.add(choice).size)
  if (twice !== undefined) throw refuse(`The choice ${JSON.stringify(twice)} stands twice.`)
  const prompt = encode('')
  const encoded = choices.map(choice => encode(choice).ids)
  const shortest = Math.min(...encoded.map(ids => ids.length))
  let shared = 0
  // Every option keeps a token of its own, else there would be nothing to score it by.
  while (shared < shortest - 1 && encoded.every(ids => ids[shared] === encoded[0]![shared])) shared++
  if (choices.length === 1) shared = Math.min(shared, prompt.ids.length)
  if (shared === 0) throw refuse('A select needs a prompt of at least one token.')
  return {
    prefix: { ...prompt, ids: encoded[0]!.slice(0, shared) },
    options: choices.map((choice, index) => ({ choice, ids: encoded[index]!.slice(shared) })),
    continuations: encoded.map(ids =>
      prompt.ids.every((id, at) => ids[at] === id) ? ids.slice(prompt.ids.length) : null,
    ),
  }
}

function refuse(what: string): EngineError {
  return new EngineError('REQUEST_INVALID', { what })
}
