import type { ExpressionId } from '../../expression.js'
import { alphabetOf } from '../../regex/alphabet.js'
import {
  type CodePointSet,
  codePointSet,
  intersectCodePoints,
  subtractCodePoints,
  uniteCodePoints,
} from '../../regex/code-points.js'
import { unicodeProperty } from '../../regex/properties.js'
import { HOSTNAME, HOSTNAME_LENGTH } from './hosts.js'
import type { FormatTools } from './index.js'
import { validCodePoints } from './valid-code-points.js'

/** With so many units after the first a label fits the 63 octets of an A-label, whatever its characters are. */
const MORE_UNITS = 9
/** Four labels of that length fit 253 octets. */
const MORE_LABELS = 3

/** Blocks of scripts that run from right to left. */
const RIGHT_TO_LEFT: CodePointSet = codePointSet([
  [0x590, 0x8ff],
  [0xfb1d, 0xfdff],
  [0xfe70, 0xfeff],
  [0x10800, 0x10fff],
  [0x1e800, 0x1efff],
])
/** Valid next to certain others alone (appendix A of RFC 5892). */
const CONTEXTUAL: CodePointSet = codePointSet([
  [0xb7, 0xb7],
  [0x375, 0x375],
  [0x5f3, 0x5f4],
  [0x660, 0x669],
  [0x6f0, 0x6f9],
  [0x200c, 0x200d],
  [0x30fb, 0x30fb],
])
const EXTENDED_DIGITS: CodePointSet = [[0x6f0, 0x6f9]]

const VIRAMA = '[\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D4D\\u0DCA\\u0F84\\u1039\\u17D2]'
/** Arabic letters that join on both sides, and those that join to the letter before them. */
const JOINS_BOTH = '\\u0626\\u0628\\u062A-\\u062E\\u0633-\\u063F\\u0641-\\u0647\\u0649\\u064A'
const JOINS_BACK = `${JOINS_BOTH}\\u0622-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648`
const KANA = '\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Han}'

/**
 * Names of ASCII labels as in `hostname`, and names with U-labels (RFC 5890 to 5893) as far as an automaton can count
 * their octets: up to four labels of some ten characters, all of which run in one direction, without two hyphens in
 * a row.
 */
export function internationalHostname(tools: FormatTools): ExpressionId {
  const { store, pattern, length } = tools
  const dot = pattern('[.\\u3002\\uFF0E\\uFF61]')
  const plain = pattern(HOSTNAME.replaceAll('\\.', '[.\\u3002\\uFF0E\\uFF61]'))
  const ascii = store.and(plain, length(1, HOSTNAME_LENGTH))
  const names = [leftToRight(tools), rightToLeft(tools)].map(label =>
    store.sequence(label, store.repeat(store.sequence(dot, label), 0, MORE_LABELS)),
  )
  return store.choice([ascii, ...names])
}

function leftToRight(tools: FormatTools): ExpressionId {
  const { store, pattern } = tools
  const allowed = subtractCodePoints(validCodePoints(), uniteCodePoints(RIGHT_TO_LEFT, CONTEXTUAL, [[0x2d, 0x2d]]))
  const { letters, marks } = split(tools, uniteCodePoints(allowed, EXTENDED_DIGITS))
  const dotted = store.choice([pattern('l\\u00B7l'), pattern('\\u0375[\\u0391-\\u03A9\\u03B1-\\u03C9]')])
  const joined = pattern(`${VIRAMA}[\\u200C\\u200D]`)
  const start = store.choice([letters, dotted])
  const unit = store.choice([start, marks, joined, store.sequence(store.literal('-'), letters)])
  const kana = pattern(`[${KANA}]?(?:\\u30FB[${KANA}]|[${KANA}]\\u30FB)[${KANA}]{0,${MORE_UNITS - 1}}`)
  return store.choice([store.sequence(start, store.repeat(unit, 0, MORE_UNITS)), kana])
}

/** RFC 5893, section 2: a letter first, one kind of digits. */
function rightToLeft(tools: FormatTools): ExpressionId {
  const { store, pattern } = tools
  const allowed = subtractCodePoints(intersectCodePoints(validCodePoints(), RIGHT_TO_LEFT), CONTEXTUAL)
  const { letters, marks } = split(tools, allowed)
  const punctuated = pattern('\\p{Script=Hebrew}[\\u05F3\\u05F4]')
  const joined = pattern(`[${JOINS_BOTH}]\\u200C[${JOINS_BACK}]`)
  const start = store.choice([letters, punctuated, joined])
  const labels = ['[\\d\\u06F0-\\u06F9]', '[\\u0660-\\u0669]'].map(digits =>
    store.sequence(start, store.repeat(store.choice([start, marks, pattern(digits)]), 0, MORE_UNITS)),
  )
  return store.choice(labels)
}

/** A label begins with no combining mark (RFC 5891, section 4.2.3.2). */
function split(
  { store }: FormatTools,
  set: CodePointSet,
): { readonly letters: ExpressionId; readonly marks: ExpressionId } {
  const { character } = alphabetOf(store, 'json-string')
  const marks = unicodeProperty('M') ?? []
  return { letters: character(subtractCodePoints(set, marks)), marks: character(intersectCodePoints(set, marks)) }
}
