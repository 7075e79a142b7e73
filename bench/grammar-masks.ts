import type { Grammar, Matcher } from '../runtime/grammar/index.js'
import type { JsonOptions } from '../runtime/protocol/backend.js'
import { EngineError } from '../runtime/protocol/error.js'
import type { Vocabulary } from '../runtime/protocol/vocabulary.js'
import { tryCompile } from './grammar-cases.js'
import type { Subject } from './grammar-walks.js'

export interface MaskReport {
  states: number
  checks: number
  /** States whose mask differs from acceptance token by token. */
  readonly differences: { readonly name: string; readonly token: number; readonly isMasked: boolean }[]
}

const MANNERS: readonly JsonOptions[] = [{}, { propertyOrder: 'any' }, { whitespace: { max: 2 } }]
const MAX_STEPS = 24

/** Masks of random states of random schemas, held to the naive path: every token of the vocabulary, byte by byte. */
export function compareMasks(
  subjects: readonly Subject[],
  vocabulary: Vocabulary,
  { checks, random }: { readonly checks: number; readonly random: () => number },
): MaskReport {
  const report: MaskReport = { states: 0, checks: 0, differences: [] }
  // A wider row, full of ones: what lies past the vocabulary must be cleared.
  const row = new Int32Array(((vocabulary.size + 31) >>> 5) + 1)
  for (let round = 0; report.checks < checks; round++) {
    const subject = subjects[Math.floor(random() * subjects.length)]!
    const specification = { jsonSchema: subject.schema, ...MANNERS[round % MANNERS.length]! }
    const compiled = tryCompile(specification, vocabulary)
    if (compiled.kind !== 'grammar') continue
    const matcher = compiled.grammar.matcher()
    row.fill(-1)
    if (!moveOn(matcher, vocabulary, row, Math.floor(random() * MAX_STEPS), random)) continue
    matcher.fillMask(row)
    report.states++
    report.checks += row.length * 32
    for (let id = 0; id < row.length * 32; id++) {
      const isMasked = ((row[id >>> 5]! >>> (id & 31)) & 1) === 1
      if (isMasked !== isLegal(compiled.grammar, matcher, id)) {
        report.differences.push({ name: subject.name, token: id, isMasked })
        break
      }
    }
  }
  return report
}

/** False where a limit of the engine ends the walk. */
function moveOn(
  matcher: Matcher,
  vocabulary: Vocabulary,
  row: Int32Array,
  steps: number,
  random: () => number,
): boolean {
  try {
    for (let step = 0; step < steps && !matcher.mustStop(); step++) {
      matcher.fillMask(row)
      let id = Math.floor(random() * vocabulary.size)
      while (((row[id >>> 5]! >>> (id & 31)) & 1) === 0 || vocabulary.stopIds.includes(id))
        id = (id + 1) % vocabulary.size
      matcher.accept(id)
    }
    return true
  } catch (error) {
    if (EngineError.isInstance(error)) return false
    throw error
  }
}

function isLegal({ store, vocabulary }: Grammar, matcher: Matcher, id: number): boolean {
  if (vocabulary.stopIds.includes(id)) return matcher.isComplete()
  const bytes = id < vocabulary.size ? vocabulary.bytes(id) : null
  if (bytes === null || bytes.length === 0) return false
  let state = matcher.state
  for (const byte of bytes) {
    state = store.derivative(state, byte)
    if (state === store.fail) return false
  }
  return true
}
