import { readPartialNumber, readPartialString, readPartialWord } from './partial-scalar.js'

/** What an unfinished JSON text says so far. */
export interface PartialValue {
  /**
   * The value as far as it is certain: an unfinished string is cut, a number stands as far as it is one, unfinished
   * keys and keywords are left out. Undefined when nothing is known.
   */
  readonly value: unknown
  /** Keys and indices, from the outside in, of the innermost value that has begun and is not finished. */
  readonly path: readonly (string | number)[]
  /** The text is one whole value. A number is, at the end of the text, though it may still grow. */
  readonly complete: boolean
}

interface Frame {
  readonly container: unknown[] | Record<string, unknown>
  /** Key or index of the member that is being written. */
  key: string | number
}

const WHITESPACE = /[ \t\n\r]*/y

/** Reads the beginning of a JSON text. Never throws; text that is no JSON is read as far as it is. */
export function partialValue(text: string): PartialValue {
  return new PartialReader(text).read()
}

/** Keeps the open containers in a list of its own, so that no nesting is too deep for the call stack. */
class PartialReader {
  readonly #text: string
  readonly #frames: Frame[] = []
  /** Keys of members whose value has begun; runs along with the frames. */
  readonly #path: (string | number)[] = []
  #at = 0
  #root: unknown
  /** The value that was begun last is a container, and nothing of its inside was read. */
  #isJustOpened = false

  constructor(text: string) {
    this.#text = text
  }

  read(): PartialValue {
    const isWhole = this.#run() && this.#skip() === undefined
    return { value: this.#root, path: this.#path, complete: isWhole }
  }

  /** False when the text ends, or stops being JSON, inside the value. */
  #run(): boolean {
    while (this.#beginValue()) {
      let isOpen = this.#isJustOpened
      for (;;) {
        const frame = this.#frames.at(-1)
        if (frame === undefined) return true
        const mark = this.#skip()
        if (mark === (Array.isArray(frame.container) ? ']' : '}')) {
          this.#at++
          this.#frames.pop()
          if (!isOpen) this.#path.pop()
          isOpen = false
          continue
        }
        if (!isOpen) {
          if (mark !== ',') return false
          this.#at++
          this.#path.pop()
        }
        if (!this.#beginMember(frame)) return false
        break
      }
    }
    return false
  }

  /** Reads a scalar, or the opening of a container; false when the text ends in it or it is none. */
  #beginValue(): boolean {
    const mark = this.#skip()
    this.#isJustOpened = mark === '{' || mark === '['
    if (this.#isJustOpened) {
      const container = mark === '{' ? {} : []
      this.#at++
      this.#assign(container)
      this.#frames.push({ container, key: -1 })
      return true
    }
    if (mark === undefined) return false
    const read =
      mark === '"'
        ? readPartialString
        : mark === '-' || (mark >= '0' && mark <= '9')
          ? readPartialNumber
          : readPartialWord
    const { value, end, isWhole } = read(this.#text, this.#at)
    if (value !== undefined) this.#assign(value)
    this.#at = end
    return isWhole
  }

  /** Goes to the next member of the container: in an object, past its key and colon. */
  #beginMember(frame: Frame): boolean {
    if (Array.isArray(frame.container)) {
      frame.key = (frame.key as number) + 1
      if (this.#skip() === undefined) return false
    } else {
      if (this.#skip() !== '"') return false
      const { value, end, isWhole } = readPartialString(this.#text, this.#at)
      if (!isWhole) return false
      this.#at = end
      if (this.#skip() !== ':') return false
      this.#at++
      frame.key = value
    }
    this.#path.push(frame.key)
    return true
  }

  #assign(value: unknown): void {
    const frame = this.#frames.at(-1)
    if (frame === undefined) this.#root = value
    // Assignment would set the prototype for the key "__proto__"; JSON.parse makes a member of it.
    else
      Object.defineProperty(frame.container, frame.key, { value, configurable: true, enumerable: true, writable: true })
  }

  /** The next character that is no whitespace. */
  #skip(): string | undefined {
    WHITESPACE.lastIndex = this.#at
    WHITESPACE.test(this.#text)
    this.#at = WHITESPACE.lastIndex
    return this.#text[this.#at]
  }
}
