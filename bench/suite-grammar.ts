import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compileGrammar, type Grammar, type GrammarSpecification } from '../runtime/grammar/index.js'
import { tokenTrieOf } from '../runtime/grammar/token-trie.js'
import type { JsonSchema } from '../runtime/protocol/backend.js'
import { EngineError } from '../runtime/protocol/error.js'
import { emptyTally, percentile, printTable, type Tally, worst } from './grammar-report.js'
import { readVocabulary } from './grammar-vocabulary.js'

interface Flags {
  /** Keys are not in the schema's order. */
  readonly ooo?: number
  /** Exact text of the instance. */
  readonly raw?: string
}
interface OfficialRow {
  readonly f: string
  readonly g: string
  readonly s: JsonSchema
  readonly t: readonly [number, unknown, string, Flags?][]
}
interface MaskBenchRow {
  readonly id: string
  readonly feat: readonly string[]
  readonly s: JsonSchema
  readonly t: readonly [number, unknown, Flags?][]
}
interface TextRow {
  readonly kind: 'regex' | 'ebnf'
  readonly src: string
  readonly root?: string
  readonly t: readonly [number, string][]
  readonly from: string
}
type SyntaxRow = readonly [number, string, string | { readonly b64: string }]

const { values } = parseArgs({
  options: {
    suites: { type: 'string' },
    tokenizer: { type: 'string' },
    only: { type: 'string' },
    order: { type: 'string', default: 'schema' },
    list: { type: 'boolean', default: false },
  },
})
if (values.suites === undefined) throw new Error('--suites DIR must name the folder with the suites')
const folder = values.suites
const vocabulary = readVocabulary(values.tokenizer)
const propertyOrder = values.order === 'any' ? 'any' : 'schema'
// The token trie is made once for a vocabulary and is no part of the first grammar's time.
tokenTrieOf(vocabulary)
const compileTimes: number[] = []
const maskTimes: number[] = []
const acceptTimes: number[] = []

function read<Row>(name: string): Row[] {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Row[]
}

type Compiled =
  | { readonly kind: 'grammar'; readonly grammar: Grammar }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'crashed'; readonly why: string }

function compile(specification: GrammarSpecification): Compiled {
  const start = performance.now()
  try {
    return { kind: 'grammar', grammar: compileGrammar(specification, vocabulary, { deadline: start + 5_000 }) }
  } catch (error) {
    if (!EngineError.isInstance(error)) return { kind: 'crashed', why: String((error as Error).stack) }
    if (error.data.unsatisfiable === true || error.message.includes('no value can meet it')) return { kind: 'nothing' }
    return { kind: 'refused', why: `${error.code} ${error.message}` }
  } finally {
    compileTimes.push(performance.now() - start)
  }
}

/** Whether the grammar takes exactly these bytes, byte by byte. */
function takes(grammar: Grammar, bytes: Uint8Array): boolean {
  let state = grammar.root
  for (const byte of bytes) state = grammar.store.derivative(state, byte)
  return grammar.store.isNullable(state)
}

/** The same by tokens under masks, all masks cold as they come; throws when it differs from the walk by bytes. */
function takesTokens(grammar: Grammar, text: string): boolean {
  const matcher = grammar.matcher()
  const row = new Int32Array((vocabulary.size + 31) >>> 5)
  for (const id of vocabulary.encodeContinuation(text)) {
    const start = performance.now()
    matcher.fillMask(row)
    const middle = performance.now()
    const isLegal = matcher.tryAccept(id)
    maskTimes.push(middle - start)
    acceptTimes.push(performance.now() - middle)
    if (isLegal !== (((row[id >>> 5]! >>> (id & 31)) & 1) === 1)) throw new Error(`mask and step differ at token ${id}`)
    if (!isLegal) return false
  }
  return matcher.isComplete()
}

interface Case {
  readonly name: string
  readonly specification: GrammarSpecification
  readonly tests: readonly {
    readonly valid: boolean
    readonly text: string | Uint8Array
    readonly isReordered: boolean
  }[]
}

