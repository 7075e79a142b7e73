import type { ContentPart, Message } from '../../runtime/protocol/backend.js'

/** A finished capture. `text` is null for forks and repeats, which have `inner` frames instead. */
export type Captured =
  | { readonly text: string; readonly value: unknown; readonly inner: null }
  | { readonly text: null; readonly value: unknown; readonly inner: ReadonlyMap<string, Frame> }

/** The state of one body while it runs: its conversation and what it has captured. Branches and rounds have their own. */
export class Frame {
  /** Closed messages; a fork's branches copy the list, a repeat's rounds share it. */
  readonly messages: Message[]
  readonly captures = new Map<string, Captured>()
  /** Place in the result: 'notes.clarity', '' at the top. */
  readonly path: string
  readonly #parent: Frame | null

  constructor(parent: Frame | null, path: string, messages: Message[]) {
    this.#parent = parent
    this.path = path
    this.messages = messages
  }

  branch(name: string, key: string): Frame {
    return new Frame(this, this.pathOf(`${name}.${key}`), [...this.messages])
  }

  round(name: string, index: number): Frame {
    return new Frame(this, this.pathOf(`${name}.${index}`), this.messages)
  }

  /** A copy that can fail without harm to this one. */
  attempt(): Frame {
    const copy = new Frame(this.#parent, this.path, [...this.messages])
    for (const [name, captured] of this.captures) copy.captures.set(name, captured)
    return copy
  }

  pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  find(name: string): Captured | undefined {
    return this.captures.get(name) ?? this.#parent?.find(name)
  }

  /** Text of a capture by its path; undefined when the branch or round that holds it did not make it. */
  textAt(path: readonly string[]): string | undefined {
    let captured = this.find(path[0] ?? '')
    for (let at = 1; at < path.length; at += 2) {
      captured = captured?.inner?.get(path[at]!)?.captures.get(path[at + 1] ?? '')
    }
    return captured?.text ?? undefined
  }

  values(): Record<string, unknown> {
    return Object.fromEntries([...this.captures].map(([name, { value }]) => [name, value]))
  }
}

/** Adds text, into the last part if that is text too. */
export function appendText(parts: ContentPart[], text: string): void {
  const last = parts.at(-1)
  if (text === '') return
  if (last?.kind === 'text') parts[parts.length - 1] = { kind: 'text', text: last.text + text }
  else parts.push({ kind: 'text', text })
}
