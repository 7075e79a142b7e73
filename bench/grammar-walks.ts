import type { Grammar, Matcher } from '../runtime/grammar/index.js'
import type { JsonOptions, JsonSchema } from '../runtime/protocol/backend.js'
import { EngineError } from '../runtime/protocol/error.js'
import type { Vocabulary } from '../runtime/protocol/vocabulary.js'
import { tryCompile } from './grammar-cases.js'
import { Oracle } from './grammar-oracle.js'

export interface Subject {
  readonly name: string
  readonly schema: JsonSchema
}

export interface WalkReport {
  walks: number
  tokens: number
  /** Schemas walked in, and those left out because the engine refuses them or no value meets them. */
  schemas: number
  refused: number
  /** Walks that the project's own validator judged, where Ajv cannot. */
  ownValidator: number
  /** Walks in which Ajv is known to be wrong, by the reason. */
  readonly explained: Record<string, number>
  /** Walks that ended with the error of a named limit, by schema and code. */
  readonly limits: Record<string, number>
  /** Texts that do not parse or do not meet their schema. */
  readonly failures: { readonly name: string; readonly text: string; readonly why: string }[]
}

/** Layouts and orders, by turns. */
const MANNERS: readonly JsonOptions[] = [
  {},
  { propertyOrder: 'any' },
  { whitespace: { indent: 2 } },
  { whitespace: { max: 2 }, propertyOrder: 'any' },
  { whitespace: 'spaced' },
]
const MAX_TOKENS = 90
/** How often the end is taken where it is legal, and how often a token made of JSON's own marks is sought. */
const END = 0.3
const MARK = 0.3

/**
 * Random walks inside the masks. Each goes on for a random number of tokens, may end only where the text is
 * complete, and is brought to its end by the shortest completion; then JSON.parse and the oracle judge the text.
 */
export function walkInside(
  subjects: readonly Subject[],
  vocabulary: Vocabulary,
  { walks, random }: { readonly walks: number; readonly random: () => number },
): WalkReport {
  const report: WalkReport = {
    walks: 0,
    tokens: 0,
    schemas: 0,
    refused: 0,
    ownValidator: 0,
    explained: {},
    limits: {},
    failures: [],
  }
  const walker = new Walker(vocabulary, random)
  const usable = subjects.flatMap(subject => {
    const isUsable = tryCompile({ jsonSchema: subject.schema }, vocabulary).kind === 'grammar'
    return isUsable ? [subject] : []
  })
  report.refused = subjects.length - usable.length
  usable.forEach((subject, index) => {
    const share = Math.floor(((index + 1) * walks) / usable.length) - Math.floor((index * walks) / usable.length)
    if (share > 0) walkSubject(report, walker, subject, vocabulary, share)
  })
  return report
}

function walkSubject(
  report: WalkReport,
  walker: Walker,
  { name, schema }: Subject,
  vocabulary: Vocabulary,
  share: number,
): void {
  const oracle = new Oracle(schema)
  const grammars = new Map<JsonOptions, Grammar | null>()
  report.schemas++
  for (let walk = 0; walk < share; walk++) {
    const manner = MANNERS[report.walks % MANNERS.length]!
    let grammar = grammars.get(manner)
    if (grammar === undefined) {
      const compiled = tryCompile({ jsonSchema: schema, ...manner }, vocabulary)
      grammar = compiled.kind === 'grammar' ? compiled.grammar : null
      grammars.set(manner, grammar)
    }
    report.walks++
    const fail = (text: string, why: string) => report.failures.push({ name, text, why })
    if (grammar === null) {
      fail('', `does not compile with ${JSON.stringify(manner)}`)
      continue
    }
    const { text, why, limit } = walker.walk(grammar)
    report.tokens += walker.tokens
    if (limit !== null) count(report.limits, `${name}: ${limit}`)
    else if (why !== null) fail(text, why)
    else {
      const opinion = judge(text, oracle)
      if (opinion.kind === 'explained') count(report.explained, opinion.why)
      else if (opinion.kind === 'wrong') fail(text, opinion.why)
      else if (!opinion.isAjv) report.ownValidator++
    }
  }
}

function judge(text: string, oracle: Oracle): ReturnType<Oracle['opinionOn']> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { kind: 'wrong', why: (error as Error).message }
  }
  return oracle.opinionOn(value)
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}

interface Walk {
  readonly text: string
  /** What went wrong inside the engine; null when nothing did. */
  readonly why: string | null
  /** Code of the error with which a budget ended the walk. */
  readonly limit: string | null
}

class Walker {
  /** Of the walk before. */
  tokens = 0
  readonly #vocabulary: Vocabulary
  readonly #random: () => number
  readonly #row: Int32Array
  /** Tokens made of JSON's own marks alone: uniform chance would seldom leave a string. */
  readonly #marks: readonly number[]
  readonly #stops: ReadonlySet<number>

  constructor(vocabulary: Vocabulary, random: () => number) {
    this.#vocabulary = vocabulary
    this.#random = random
    this.#row = new Int32Array((vocabulary.size + 31) >>> 5)
    this.#stops = new Set(vocabulary.stopIds)
    const marks: number[] = []
    for (let id = 0; id < vocabulary.size; id++) {
      const bytes = vocabulary.bytes(id)
      if (bytes !== null && bytes.length > 0 && bytes.every(byte => '"{}[]:,'.includes(String.fromCharCode(byte))))
        marks.push(id)
    }
    this.#marks = marks
  }

  walk(grammar: Grammar): Walk {
    const matcher = grammar.matcher()
    const bytes: number[] = []
    this.tokens = 0
    const take = (id: number) => {
      matcher.accept(id)
      bytes.push(...this.#vocabulary.bytes(id)!)
      this.tokens++
    }
    let why: string | null = null
    let limit: string | null = null
    try {
      const length = 1 + Math.floor(this.#random() * MAX_TOKENS)
      while (this.tokens < length && !matcher.mustStop()) {
        if (matcher.isComplete() && this.#random() < END) break
        take(this.#choose(matcher))
      }
      for (const id of matcher.shortestCompletion()) take(id)
      if (!matcher.isComplete()) why = 'the shortest completion does not complete'
    } catch (error) {
      if (EngineError.isInstance(error) && error.code === 'GRAMMAR_TOO_COMPLEX') limit = error.code
      else why = String((error as Error).stack)
    }
    return { text: Buffer.from(bytes).toString(), why, limit }
  }

  /** A legal token that is no stop token; there is one, or the text would have to stop. */
  #choose(matcher: Matcher): number {
    matcher.fillMask(this.#row)
    const isLegal = (id: number) => ((this.#row[id >>> 5]! >>> (id & 31)) & 1) === 1
    if (this.#random() < MARK) {
      const legal = this.#marks.filter(isLegal)
      if (legal.length > 0) return legal[Math.floor(this.#random() * legal.length)]!
    }
    const { size } = this.#vocabulary
    const start = Math.floor(this.#random() * size)
    for (let offset = 0; offset < size; offset++) {
      const id = (start + offset) % size
      if (isLegal(id) && !this.#stops.has(id)) return id
    }
    throw new Error('a text that need not stop has no way on')
  }
}
