import type { Vocabulary } from '../protocol/vocabulary.js'

/**
 * Text of a growing list of tokens, a piece at a time. Bytes of an unfinished character are held back until the rest
 * comes; bytes that can be no character become U+FFFD. Special tokens have no text.
 */
export class TextStream {
  readonly #vocabulary: Pick<Vocabulary, 'bytes'>
  // The byte order mark is kept: it is text like any other here.
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(vocabulary: Pick<Vocabulary, 'bytes'>) {
    this.#vocabulary = vocabulary
  }

  /** The text that these tokens complete; often '' in the middle of a character. */
  push(ids: readonly number[]): string {
    let text = ''
    for (const id of ids) {
      const bytes = this.#vocabulary.bytes(id)
      if (bytes !== null) text += this.#decoder.decode(bytes, { stream: true })
    }
    return text
  }

  /** What was held back, as U+FFFD, or ''. The stream can go on with a fresh character afterwards. */
  flush(): string {
    return this.#decoder.decode()
  }
}
