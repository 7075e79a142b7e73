import { type CodePointSet, codePointSet, complementCodePoints } from './code-points.js'

export const DIGITS: CodePointSet = [[0x30, 0x39]]

export const WORD: CodePointSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]

/** WhiteSpace and LineTerminator of ECMA-262, sections 12.2 and 12.3. */
export const SPACES: CodePointSet = codePointSet([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])

/** What `.` refuses without the `s` flag. */
export const LINE_TERMINATORS: CodePointSet = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]

export const ANYTHING: CodePointSet = complementCodePoints([])

/** `\d`, `\W` and the like. */
export const CLASS_ESCAPES: Readonly<Record<string, CodePointSet>> = {
  d: DIGITS,
  D: complementCodePoints(DIGITS),
  w: WORD,
  W: complementCodePoints(WORD),
  s: SPACES,
  S: complementCodePoints(SPACES),
}

/**
 * Escapes of one control character. `\a` and `\e` are not ECMAScript, where they are an error under the `u` flag;
 * everybody who writes them means the bell and the escape character.
 */
export const CONTROL_ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  e: 0x1b,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
}
