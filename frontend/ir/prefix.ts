import type { Body, ContentNode, Role, TurnNode } from './node.js'
import { isSlot, mergeTexts, textNode } from './node.js'

/** The start of a conversation: whole turns, and perhaps the beginning of one more. */
export type Prefix = readonly { readonly role: Role; readonly content: readonly ContentNode[] }[]

/**
 * What every run of this body sends first, as long as only the inputs in `known` have the same value each time.
 * Stops at the first thing that may differ: another input, a generation, a fork.
 */
export function constantPrefix(body: Body, known: ReadonlySet<string>): Prefix {
  const prefix: TurnNode[] = []
  for (const node of body) {
    if (node.kind !== 'turn' || node.role === 'assistant') break
    const end = node.content.findIndex(part => isSlot(part) || !(part.kind === 'text' || isKnown(part, known)))
    const content = end < 0 ? node.content : node.content.slice(0, end)
    if (content.length > 0) prefix.push({ ...node, content })
    if (end >= 0) break
  }
  return prefix
}

/** What all bodies begin with, down to the character: the part of a fork's prompts that is worth computing once. */
export function sharedPrefix(bodies: readonly Body[]): Prefix {
  const [first, ...others] = bodies
  if (first === undefined) return []
  const shared: { role: Role; content: readonly ContentNode[] }[] = []
  for (const [index, node] of first.entries()) {
    if (node.kind !== 'turn' || node.role === 'assistant') break
    let content: readonly ContentNode[] = node.content
    for (const other of others) {
      const twin = other[index]
      content = twin?.kind === 'turn' && twin.role === node.role ? sharedContent(content, twin.content) : []
    }
    if (content.length > 0) shared.push({ role: node.role, content })
    if (JSON.stringify(content) !== JSON.stringify(node.content)) break
    if (others.some(other => JSON.stringify(other[index]) !== JSON.stringify(node))) break
  }
  return shared
}

function sharedContent(left: readonly ContentNode[], right: readonly ContentNode[]): readonly ContentNode[] {
  const shared: ContentNode[] = []
  for (const [index, part] of left.entries()) {
    const twin = right[index]
    if (JSON.stringify(part) === JSON.stringify(twin)) {
      shared.push(part)
      continue
    }
    if (part.kind === 'text' && twin?.kind === 'text') shared.push(textNode(sharedText(part.text, twin.text)))
    break
  }
  return mergeTexts(shared)
}

function sharedText(left: string, right: string): string {
  let length = 0
  while (length < left.length && left[length] === right[length]) length++
  // Half a surrogate pair is no text: leave the whole character out.
  if (/[\uD800-\uDBFF]/.test(left[length - 1] ?? '')) length--
  return left.slice(0, length)
}

const isKnown = (part: ContentNode, known: ReadonlySet<string>): boolean =>
  part.kind === 'input' && known.has(part.name)
