/** A scalar at the end of what was read; `value` is undefined when nothing is certain. */
export interface PartialScalar<Value> {
  readonly value: Value
  readonly end: number
  readonly isWhole: boolean
}

const PLAIN = /[^"\\]*/y
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[a-z]*/y
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null }

/** `at` is on the opening quote. Half of a surrogate pair at the cut is left out. */
export function readPartialString(text: string, at: number): PartialScalar<string> {
  let value = ''
  let offset = at + 1
  for (;;) {
    PLAIN.lastIndex = offset
    value += PLAIN.exec(text)![0]
    offset = PLAIN.lastIndex
    if (text[offset] === '"') return { value, end: offset + 1, isWhole: true }
    ESCAPE.lastIndex = offset
    const found = ESCAPE.exec(text)
    if (found === null) return { value: value.replace(/[\ud800-\udbff]$/, ''), end: text.length, isWhole: false }
    const [, code, letter] = found
    value += code === undefined ? (ESCAPES[letter!] ?? letter) : String.fromCharCode(Number.parseInt(code, 16))
    offset = ESCAPE.lastIndex
  }
}

/** A number stands as far as it is one: "1." and "1e" are 1 so far, "-" is nothing yet. */
export function readPartialNumber(text: string, at: number): PartialScalar<number | undefined> {
  NUMBER.lastIndex = at
  const found = NUMBER.exec(text)
  if (found === null) return { value: undefined, end: text.length, isWhole: false }
  const end = NUMBER.lastIndex
  const isCut = end < text.length && /[.eE\d+-]/.test(text[end]!)
  return { value: Number(found[0]), end, isWhole: !isCut }
}

export function readPartialWord(text: string, at: number): PartialScalar<boolean | null | undefined> {
  WORD.lastIndex = at
  const word = WORD.exec(text)![0]
  return { value: WORDS[word], end: WORD.lastIndex, isWhole: Object.hasOwn(WORDS, word) }
}
