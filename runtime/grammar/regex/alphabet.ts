import type { ExpressionId, ExpressionStore } from '../expression.js'
import { type CodePointSet, complementCodePoints, intersectCodePoints, subtractCodePoints } from './code-points.js'

/** How the characters of a matched text stand in the output: as UTF-8, or inside the quotes of a JSON string. */
export type AlphabetName = 'text' | 'json-string'

export interface Alphabet {
  /** One character out of a set. */
  character(set: CodePointSet): ExpressionId
  /** Any one character. */
  readonly any: ExpressionId
  /** Any text. */
  readonly anything: ExpressionId
}

/** U+0000 to U+001F, the quotation mark and the backslash: what JSON forbids raw (RFC 8259, section 7). */
const ESCAPED: CodePointSet = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]

const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
])

const cache = new WeakMap<ExpressionStore, Map<AlphabetName, Alphabet>>()

export function alphabetOf(store: ExpressionStore, name: AlphabetName): Alphabet {
  let known = cache.get(store)
  if (known === undefined) {
    known = new Map()
    cache.set(store, known)
  }
  let alphabet = known.get(name)
  if (alphabet === undefined) {
    alphabet = createAlphabet(store, name)
    known.set(name, alphabet)
  }
  return alphabet
}

function createAlphabet(store: ExpressionStore, name: AlphabetName): Alphabet {
  const characters = new Map<CodePointSet, ExpressionId>()
  const character = (set: CodePointSet): ExpressionId => {
    let id = characters.get(set)
    if (id === undefined) {
      id = name === 'text' ? store.codePoints(set) : jsonCharacter(store, set)
      characters.set(set, id)
    }
    return id
  }
  const any = character(complementCodePoints([]))
  return { character, any, anything: store.repeat(any, 0, Number.POSITIVE_INFINITY) }
}

/**
 * Each character has one set of spellings, which no other character shares, so that complements of languages over
 * these spellings mean complements of sets of strings: raw where JSON allows it, else every escape of it but
 * `\u0022` and `\u005c`.
 */
function jsonCharacter(store: ExpressionStore, set: CodePointSet): ExpressionId {
  const spellings = [store.codePoints(subtractCodePoints(set, ESCAPED))]
  const short: [number, number][] = []
  const digits = new Map<number, [number, number][]>()
  for (const [low, high] of intersectCodePoints(set, ESCAPED)) {
    for (let codePoint = low; codePoint <= high; codePoint++) {
      const letter = SHORT_ESCAPES.get(codePoint)?.charCodeAt(0)
      if (letter !== undefined) short.push([letter, letter])
      if (codePoint > 0x1f) continue
      const last = digits.get(codePoint >> 4) ?? []
      digits.set(codePoint >> 4, last)
      for (const digit of new Set([hexDigit(codePoint & 15), hexDigit(codePoint & 15).toUpperCase()]))
        last.push([digit.charCodeAt(0), digit.charCodeAt(0)])
    }
  }
  if (short.length > 0) spellings.push(store.sequence(store.literal('\\'), store.byteClass(short)))
  for (const [first, last] of digits)
    spellings.push(store.sequence(store.literal(`\\u00${hexDigit(first)}`), store.byteClass(last)))
  return store.choice(spellings)
}

function hexDigit(value: number): string {
  return value.toString(16)
}
