import { EngineError } from '../../protocol/error.js'

/** A pattern and how far it is read. */
export class RegexReader {
  readonly pattern: string
  /** In UTF-16 units. */
  position = 0

  constructor(pattern: string) {
    this.pattern = pattern
  }

  get isAtEnd(): boolean {
    return this.position >= this.pattern.length
  }

  sees(text: string): boolean {
    return this.pattern.startsWith(text, this.position)
  }

  take(text: string): boolean {
    if (!this.sees(text)) return false
    this.position += text.length
    return true
  }

  /** Reads one code point. Must not be at the end. */
  next(): number {
    const codePoint = this.pattern.codePointAt(this.position)!
    this.position += codePoint > 0xffff ? 2 : 1
    return codePoint
  }

  /** Reads what a sticky expression matches here. */
  match(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.position
    const found = sticky.exec(this.pattern)
    if (found !== null) this.position += found[0].length
    return found
  }

  invalid(what: string, position = this.position): EngineError {
    return new EngineError('GRAMMAR_INVALID', {
      kind: 'regex',
      what: `The regex /${this.pattern}/ is wrong at position ${position}: ${what}.`,
      pattern: this.pattern,
      position,
    })
  }

  unsupported(feature: string, position = this.position): EngineError {
    return new EngineError('GRAMMAR_UNSUPPORTED', {
      kind: 'regex',
      what: `/${this.pattern}/ uses at position ${position} ${feature}`,
      pattern: this.pattern,
      position,
      feature,
    })
  }
}
