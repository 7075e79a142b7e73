import { parseArgs } from 'node:util'
import { tokenTrieOf } from '../runtime/grammar/token-trie.js'
import type { JsonSchema } from '../runtime/protocol/backend.js'
import type { Vocabulary } from '../runtime/protocol/vocabulary.js'
import { repositoryRoot } from '../test/support/paths.js'
import { makeRandom } from '../test/support/vocabularies.js'
import { SuiteRunner } from './grammar-cases.js'
import { compareMasks } from './grammar-masks.js'
import { percentile, printTable } from './grammar-report.js'
import { REALISTIC_SCHEMAS } from './grammar-schemas.js'
import { readFolder, readPackage, type SuiteSet } from './grammar-suites.js'
import { readVocabulary } from './grammar-vocabulary.js'
import { type Subject, walkInside } from './grammar-walks.js'

const USAGE = `npm run suite:grammar -- [--suites DIR] [--tokenizer FILE]... [--only NAME] [--order schema|any] [--list]

Without --suites: what the npm package of the official suite holds, and a list of realistic schemas.
--tokenizer: a tokenizer.json; the first one serves all suites, masks are compared over each of them. Without it a
made-up vocabulary of 128,000 tokens serves the suites, and masks are compared over the tokenizers of the repository.
--only: suites whose name begins so ("walks" and "masks" are names too). --list: every failure.`

const OWN_TOKENIZERS = [
  'models/pocket-v0/tokenizer.json',
  'test/fixtures/tokenizers/sentencepiece.json',
  'test/fixtures/tokenizers/byte-level.json',
]

const { values } = parseArgs({
  options: {
    suites: { type: 'string' },
    tokenizer: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', default: '' },
    order: { type: 'string', default: 'schema' },
    walks: { type: 'string', default: '10000' },
    checks: { type: 'string', default: '4000000' },
    seed: { type: 'string', default: '20261122' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function runSuites(set: SuiteSet, vocabulary: Vocabulary): void {
  const propertyOrder = values.order === 'any' ? 'any' : 'schema'
  const runner = new SuiteRunner(vocabulary, propertyOrder)
  const chosen = set.suites.filter(suite => suite.name.startsWith(values.only))
  printTable(
    chosen.map(suite => runner.run(suite)),
    values.list,
  )
  console.log(`vocabulary ${vocabulary.size}; keys in ${propertyOrder} order`)
  const time = (list: readonly number[], share: number) => `${(percentile(list, share) * 1000).toFixed(1)} us`
  for (const [name, list] of [
    ['masks, cold as they come', runner.maskTimes],
    ['accept', runner.acceptTimes],
  ] as const)
    if (list.length > 0)
      console.log(
        `${name}: ${list.length}, p50 ${time(list, 0.5)}, p90 ${time(list, 0.9)}, p99 ${time(list, 0.99)}, max ${time(list, 1)}`,
      )
}

function subjectsOf(set: SuiteSet): Subject[] {
  const own = Object.entries(REALISTIC_SCHEMAS).map(([name, schema]) => ({ name, schema }))
  const others = set.suites.flatMap(suite =>
    suite.cases.flatMap(({ name, specification }) =>
      'jsonSchema' in specification ? [{ name, schema: specification.jsonSchema as JsonSchema }] : [],
    ),
  )
  return [...own, ...others]
}

function runWalks(subjects: readonly Subject[], vocabulary: Vocabulary): boolean {
  const report = walkInside(subjects, vocabulary, {
    walks: Number(values.walks),
    random: makeRandom(Number(values.seed)),
  })
  const { walks, tokens, schemas, refused, ownValidator, explained, limits, failures } = report
  console.log(
    [
      `walks: ${walks} of ${tokens} tokens in ${schemas} schemas (${refused} left out: refused, or no value meets them), ${failures.length} fail`,
      `judged by Ajv ${walks - ownValidator}, by the project's own validator, where Ajv cannot, ${ownValidator}`,
      `Ajv wrong by name: ${JSON.stringify(explained)}`,
      `ended by a named limit: ${JSON.stringify(limits)}`,
      ...failures.slice(0, values.list ? failures.length : 5).map(({ name, text, why }) => `[${name}] ${why}: ${text}`),
    ].join('\n    '),
  )
  return failures.length === 0
}

function runMasks(subjects: readonly Subject[]): boolean {
  const own = OWN_TOKENIZERS.map(path => new URL(path, `file://${repositoryRoot()}/`).pathname)
  let isEqual = true
  for (const path of values.tokenizer.length > 0 ? values.tokenizer : own) {
    const vocabulary = readVocabulary(path)
    const { states, checks, differences } = compareMasks(subjects, vocabulary, {
      checks: Number(values.checks),
      random: makeRandom(Number(values.seed)),
    })
    console.log(
      `masks, ${vocabulary.size} tokens of ${path}: ${checks} token checks in ${states} states, ${differences.length} differ`,
    )
    for (const difference of differences.slice(0, 5)) console.log(`    ${JSON.stringify(difference)}`)
    isEqual &&= differences.length === 0
  }
  return isEqual
}

function main(): number {
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const set = values.suites === undefined ? readPackage() : readFolder(values.suites)
  const vocabulary = readVocabulary(values.tokenizer[0])
  // The token trie is made once for a vocabulary and is no part of the first grammar's time.
  tokenTrieOf(vocabulary)
  runSuites(set, vocabulary)
  const subjects = subjectsOf(set)
  const isSound = !'walks'.startsWith(values.only) || runWalks(subjects, vocabulary)
  const isEqual = !'masks'.startsWith(values.only) || runMasks(subjects)
  for (const [part, why] of Object.entries(set.leftAside)) console.log(`left aside: ${part}: ${why}`)
  if (set.missing.length > 0) console.log(`only with --suites: ${set.missing.join(', ')}`)
  return isSound && isEqual ? 0 : 1
}

process.exitCode = main()
