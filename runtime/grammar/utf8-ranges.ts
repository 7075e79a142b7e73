/** Inclusive. */
export type Range = readonly [number, number]

const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff
/** Last code point of each encoded length, from one byte to four. */
const LENGTH_LIMITS = [0x7f, 0x7ff, 0xffff, 0x10ffff]

/** Sorted, overlapping and touching ranges joined. */
export function normaliseRanges(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const joined: [number, number][] = []
  for (const [low, high] of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else joined.push([low, high])
  }
  return joined
}

/** Everything from 0 to `limit` that is not in `ranges`. */
export function complementRanges(ranges: readonly Range[], limit = 0x10ffff): Range[] {
  const gaps: Range[] = []
  let next = 0
  for (const [low, high] of normaliseRanges(ranges)) {
    if (low > next) gaps.push([next, low - 1])
    next = Math.max(next, high + 1)
  }
  if (next <= limit) gaps.push([next, limit])
  return gaps
}

/**
 * UTF-8 of a set of code points as byte ranges: each item is one to four ranges, one for each byte, and the
 * items together spell every code point once. Surrogates are left out, as UTF-8 has none.
 */
export function utf8Sequences(ranges: readonly Range[]): Range[][] {
  const sequences: Range[][] = []
  for (const [low, high] of normaliseRanges(ranges)) {
    splitRange(low, Math.min(high, FIRST_SURROGATE - 1), sequences)
    splitRange(Math.max(low, LAST_SURROGATE + 1), high, sequences)
  }
  return sequences
}

/** Cuts until both ends have the same length and every byte's range is independent of the others. */
function splitRange(low: number, high: number, into: Range[][]): void {
  if (low > high) return
  for (const limit of LENGTH_LIMITS) {
    if (low > limit) continue
    if (high > limit) {
      splitRange(low, limit, into)
      splitRange(limit + 1, high, into)
      return
    }
    break
  }
  const length = LENGTH_LIMITS.findIndex(limit => high <= limit) + 1
  for (let position = 1; position < length; position++) {
    const mask = (1 << (6 * position)) - 1
    if ((low & ~mask) === (high & ~mask)) continue
    if ((low & mask) !== 0) {
      splitRange(low, low | mask, into)
      splitRange((low | mask) + 1, high, into)
      return
    }
    if ((high & mask) !== mask) {
      splitRange(low, (high & ~mask) - 1, into)
      splitRange(high & ~mask, high, into)
      return
    }
  }
  const first = encode(low, length)
  const last = encode(high, length)
  into.push(first.map((byte, index) => [byte, last[index]!]))
}

function encode(codePoint: number, length: number): number[] {
  if (length === 1) return [codePoint]
  const bytes: number[] = []
  let rest = codePoint
  for (let position = length - 1; position > 0; position--) {
    bytes[position] = 0x80 | (rest & 0x3f)
    rest >>= 6
  }
  bytes[0] = ((0xf00 >> length) & 0xff) | rest
  return bytes
}
