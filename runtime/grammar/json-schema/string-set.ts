import type { ExpressionId, ExpressionStore } from '../expression.js'
import { alphabetOf } from '../regex/alphabet.js'

/**
 * A set of strings: those with a number of code points from `min` to `max` whose JSON spelling is in `language`
 * (null: all are), but for those in `except`. When `values` is there, it is the set itself and the rest says nothing.
 */
export interface StringSet {
  readonly min: number
  readonly max: number
  /** Over the bytes between the quotes, in the spellings of the alphabet 'json-string'. */
  readonly language: ExpressionId | null
  readonly except: ReadonlySet<string>
  readonly values: ReadonlySet<string> | null
}

export const ALL_STRINGS: StringSet = {
  min: 0,
  max: Number.POSITIVE_INFINITY,
  language: null,
  except: new Set(),
  values: null,
}
export const NO_STRINGS: StringSet = { ...ALL_STRINGS, values: new Set() }

export function stringsOf(values: Iterable<string>): StringSet {
  return { ...ALL_STRINGS, values: new Set(values) }
}

export function stringsOfLength(min: number, max: number): StringSet {
  return min > max ? NO_STRINGS : { ...ALL_STRINGS, min, max }
}

export function stringsMatching(language: ExpressionId): StringSet {
  return { ...ALL_STRINGS, language }
}

export function isAllStrings(set: StringSet): boolean {
  return isCofinite(set) && set.except.size === 0
}

/** All strings but those in `except`. */
function isCofinite(set: StringSet): boolean {
  return set.values === null && set.language === null && set.min === 0 && set.max === Number.POSITIVE_INFINITY
}

/** Code points, as JSON Schema counts length. */
export function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** Surrogates are looked at one by one: only those without a partner have to be escaped. */
const NEEDS_ESCAPE = /[\p{Cc}"\\\p{Cs}]/u

export class StringSets {
  readonly #store: ExpressionStore
  readonly #any: ExpressionId
  readonly #anything: ExpressionId

  constructor(store: ExpressionStore) {
    this.#store = store
    const alphabet = alphabetOf(store, 'json-string')
    this.#any = alphabet.any
    this.#anything = alphabet.anything
  }

  intersect(a: StringSet, b: StringSet): StringSet {
    if (a.values !== null) return stringsOf([...a.values].filter(value => this.has(b, value)))
    if (b.values !== null) return this.intersect(b, a)
    const min = Math.max(a.min, b.min)
    const max = Math.min(a.max, b.max)
    if (min > max) return NO_STRINGS
    const language =
      a.language === null ? b.language : b.language === null ? a.language : this.#store.and(a.language, b.language)
    const except = a.except.size === 0 ? b.except : new Set([...a.except, ...b.except])
    return { min, max, language, except, values: null }
  }

  uniteAll(sets: readonly StringSet[]): StringSet {
    const values = new Set<string>()
    for (const set of sets) for (const value of set.values ?? []) values.add(value)
    return sets.filter(set => set.values === null).reduce((all, set) => this.unite(all, set), stringsOf(values))
  }

  unite(a: StringSet, b: StringSet): StringSet {
    if (isAllStrings(a) || isAllStrings(b)) return ALL_STRINGS
    if (a.values !== null && b.values !== null) return stringsOf([...a.values, ...b.values])
    if (a.values?.size === 0) return b
    if (b.values?.size === 0) return a
    if (isCofinite(a)) return this.#uniteCofinite(a, b)
    if (isCofinite(b)) return this.#uniteCofinite(b, a)
    return stringsMatching(this.#store.choice([this.language(a), this.language(b)]))
  }

  #uniteCofinite(a: StringSet, b: StringSet): StringSet {
    return { ...ALL_STRINGS, except: new Set([...a.except].filter(value => !this.has(b, value))) }
  }

  complement(set: StringSet): StringSet {
    if (isCofinite(set)) return stringsOf(set.except)
    if (set.values !== null) return { ...ALL_STRINGS, except: set.values }
    if (set.language === null && set.except.size === 0) {
      if (set.min === 0) return stringsOfLength(set.max + 1, Number.POSITIVE_INFINITY)
      if (set.max === Number.POSITIVE_INFINITY) return stringsOfLength(0, set.min - 1)
    }
    return stringsMatching(this.#store.and(this.#anything, this.#store.not(this.language(set))))
  }

  has(set: StringSet, value: string): boolean {
    if (set.values !== null) return set.values.has(value)
    if (set.except.has(value)) return false
    const length = countCodePoints(value)
    if (length < set.min || length > set.max) return false
    return set.language === null || this.matches(set.language, value)
  }

  /** Whether the JSON spelling of a string is in a language. */
  matches(language: ExpressionId, value: string): boolean {
    if (language === this.#anything) return true
    let state = language
    for (const byte of Buffer.from(JSON.stringify(value).slice(1, -1))) {
      const segments = this.#store.derivatives.segments(state)
      let target = this.#store.fail
      for (let at = 0; at < segments.length; at += 3)
        if (byte >= segments[at]! && byte <= segments[at + 1]!) target = segments[at + 2]!
      if (target === this.#store.fail) return false
      state = target
    }
    return this.#store.isNullable(state)
  }

  isEmpty(set: StringSet): boolean {
    if (set.values !== null) return set.values.size === 0
    if (set.language === null && (set.except.size === 0 || set.max > 0)) return false
    return this.#store.isEmptyLanguage(this.language(set))
  }

  /** All spellings of the strings, without the quotes, in the alphabet 'json-string'. */
  language(set: StringSet): ExpressionId {
    const store = this.#store
    if (set.values !== null) return store.choice([...set.values].map(value => this.spellings(value)))
    const counted = store.repeat(this.#any, set.min, set.max)
    const inside = set.language === null ? counted : this.#both(set.language, counted)
    if (set.except.size === 0) return inside
    return store.and(inside, store.not(this.language(stringsOf(set.except))))
  }

  #both(language: ExpressionId, counted: ExpressionId): ExpressionId {
    return counted === this.#anything ? language : this.#store.and(language, counted)
  }

  /** What to write: like `language`, but one spelling only for each listed value, and every escape where anything goes. */
  body(set: StringSet): ExpressionId {
    const store = this.#store
    if (set.values !== null)
      return store.choice([...set.values].map(value => store.literal(JSON.stringify(value).slice(1, -1))))
    if (set.language !== null || set.except.size > 0) return this.language(set)
    return store.repeat(store.stringCharacter ?? this.#any, set.min, set.max)
  }

  /** Every spelling of one string. */
  spellings(value: string): ExpressionId {
    const { character } = alphabetOf(this.#store, 'json-string')
    if (!NEEDS_ESCAPE.test(value)) return this.#store.literal(value)
    const parts = [...value].map(each => {
      const codePoint = each.codePointAt(0)!
      // A surrogate on its own has no UTF-8; its escape is its only spelling.
      return each.length === 1 && codePoint >= 0xd800 && codePoint <= 0xdfff
        ? this.#store.literal(JSON.stringify(each).slice(1, -1))
        : character([[codePoint, codePoint]])
    })
    return this.#store.sequence(...parts)
  }
}
