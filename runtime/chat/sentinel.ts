import type { Message } from '../protocol/backend.js'

/** Something that stands in the template's input under a private name and is put back after rendering. */
export type Hidden =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly ids: readonly number[]; readonly leadsTurn: boolean }
  | { readonly kind: 'image' | 'video' }

/** What a rendered prompt is made of: the template's own text, and hidden things by number. */
export type RenderedPiece = { readonly template: string } | { readonly hidden: number }

/**
 * Names for the contents of messages while a template runs, so that nothing a user wrote can be read as template
 * syntax, special token or place of a picture. A name is a number between two private-use characters that occur in no
 * message and not in the template.
 */
export class Sentinels {
  readonly #mark: string
  readonly #hidden: Hidden[] = []

  constructor(messages: readonly Message[], templateText: string) {
    const texts = messages.flatMap(message => message.content.map(part => ('text' in part ? part.text : '')))
    const used = new Set([templateText, ...texts].flatMap(text => text.match(/[\ue000-\uf8ff]/g) ?? []))
    let code = 0xe000
    while (used.has(String.fromCharCode(code)) && code < 0xf8ff) code++
    this.#mark = String.fromCharCode(code)
  }

  get hidden(): readonly Hidden[] {
    return this.#hidden
  }

  hide(thing: Hidden): string {
    this.#hidden.push(thing)
    return `${this.#mark}${this.#hidden.length - 1}${this.#mark}`
  }

  /**
   * Hides a text and leaves the whitespace around it visible: templates trim it, and no special token is made of it.
   * A text of whitespace alone stays as it is.
   */
  hideText(text: string, ends: { readonly first: boolean; readonly last: boolean }): string {
    const core = text.trim()
    if (core === '') return text
    const start = ends.first ? text.length - text.trimStart().length : 0
    const end = ends.last ? text.trimEnd().length : text.length
    return text.slice(0, start) + this.hide({ kind: 'text', text: text.slice(start, end) }) + text.slice(end)
  }

  /** Cuts a rendered text at the names in it. */
  split(rendered: string): RenderedPiece[] {
    const pieces: RenderedPiece[] = []
    const pattern = new RegExp(`${this.#mark}(\\d+)${this.#mark}`, 'g')
    let start = 0
    for (const match of rendered.matchAll(pattern)) {
      if (match.index > start) pieces.push({ template: rendered.slice(start, match.index) })
      pieces.push({ hidden: Number(match[1]) })
      start = match.index + match[0].length
    }
    if (start < rendered.length) pieces.push({ template: rendered.slice(start) })
    return pieces
  }
}
