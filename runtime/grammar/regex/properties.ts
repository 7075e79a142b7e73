import { type CodePointSet, codePointSet, LAST_CODE_POINT } from './code-points.js'

/** Above this only the two blocks of plane 14 are assigned, up to Unicode 17. */
const DENSE_END = 0x34000

interface Sample {
  readonly codePoint: number
  /** The range that the sample speaks for: unassigned or private-use, so all alike. */
  readonly low: number
  readonly high: number
}

let universe: string | null = null
let samples: readonly Sample[] = []

const tables = new Map<string, CodePointSet>()

/** `\p{expression}`, as the JavaScript engine's own Unicode tables have it; null when there is no such property. */
export function unicodeProperty(expression: string): CodePointSet | null {
  if (!/^[A-Za-z0-9_]+(=[A-Za-z0-9_]+)?$/.test(expression)) return null
  return scan(`\\p{${expression}}`, 'u')
}

/** Everything that a member of the set matches when case is ignored. */
export function foldCase(set: CodePointSet): CodePointSet {
  if (set.length === 0) return set
  const members = set.map(([low, high]) => `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`).join('')
  return scan(`[${members}]`, 'iu') ?? set
}

/** Matching the native class against every code point at once reads the engine's tables in a few milliseconds. */
function scan(source: string, flags: string): CodePointSet | null {
  const key = `${flags}/${source}`
  const known = tables.get(key)
  if (known !== undefined) return known
  const test = compileNative(source, flags)
  if (test === null) return null
  const run = new RegExp(`${source}+`, `g${flags}`)
  const ranges: [number, number][] = []
  for (const match of universeText().matchAll(run)) {
    const last = match.index + match[0].length - 1
    const high = match[0].length > 1 && isLowSurrogate(universe!.charCodeAt(last)) ? last - 1 : last
    addRuns(ranges, universe!.codePointAt(match.index)!, universe!.codePointAt(high)!)
  }
  for (const sample of samples) {
    if (test.test(String.fromCodePoint(sample.codePoint))) ranges.push([sample.low, sample.high])
  }
  const set = codePointSet(ranges)
  tables.set(key, set)
  return set
}

function compileNative(source: string, flags: string): RegExp | null {
  try {
    return new RegExp(`^${source}$`, flags)
  } catch {
    return null
  }
}

/** The text jumps from U+D7FF to U+E000 and from the dense part to plane 14; a run across a jump must not fill it. */
function addRuns(ranges: [number, number][], low: number, high: number): void {
  if (low < DENSE_END && high >= 0xe0000) ranges.push([low, DENSE_END - 1], [0xe0000, high])
  else ranges.push([low, high])
}

function universeText(): string {
  if (universe !== null) return universe
  const dense = [text(0, 0xd7ff), text(0xe000, DENSE_END - 1), text(0xe0000, 0xe0fff)]
  samples = sparseSamples()
  universe = dense.join('')
  return universe
}

function sparseSamples(): Sample[] {
  const list: Sample[] = []
  for (let plane = 3; plane <= 16; plane++) {
    const start = plane * 0x10000
    const low = plane === 3 ? DENSE_END : plane === 14 ? start + 0x1000 : start
    list.push({ codePoint: low, low, high: start + 0xfffd })
    list.push({ codePoint: start + 0xfffe, low: start + 0xfffe, high: Math.min(start + 0xffff, LAST_CODE_POINT) })
  }
  return list
}

function text(low: number, high: number): string {
  const parts: string[] = []
  for (let start = low; start <= high; start += 4096) {
    const length = Math.min(4096, high - start + 1)
    parts.push(String.fromCodePoint(...Array.from({ length }, (_, offset) => start + offset)))
  }
  return parts.join('')
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}
