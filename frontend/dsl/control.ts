import { describe } from '../ir/describe.js'
import {
  type Body,
  type ContentNode,
  forkNode,
  joinNode,
  mergeTexts,
  refNode,
  repeatNode,
  roundBody,
  whenNode,
} from '../ir/node.js'
import { capturedNames } from '../ir/visit.js'
import { DslError } from './problem.js'
import { holeNode } from './turn.js'
import type { BodyOf, Captures, CaseCaptures, Fork, PromptHole, Ref, Repeat, Slot, TypeMessage, When } from './types.js'

/**
 * Branches that all start from the conversation so far, run at the same time, do not see each other, and leave the
 * conversation as it was. Captured as an object with one entry for each key; join() brings their text back.
 *
 * @example fork('notes', ['clarity', 'evidence'], key => [user`Judge ${key}.`, assistant`${gen('note')}`])
 */
export function fork<N extends string, const K extends readonly string[], const B extends BodyOf>(
  name: N,
  keys: K,
  body: (key: K[number]) => B,
): Fork<N, K[number], Captures<B>> {
  return {
    ir: forkNode(
      name,
      keys.map(key => ({ key, body: bodyOf(`branch "${key}" of fork "${name}"`, body(key)) })),
    ),
  }
}

/**
 * The captures of a fork or repeat as text. `render` says what stands for one branch or round; by default one line
 * each, `key: text`. Rounds that did not run are left out.
 *
 * @example user`Notes: ${join(notes, (key, { note }) => [key, ' says ', note], { separator: '; ' })}`
 */
export function join<K extends string, C>(
  source: Fork<string, K, C> | Repeat<string, C>,
  render: (key: K, captures: { readonly [P in keyof C]: Ref<C[P]> }) => readonly PromptHole[] = renderLine,
  options: { readonly separator?: string } = {},
): Ref<string> {
  const { ir } = source
  const bodies: readonly { readonly key: string; readonly body: Body }[] =
    ir.kind === 'fork'
      ? ir.branches
      : Array.from({ length: ir.atMost }, (_, index) => ({
          key: String(index),
          body: roundBody(ir, index),
        }))
  const items = bodies.map(({ key, body }) => {
    const refs = capturedNames(body).map(name => [name, { ir: refNode([ir.name, key, name]) }])
    const holes = render(key as K, Object.fromEntries(refs))
    return { key, content: mergeTexts(holes.map((hole): ContentNode => holeNode(`join(${ir.name})`, hole))) }
  })
  return { ir: joinNode(ir.name, items, options.separator) }
}

/**
 * Goes on in one of several ways, by what a select chose. Every choice has a case; an empty one is []. The result is
 * a union that the choice narrows.
 *
 * @example when(kind, { receipt: [user`Which total?`, assistant`${gen('total')}`], label: [] })
 */
export function when<N extends string, V extends string, const B extends { readonly [K in V]: BodyOf }>(
  on: Slot<N, V>,
  cases: B & { readonly [K in Exclude<keyof B, V>]: TypeMessage<`"${K & string}" is not among the choices`> },
): When<CaseCaptures<N, B>> {
  const bodies = Object.entries<BodyOf>(cases)
  return {
    ir: whenNode(
      on.name,
      bodies.map(([choice, body]) => ({ choice, body: bodyOf(`case "${choice}" of when "${on.name}"`, body) })),
    ),
  }
}

/**
 * The same turns again and again, at most so many times, until a slot of the round says a certain text. `body` is
 * called once for each round when the program is made, with the round's number from 0. Captured as an array with one
 * entry for each round that ran.
 *
 * @example
 * const more = select('more', ['yes', 'no'])
 * repeat('tips', { atMost: 3, until: { slot: more, is: 'no' } }, () => [
 *   user`Give a tip. Is there another?`,
 *   assistant`${gen('tip', { stop: ['.'] })}. ${more}`,
 * ])
 */
export function repeat<N extends string, V extends string, const B extends BodyOf>(
  name: N,
  options: { readonly atMost: number; readonly until?: { readonly slot: Slot<string, V>; readonly is: NoInfer<V> } },
  body: (round: number) => B,
): Repeat<N, Captures<B>> {
  const { atMost, until } = options
  if (!Number.isSafeInteger(atMost) || atMost < 1 || atMost > 1000) {
    throw new DslError(`repeat "${name}": atMost is ${describe(atMost)}; it must be a whole number from 1 to 1000`)
  }
  const ending = until === undefined ? null : { capture: until.slot.name, is: until.is }
  const rounds = Array.from({ length: atMost }, (_, round) => bodyOf(`a round of repeat "${name}"`, body(round)))
  return { ir: repeatNode(name, atMost, ending, rounds) }
}

/** The nodes of a body. Throws a DslError for anything that no tag or control function made. */
export function bodyOf(place: string, body: BodyOf): Body {
  if (!Array.isArray(body)) throw new DslError(`${place} is ${describe(body)}; it must be an array of turns`)
  return (body as BodyOf).map((node, index) => {
    if (node?.ir !== undefined && ['turn', 'fork', 'when', 'repeat'].includes(node.ir.kind)) return node.ir
    throw new DslError(
      `${place}: item ${index} is ${describe(node)}; it must be system\`...\`, user\`...\`, assistant\`...\`, fork, when or repeat`,
    )
  })
}

function renderLine(key: string, captures: Readonly<Record<string, Ref<unknown>>>): PromptHole[] {
  const entries = Object.entries(captures)
  if (entries.length === 1) return [`${key}: `, ...entries.map(([, text]) => text)]
  return [`${key}: `, ...entries.flatMap(([name, text], index) => [`${index === 0 ? '' : ', '}${name} = `, text])]
}
