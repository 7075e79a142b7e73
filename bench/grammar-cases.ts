import { compileGrammar, type Grammar, type GrammarSpecification } from '../runtime/grammar/index.js'
import { EngineError } from '../runtime/protocol/error.js'
import type { Vocabulary } from '../runtime/protocol/vocabulary.js'
import { emptyTally, type Tally, worst } from './grammar-report.js'
import type { Case, Suite } from './grammar-suites.js'

export type Compiled =
  | { readonly kind: 'grammar'; readonly grammar: Grammar }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'crashed'; readonly why: string }

const MAX_COMPILE_MS = 5_000

/** `nothing`: no value at all meets the specification. */
export function tryCompile(specification: GrammarSpecification, vocabulary: Vocabulary): Compiled {
  try {
    const deadline = performance.now() + MAX_COMPILE_MS
    return { kind: 'grammar', grammar: compileGrammar(specification, vocabulary, { deadline }) }
  } catch (error) {
    if (!EngineError.isInstance(error)) return { kind: 'crashed', why: String((error as Error).stack) }
    if (error.data.unsatisfiable === true || error.message.includes('no value can meet it')) return { kind: 'nothing' }
    return { kind: 'refused', why: `${error.code} ${error.message}` }
  }
}

/** Asks the engine about suites. All times are in milliseconds. */
export class SuiteRunner {
  readonly maskTimes: number[] = []
  readonly acceptTimes: number[] = []
  readonly #vocabulary: Vocabulary
  readonly #propertyOrder: 'schema' | 'any'
  readonly #row: Int32Array

  constructor(vocabulary: Vocabulary, propertyOrder: 'schema' | 'any') {
    this.#vocabulary = vocabulary
    this.#propertyOrder = propertyOrder
    this.#row = new Int32Array((vocabulary.size + 31) >>> 5)
  }

  run(suite: Suite): Tally {
    const tally = emptyTally(suite.name)
    for (const each of suite.cases) this.#runCase(tally, each, suite.byTokens)
    return tally
  }

  #runCase(tally: Tally, { name, specification, tests }: Case, byTokens: boolean): void {
    const ordered =
      'jsonSchema' in specification ? { ...specification, propertyOrder: this.#propertyOrder } : specification
    const start = performance.now()
    const compiled = tryCompile(ordered, this.#vocabulary)
    tally.compileTimes.push(performance.now() - start)
    tally.schemas++
    tally.tests += tests.length
    let verdict = 'pass'
    let why = ''
    if (compiled.kind === 'refused' || compiled.kind === 'crashed') {
      verdict = compiled.kind
      why = compiled.why
      tally.refusedTests += tests.length
    } else {
      for (const test of tests) {
        const found = this.#ask(compiled, test, byTokens)
        if (typeof found === 'object') {
          verdict = worst(verdict, found.verdict)
          why += found.why
          continue
        }
        if (found === test.valid) {
          tally.passedTests++
          continue
        }
        const wrong = found ? 'false accept' : this.#nameRejection(specification, test)
        tally.wrongTests[wrong] = (tally.wrongTests[wrong] ?? 0) + 1
        why += `${wrong} ${String(test.text).slice(0, 160)}\n`
        verdict = worst(verdict, wrong)
      }
    }
    tally.verdicts[verdict] = (tally.verdicts[verdict] ?? 0) + 1
    if (verdict !== 'pass') tally.failures.push({ name, verdict, why })
  }

  #ask(
    compiled: Compiled,
    { text, valid }: Case['tests'][number],
    byTokens: boolean,
  ): boolean | { readonly verdict: string; readonly why: string } {
    if (compiled.kind !== 'grammar') return false
    try {
      const taken = takes(compiled.grammar, Buffer.from(text as string))
      if (byTokens && valid && typeof text === 'string' && this.#takesTokens(compiled.grammar, text) !== taken)
        throw new Error('tokens and bytes disagree')
      return taken
    } catch (error) {
      const verdict = EngineError.isInstance(error) ? 'refused late' : 'crashed'
      return { verdict, why: String((error as Error).stack) }
    }
  }

  /** A valid text was refused. It is out of order when that is all that is wrong with it: free order takes it. */
  #nameRejection(specification: GrammarSpecification, { text, mayRefuse }: Case['tests'][number]): string {
    if (mayRefuse !== undefined) return 'allowed reject'
    if (!('jsonSchema' in specification) || this.#propertyOrder === 'any') return 'false reject'
    const free = tryCompile({ ...specification, propertyOrder: 'any' }, this.#vocabulary)
    return free.kind === 'grammar' && takes(free.grammar, Buffer.from(text as string)) ? 'out of order' : 'false reject'
  }

  /** The same by tokens under masks, all masks cold as they come; throws when it differs from the walk by bytes. */
  #takesTokens(grammar: Grammar, text: string): boolean {
    const matcher = grammar.matcher()
    const row = this.#row
    for (const id of this.#vocabulary.encodeContinuation(text)) {
      const start = performance.now()
      matcher.fillMask(row)
      const middle = performance.now()
      const isLegal = matcher.tryAccept(id)
      this.maskTimes.push(middle - start)
      this.acceptTimes.push(performance.now() - middle)
      if (isLegal !== (((row[id >>> 5]! >>> (id & 31)) & 1) === 1))
        throw new Error(`mask and step differ at token ${id}`)
      if (!isLegal) return false
    }
    return matcher.isComplete()
  }
}

/** Whether the grammar takes exactly these bytes, byte by byte. */
export function takes(grammar: Grammar, bytes: Uint8Array): boolean {
  let state = grammar.root
  for (const byte of bytes) state = grammar.store.derivative(state, byte)
  return grammar.store.isNullable(state)
}
