import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import type { GrammarSpecification } from '../runtime/grammar/index.js'
import type { JsonSchema } from '../runtime/protocol/backend.js'

/** One grammar and the texts it is asked about. */
export interface Case {
  readonly name: string
  readonly specification: GrammarSpecification
  readonly tests: readonly CaseTest[]
}

export interface CaseTest {
  readonly valid: boolean
  readonly text: string | Uint8Array
  /** A text that the suite's own rules let an engine refuse, and why. */
  readonly mayRefuse?: 'space'
}

export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
  /** Also walk the valid texts token by token under masks. */
  readonly byTokens: boolean
}

export interface SuiteSet {
  readonly suites: readonly Suite[]
  /** Parts that only a folder of suites holds. */
  readonly missing: readonly string[]
  /** Parts that are not asked about, and why. */
  readonly leftAside: Readonly<Record<string, string>>
}

interface Flags {
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
interface PackageGroup {
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly tests: readonly { readonly data: unknown; readonly valid: boolean }[]
}

/** The suites in a folder, or in a folder `jsonschema` inside it. */
export function readFolder(folder: string): SuiteSet {
  const place = readdirSync(folder).includes('jsonschema') ? join(folder, 'jsonschema') : folder
  const read = <Row>(name: string): Row[] => JSON.parse(readFileSync(join(place, name), 'utf8')) as Row[]
  const official = read<OfficialRow>('json-schema-test-suite.json')
  const officialCases = (wantsFormats: boolean) =>
    official
      .filter(row => row.f.includes('format/') === wantsFormats)
      .map(row =>
        schemaCase(
          `${row.f} / ${row.g}`,
          row.s,
          row.t.map(([valid, data, , flags]): [number, unknown, Flags?] =>
            flags === undefined ? [valid, data] : [valid, data, flags],
          ),
        ),
      )
  const masks = read<MaskBenchRow>('maskbench-sample.json').map(row => schemaCase(row.id, row.s, row.t))
  const texts = read<TextRow>('regex-ebnf.json')
  const textCases = (kind: TextRow['kind']) => texts.filter(row => row.kind === kind).map(textCase)
  const syntax = read<SyntaxRow>('json-syntax.json')
  return {
    suites: [
      { name: 'official core', cases: officialCases(false), byTokens: false },
      { name: 'official formats', cases: officialCases(true), byTokens: false },
      { name: 'maskbench', cases: masks, byTokens: true },
      { name: 'regex', cases: textCases('regex'), byTokens: true },
      { name: 'ebnf', cases: textCases('ebnf'), byTokens: true },
      ...syntaxSuites(syntax),
    ],
    missing: [],
    leftAside: {},
  }
}

/** Parts of the package that are not asked about. */
const LEFT_ASIDE: Readonly<Record<string, string>> = {
  draft3: 'its keywords have no meaning in later drafts',
  '/refRemote': 'its schemas are on a server',
  'optional/zeroTerminatedFloats': 'says that 1.0 is no integer, which drafts 6 to 2020-12 contradict',
  '//foo.bar/?baz=qux#quux':
    'taken for a URI; it is a reference (RFC 3986 section 4.2), as later versions of the suite say',
}

/** What the npm package of the official suite holds: draft 4, its optional files (formats among them) included. */
export function readPackage(): SuiteSet {
  const root = dirname(createRequire(import.meta.url).resolve('json-schema-test-suite/package.json'))
  const read = (folder: string) =>
    readdirSync(join(root, 'tests/draft4', folder))
      .filter(file => file.endsWith('.json'))
      .map(file => ({
        file: `${folder}/${basename(file, '.json')}`,
        groups: JSON.parse(readFileSync(join(root, 'tests/draft4', folder, file), 'utf8')) as PackageGroup[],
      }))
  const cases = (folder: string, wantsFormats: boolean) =>
    read(folder)
      .filter(({ file }) => !(file in LEFT_ASIDE) && file.includes('format') === wantsFormats)
      .flatMap(({ file, groups }) => groups.map(group => packageCase(file, group)))
  return {
    suites: [
      { name: 'official core, draft 4', cases: [...cases('', false), ...cases('optional', false)], byTokens: true },
      { name: 'official formats, draft 4', cases: cases('optional', true), byTokens: true },
    ],
    missing: ['official core 2020-12', 'official formats 2020-12', 'maskbench', 'regex', 'ebnf', 'json syntax'],
    leftAside: LEFT_ASIDE,
  }
}

/** The tests name their draft by the folder they stand in. */
function packageCase(file: string, { description, schema, tests }: PackageGroup): Case {
  return schemaCase(
    `draft4${file} / ${description}`,
    { $schema: 'http://json-schema.org/draft-04/schema#', ...schema },
    tests.filter(({ data }) => !(String(data) in LEFT_ASIDE)).map(({ data, valid }) => [valid ? 1 : 0, data]),
  )
}

function schemaCase(name: string, schema: JsonSchema, rows: readonly [number, unknown, Flags?][]): Case {
  return {
    name,
    specification: { jsonSchema: schema },
    tests: rows.map(([valid, data, flags]) => ({ valid: valid === 1, text: flags?.raw ?? JSON.stringify(data) })),
  }
}

function textCase({ kind, src, root, t, from }: TextRow): Case {
  return {
    name: `${src.slice(0, 120)} (${from})`,
    specification: kind === 'regex' ? { regex: src } : { ebnf: src, ...(root === undefined ? {} : { root }) },
    tests: t.map(([valid, text]) => ({ valid: valid === 1, text })),
  }
}

function syntaxSuites(rows: readonly SyntaxRow[]): Suite[] {
  const suite = (name: string, specification: GrammarSpecification, mayRefuse: (text: string) => boolean): Suite => ({
    name,
    byTokens: false,
    cases: [
      {
        name: 'any JSON',
        specification,
        tests: rows.map(([valid, , text]) => ({
          valid: valid === 1,
          text: typeof text === 'string' ? text : Buffer.from(text.b64, 'base64'),
          ...(typeof text === 'string' && mayRefuse(text) ? { mayRefuse: 'space' } : {}),
        })),
      },
    ],
  })
  return [
    // Compact text has no space at all between its marks.
    suite('json syntax', { anyJson: true }, text => /^[^"]*(?:"[^"]*"[^"]*)*$/s.test(text) && /\s/.test(text)),
    // No layout has space outside the value.
    suite('json syntax, free space', { anyJson: true, whitespace: { max: 100 } }, text => text.trim() !== text),
  ]
}
