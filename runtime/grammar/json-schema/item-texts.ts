import { type ItemTexts, ROOM } from '../distinct-values.js'
import type { ExpressionId, ExpressionStore } from '../expression.js'
import { decimalText, ONE } from './decimal.js'
import type { EmitContext } from './emitter.js'
import type { Formula } from './formula.js'
import { listNumbers, type NumberRange } from './number-set.js'
import type { StringSet } from './string-set.js'

const BACKSLASH = 0x5c
/** Characters of a pattern that are looked at for more values. */
const MAX_DEPTH = 300

/** What an item of an array without repetition may be; null when it may be a container. */
export function itemTexts(context: EmitContext, formula: Formula): ItemTexts | null {
  const { emptiness, universe } = context.expander
  const { store, strings, shapes } = universe
  const shape = emptiness.isEmpty(formula) ? shapes.nothing : context.expander.expand(formula)
  if (shape.arrays.some(record => !emptiness.isEmptyArray(record))) return null
  if (shape.objects.some(record => !emptiness.isEmptyObject(record))) return null
  const words: (boolean | null)[] = []
  if (shape.hasNull) words.push(null)
  if (shape.hasTrue) words.push(true)
  if (shape.hasFalse) words.push(false)
  const hasStrings = !strings.isEmpty(shape.strings)
  const language = hasStrings ? strings.language(shape.strings) : store.fail
  const count =
    words.length +
    (hasStrings ? countStrings(store, shape.strings, language) : 0) +
    shape.numbers.reduce((most, range) => Math.max(most, countNumbers(range)), 0)
  return {
    strings: language,
    numbers: shape.numbers.length > 0 ? context.numbers.distinct(shape.numbers) : store.fail,
    isWhole: shape.numbers.every(range => range.step !== null && range.step.exponent >= ONE.exponent),
    words,
    count: Math.min(count, ROOM),
  }
}

/** A number that the count of doubles in the range is not below. */
function countNumbers(range: NumberRange): number {
  const { low, high, step, notSteps } = range
  const apart =
    low === null || high === null ? ROOM : doublesBetween(Number(decimalText(low)), Number(decimalText(high)))
  // Without a list of what is left between the exclusions, one is all that is certain.
  const listed = listNumbers([range], ROOM)
  if (listed === null) return step !== null && notSteps.length > 0 ? 1 : Math.max(1, apart)
  return Math.min(listed.length, Math.max(1, apart))
}

/** How many doubles lie strictly between two others, up to ROOM. */
function doublesBetween(low: number, high: number): number {
  const order = (value: number): bigint => {
    const bits = new BigInt64Array(Float64Array.of(value === 0 ? 0 : value).buffer)[0]!
    return bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits
  }
  const distance = order(high) - order(low) - 1n
  return distance > BigInt(ROOM) ? ROOM : Number(distance)
}

function countStrings(store: ExpressionStore, set: StringSet, language: ExpressionId): number {
  if (set.values !== null) return set.values.size
  return new TextCount(store).of(language, 0)
}

/** Counts the texts of a language that have no escape, of which each is a string of its own; up to ROOM. */
class TextCount {
  readonly #store: ExpressionStore
  readonly #known = new Map<ExpressionId, number>()
  readonly #open = new Set<ExpressionId>()

  constructor(store: ExpressionStore) {
    this.#store = store
  }

  of(state: ExpressionId, depth: number): number {
    const known = this.#known.get(state)
    if (known !== undefined) return known
    if (this.#open.has(state)) return 0
    if (depth > MAX_DEPTH) return this.#store.isNullable(state) ? 1 : 0
    this.#open.add(state)
    let count = this.#store.isNullable(state) ? 1 : 0
    const segments = this.#store.derivatives.segments(state)
    for (let at = 0; at < segments.length && count < ROOM; at += 3) {
      const [low, high] = [segments[at]!, segments[at + 1]!]
      const width = high - low + 1 - (low <= BACKSLASH && BACKSLASH <= high ? 1 : 0)
      if (width === 0 || this.#store.isEmptyLanguage(segments[at + 2]!)) continue
      // A state that comes back to itself has as many texts as one likes, if it has any besides.
      const isLoop = this.#open.has(segments[at + 2]!)
      count += isLoop ? ROOM : width * this.of(segments[at + 2]!, depth + 1)
    }
    this.#open.delete(state)
    this.#known.set(state, Math.min(count, ROOM))
    return Math.min(count, ROOM)
  }
}
