import { EngineError } from '../../protocol/error.js'
import { ExpressionStore } from '../expression.js'
import { compileRegex } from '../regex/compile.js'
import { compileFormat, isKnownFormat } from './formats/index.js'
import { StringSets } from './string-set.js'

type Check = (value: string) => boolean

/** Patterns and formats as predicates over finished strings, with the meaning that masks give them. */
export class StringChecks {
  #store = new ExpressionStore()
  readonly #patterns = new Map<string, Check>()
  readonly #formats = new Map<string, Check>()

  /** Whether the pattern matches somewhere. What no automaton does is left to the engine's own RegExp. */
  matches(pattern: string, value: string): boolean {
    let check = this.#patterns.get(pattern)
    if (check === undefined) {
      check = this.#compilePattern(pattern)
      this.#patterns.set(pattern, check)
    }
    return check(value)
  }

  hasFormat(format: string, value: string): boolean {
    if (!isKnownFormat(format)) return true
    let check = this.#formats.get(format)
    if (check === undefined) {
      check = this.#checkLanguage(store => compileFormat(store, format))
      this.#formats.set(format, check)
    }
    return check(value)
  }

  #compilePattern(pattern: string): Check {
    try {
      return this.#checkLanguage(store => compileRegex(store, pattern, { anchored: false, alphabet: 'json-string' }))
    } catch (error) {
      if (!EngineError.isInstance(error)) throw error
      const native = new RegExp(pattern, 'u')
      return value => native.test(value)
    }
  }

  /** The store forgets its states between strings once they take up room. */
  #checkLanguage(compile: (store: ExpressionStore) => number): Check {
    let store = this.#store
    let language = compile(store)
    return value => {
      if (store.size > 50_000) {
        if (this.#store === store) this.#store = new ExpressionStore()
        store = this.#store
        language = compile(store)
      }
      return new StringSets(store).matches(language, value)
    }
  }
}
