import type { Message } from '../../runtime/protocol/backend.js'

/** About as many characters as make a page of cached tokens; less text is recomputed faster than asked for. */
const FEWEST_CHARACTERS = 64

/** Whether a prefix is long enough that computing it once, ahead, pays for the extra request. A picture or a video always is. */
export function isWorthWarming(messages: readonly Message[]): boolean {
  let characters = 0
  for (const part of messages.flatMap(message => message.content)) {
    if (part.kind === 'image' || part.kind === 'video') return true
    characters += part.text.length
  }
  return characters >= FEWEST_CHARACTERS
}
