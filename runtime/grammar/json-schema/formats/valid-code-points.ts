import { type CodePointSet, codePointSet, subtractCodePoints, uniteCodePoints } from '../../regex/code-points.js'
import { unicodeProperty } from '../../regex/properties.js'

/** Section 2.6 of RFC 5892. */
const EXCEPTIONALLY_VALID: CodePointSet = singles(0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007)
const EXCEPTIONALLY_INVALID: CodePointSet = codePointSet([
  ...singles(0x640, 0x7fa, 0x302e, 0x302f, 0x303b),
  [0x3031, 0x3035],
])
/** Section 2.7, and the vowels, consonants and tails of old Hangul (section 2.9). */
const INVALID_BLOCKS: CodePointSet = codePointSet([
  [0x20d0, 0x20ff],
  [0x1d100, 0x1d24f],
  [0x1100, 0x11ff],
  [0xa960, 0xa97f],
  [0xd7b0, 0xd7ff],
])
/** Ideographs and syllables, none of which normalisation changes: left out of the search for those that it does. */
const STABLE_BLOCKS: CodePointSet = codePointSet([
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0x17000, 0x18cff],
  [0x20000, 0x2f7ff],
  [0x30000, 0x33fff],
])
/** Lower-case Cherokee folds to upper case, against the rule; both are left out. */
const CHEROKEE: CodePointSet = codePointSet([
  [0x13a0, 0x13fd],
  [0xab70, 0xabbf],
])

let known: CodePointSet | null = null

/**
 * PVALID of RFC 5892, by the rules of its section 3 and the Unicode tables of the JavaScript engine, without Cherokee.
 * Capital letters are not in it, as they change under case folding.
 */
export function validCodePoints(): CodePointSet {
  known ??= computeValid()
  return known
}

function computeValid(): CodePointSet {
  const letters = uniteCodePoints(...['Ll', 'Lo', 'Nd', 'Lm', 'Mn', 'Mc'].map(property))
  const ignorable = ['Default_Ignorable_Code_Point', 'White_Space', 'Noncharacter_Code_Point'].map(property)
  const candidates = subtractCodePoints(
    letters,
    uniteCodePoints(...ignorable, INVALID_BLOCKS, CHEROKEE, EXCEPTIONALLY_INVALID),
  )
  const unstable = findUnstable(subtractCodePoints(candidates, STABLE_BLOCKS))
  return uniteCodePoints(subtractCodePoints(candidates, unstable), EXCEPTIONALLY_VALID, [[0x2d, 0x2d]])
}

/** Those that normalisation and case folding change (section 2.2). One call on the whole list is far quicker than many. */
function findUnstable(candidates: CodePointSet): CodePointSet {
  const list: number[] = []
  for (const [low, high] of candidates) for (let each = low; each <= high; each++) list.push(each)
  const text = list.map(each => String.fromCodePoint(each)).join('\n')
  const folded = text.normalize('NFKC').toLowerCase().normalize('NFKC').split('\n')
  return codePointSet(singles(...list.filter((each, at) => folded[at] !== String.fromCodePoint(each))))
}

function property(name: string): CodePointSet {
  return unicodeProperty(name) ?? []
}

function singles(...codePoints: readonly number[]): CodePointSet {
  return codePoints.map(each => [each, each])
}
