import { CLASS_ESCAPES, CONTROL_ESCAPES } from './classes.js'
import { type CodePointSet, codePointSet, complementCodePoints } from './code-points.js'
import { unicodeProperty } from './properties.js'
import type { RegexReader } from './reader.js'

/** Reads after a backslash outside of brackets. */
export function readClassEscape(reader: RegexReader): CodePointSet {
  const start = reader.position - 1
  if (reader.sees('k<')) throw reader.unsupported('a backreference', start)
  if (/[1-9]/.test(reader.pattern.charAt(reader.position))) throw reader.unsupported('a backreference', start)
  return readEscape(reader)
}

/** Reads after a `[` and past its `]`. The set is that of the members; whether it is negated is said apart. */
export function readClass(reader: RegexReader): { readonly set: CodePointSet; readonly negated: boolean } {
  const opening = reader.position - 1
  const negated = reader.take('^')
  const ranges: (readonly [number, number])[] = []
  while (!reader.take(']')) {
    if (reader.isAtEnd) throw reader.invalid('a "[" is never closed', opening)
    const start = reader.position
    const low = readMember(reader)
    const isRange = reader.sees('-') && !reader.sees('-]') && reader.position + 1 < reader.pattern.length
    if (!isRange || isWide(low)) {
      // A dash after a whole class, as in [\w-.], can only be meant literally.
      ranges.push(...low)
      continue
    }
    reader.take('-')
    const high = readMember(reader)
    if (isWide(high)) ranges.push(...low, [0x2d, 0x2d], ...high)
    else if (high[0]![0] < low[0]![0]) throw reader.invalid('a range is out of order', start)
    else ranges.push([low[0]![0], high[0]![0]])
  }
  return { set: codePointSet(ranges), negated }
}

function isWide(set: CodePointSet): boolean {
  return set.length !== 1 || set[0]![0] !== set[0]![1]
}

function readMember(reader: RegexReader): CodePointSet {
  if (!reader.take('\\')) return single(reader.next())
  if (reader.take('b')) return single(0x08)
  return readEscape(reader)
}

function readEscape(reader: RegexReader): CodePointSet {
  const start = reader.position - 1
  if (reader.isAtEnd) throw reader.invalid('a backslash ends the pattern', start)
  const letter = reader.pattern[reader.position]!
  const named = CLASS_ESCAPES[letter]
  if (named !== undefined) {
    reader.take(letter)
    return named
  }
  const control = CONTROL_ESCAPES[letter]
  if (control !== undefined) {
    reader.take(letter)
    return single(control)
  }
  if (letter === 'p' || letter === 'P') return readProperty(reader, start)
  const codePoint = readNumericEscape(reader, start)
  if (codePoint !== null) return single(codePoint)
  if (/[A-Za-z]/.test(letter)) throw reader.unsupported(`the escape "\\${letter}", which is not ECMAScript`, start)
  if (/[1-9]/.test(letter)) throw reader.unsupported('an octal escape', start)
  return single(reader.next())
}

/** `\0`, `\cX`, `\xHH`, `\uHHHH` (two of them where they are a surrogate pair) and `\u{...}`. */
function readNumericEscape(reader: RegexReader, start: number): number | null {
  if (reader.match(/0(?![0-9])/y) !== null) return 0
  if (reader.sees('0')) throw reader.unsupported('an octal escape', start)
  const control = reader.match(/c([A-Za-z])/y)
  if (control !== null) return control[1]!.charCodeAt(0) & 31
  const pair = reader.match(/u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/y)
  if (pair !== null) return String.fromCharCode(hex(pair[1]), hex(pair[2])).codePointAt(0)!
  const short = reader.match(/x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]+)\}/y)
  if (short !== null) {
    const codePoint = hex(short[1] ?? short[2] ?? short[3])
    if (codePoint > 0x10ffff) throw reader.invalid('a code point is above U+10FFFF', start)
    return codePoint
  }
  if (reader.sees('x') || reader.sees('u') || reader.sees('c')) throw reader.invalid('an escape is cut short', start)
  return null
}

function readProperty(reader: RegexReader, start: number): CodePointSet {
  const found = reader.match(/([pP])\{([^}]*)\}/y)
  if (found === null) throw reader.invalid('\\p needs a property in braces', start)
  const set = unicodeProperty(found[2]!)
  if (set === null) throw reader.invalid(`there is no Unicode property "${found[2]}"`, start)
  return found[1] === 'P' ? complementCodePoints(set) : set
}

function single(codePoint: number): CodePointSet {
  return [[codePoint, codePoint]]
}

function hex(digits: string | undefined): number {
  return Number.parseInt(digits ?? '', 16)
}
