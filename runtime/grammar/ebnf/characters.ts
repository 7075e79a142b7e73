import { complementRanges, type Range } from '../utf8-ranges.js'
import { invalidEbnf } from './syntax.js'

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  b: 0x08,
  f: 0x0c,
  v: 0x0b,
  a: 0x07,
  e: 0x1b,
  0: 0x00,
}
const NUMBERED_ESCAPES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

interface Read {
  readonly codePoint: number
  readonly end: number
}

/** The code point at `at`, which may be written as an escape. */
function readCharacter(source: string, at: number): Read {
  const codePoint = source.codePointAt(at)
  if (codePoint === undefined || codePoint === 0x0a || codePoint === 0x0d)
    throw invalidEbnf(source, at, 'the line ends before the closing quote or bracket; write \\n for a line end.')
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) throw invalidEbnf(source, at, 'a lone surrogate is no character.')
  if (codePoint !== 0x5c) return { codePoint, end: at + (codePoint > 0xffff ? 2 : 1) }
  const letter = source[at + 1] ?? ''
  const digits = NUMBERED_ESCAPES[letter]
  if (digits !== undefined) return readNumbered(source, at, digits)
  const simple = SIMPLE_ESCAPES[letter]
  if (simple !== undefined) return { codePoint: simple, end: at + 2 }
  if (/^[^\w\s]$/.test(letter)) return { codePoint: letter.charCodeAt(0), end: at + 2 }
  throw invalidEbnf(source, at, `\\${letter} is no escape; a backslash itself is written \\\\.`)
}

function readNumbered(source: string, at: number, digits: number): Read {
  const hex = source.slice(at + 2, at + 2 + digits)
  if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length !== digits)
    throw invalidEbnf(source, at, `\\${source[at + 1]} needs ${digits} hexadecimal digits.`)
  const codePoint = Number.parseInt(hex, 16)
  const end = at + 2 + digits
  if (codePoint >= 0xd800 && codePoint <= 0xdbff && digits === 4) {
    const low = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(source.slice(end, end + 6))
    if (low !== null) {
      return {
        codePoint: 0x10000 + ((codePoint - 0xd800) << 10) + (Number.parseInt(low[1]!, 16) - 0xdc00),
        end: end + 6,
      }
    }
  }
  if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff))
    throw invalidEbnf(source, at, `${source.slice(at, end)} is no Unicode character.`)
  return { codePoint, end }
}

/** The text between quotes; `at` is behind the opening one. */
export function readLiteral(source: string, at: number): { text: string; end: number } {
  let text = ''
  let offset = at
  while (source[offset] !== '"') {
    const read = readCharacter(source, offset)
    text += String.fromCodePoint(read.codePoint)
    offset = read.end
  }
  return { text, end: offset + 1 }
}

/** The set between brackets; `at` is behind the opening one. */
export function readClass(source: string, at: number): { ranges: Range[]; end: number } {
  const isNegated = source[at] === '^'
  let offset = isNegated ? at + 1 : at
  const ranges: Range[] = []
  while (source[offset] !== ']') {
    const low = readCharacter(source, offset)
    offset = low.end
    if (source[offset] !== '-' || source[offset + 1] === ']') {
      ranges.push([low.codePoint, low.codePoint])
      continue
    }
    const high = readCharacter(source, offset + 1)
    if (high.codePoint < low.codePoint)
      throw invalidEbnf(source, offset, `the range ${source.slice(at, high.end)} ends before it begins.`)
    ranges.push([low.codePoint, high.codePoint])
    offset = high.end
  }
  return { ranges: isNegated ? complementRanges(ranges) : ranges, end: offset + 1 }
}