function run(tally: Tally, { name, specification, tests }: Case, byTokens: boolean): void {
  const compiled = compile(specification)
  tally.schemas++
  tally.tests += tests.length
  let verdict = 'pass'
  let why = ''
  if (compiled.kind === 'refused' || compiled.kind === 'crashed') {
    verdict = compiled.kind
    why = compiled.why
    tally.refusedTests += tests.length
  } else {
    for (const { valid, text, isReordered } of tests) {
      let taken = false
      try {
        taken = compiled.kind === 'grammar' && takes(compiled.grammar, Buffer.from(text as string))
        if (
          byTokens &&
          valid &&
          compiled.kind === 'grammar' &&
          typeof text === 'string' &&
          takesTokens(compiled.grammar, text) !== taken
        )
          throw new Error('tokens and bytes disagree')
      } catch (error) {
        verdict = worst(verdict, EngineError.isInstance(error) ? 'refused late' : 'crashed')
        why += String((error as Error).stack)
        continue
      }
      if (taken === valid) tally.passedTests++
      else {
        const found = taken ? 'false accept' : isReordered ? 'allowed reject' : 'false reject'
        tally.wrongTests[found] = (tally.wrongTests[found] ?? 0) + 1
        why += `${found} ${String(text).slice(0, 160)}\n`
        verdict = worst(verdict, found)
      }
    }
  }
  tally.verdicts[verdict] = (tally.verdicts[verdict] ?? 0) + 1
  if (verdict !== 'pass') tally.failures.push({ name, verdict, why })
}

function schemaCase(name: string, schema: JsonSchema, rows: readonly [number, unknown, Flags?][]): Case {
  return {
    name,
    specification: { jsonSchema: schema, propertyOrder },
    tests: rows.map(([valid, data, flags]) => ({
      valid: valid === 1,
      text: flags?.raw ?? JSON.stringify(data),
      isReordered: Boolean(flags?.ooo),
    })),
  }
}

const tallies: Tally[] = []
function suite(name: string, cases: readonly Case[], byTokens = false): void {
  if (values.only !== undefined && !name.startsWith(values.only)) return
  const tally = emptyTally(name)
  const before = compileTimes.length
  for (const item of cases) run(tally, item, byTokens)
  tally.compileTimes.push(...compileTimes.slice(before))
  tallies.push(tally)
}

const official = read<OfficialRow>('json-schema-test-suite.json')
const officialCase = (row: OfficialRow) =>
  schemaCase(
    `${row.f} / ${row.g}`,
    row.s,
    row.t.map(([valid, data, , flags]) => [valid, data, flags] as [number, unknown, Flags?]),
  )
suite('official core', official.filter(row => !row.f.includes('format/')).map(officialCase))
suite('official formats', official.filter(row => row.f.includes('format/')).map(officialCase))
suite(
  'maskbench',
  read<MaskBenchRow>('maskbench-sample.json').map(row => schemaCase(row.id, row.s, row.t)),
  true,
)
for (const kind of ['regex', 'ebnf'] as const) {
  suite(
    kind,
    read<TextRow>('regex-ebnf.json')
      .filter(row => row.kind === kind)
      .map(row => ({
        name: `${row.src.slice(0, 120)} (${row.from})`,
        specification:
          kind === 'regex'
            ? { regex: row.src }
            : { ebnf: row.src, ...(row.root === undefined ? {} : { root: row.root }) },
        tests: row.t.map(([valid, text]) => ({ valid: valid === 1, text, isReordered: false })),
      })),
    true,
  )
}
suite('json syntax', [
  {
    name: 'any JSON',
    specification: { anyJson: true },
    tests: read<SyntaxRow>('json-syntax.json').map(([valid, , text]) => ({
      valid: valid === 1,
      text: typeof text === 'string' ? text : Buffer.from(text.b64, 'base64'),
      // Compact text has no space at all between its marks.
      isReordered: typeof text === 'string' && /^[^"]*(?:"[^"]*"[^"]*)*$/s.test(text) && /\s/.test(text),
    })),
  },
])
suite('json syntax, free space', [
  {
    name: 'any JSON',
    specification: { anyJson: true, whitespace: { max: 100 } },
    tests: read<SyntaxRow>('json-syntax.json').map(([valid, , text]) => ({
      valid: valid === 1,
      text: typeof text === 'string' ? text : Buffer.from(text.b64, 'base64'),
      // No layout has space outside the value.
      isReordered: typeof text === 'string' && text.trim() !== text,
    })),
  },
])

printTable(tallies, values.list)
const time = (list: readonly number[], share: number) => `${(percentile(list, share) * 1000).toFixed(1)} us`
console.log(`vocabulary ${vocabulary.size}; keys in ${propertyOrder} order`)
for (const [name, list] of [
  ['masks, cold as they come', maskTimes],
  ['accept', acceptTimes],
] as const)
  console.log(
    `${name}: ${list.length}, p50 ${time(list, 0.5)}, p90 ${time(list, 0.9)}, p99 ${time(list, 0.99)}, max ${time(list, 1)}`,
  )
