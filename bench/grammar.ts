import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { compileGrammar, type GrammarSpecification } from '../runtime/grammar/index.js'
import { tokenTrieOf } from '../runtime/grammar/token-trie.js'
import { percentile } from './grammar-report.js'
import { invoiceSchema, smallSchema } from './grammar-schemas.js'
import { readVocabulary } from './grammar-vocabulary.js'

const { values } = parseArgs({
  options: { tokenizer: { type: 'string' }, rounds: { type: 'string', default: '7' } },
})
const rounds = Number(values.rounds)
const vocabulary = readVocabulary(values.tokenizer)
const startOfTrie = performance.now()
tokenTrieOf(vocabulary)
const trieTime = performance.now() - startOfTrie

const invoice = JSON.stringify({
  invoiceNumber: 'RE-20261122',
  issuedOn: '2026-11-22',
  currency: 'EUR',
  seller: { street: 'Hafenstraße 12', city: 'Hamburg', postalCode: '20457', country: 'DE' },
  buyer: { street: '5 Rue de la Paix', city: 'Paris', postalCode: '75002', country: 'FR' },
  lines: [
    { description: 'Printer paper A4, 500 sheets', quantity: 20, unitPrice: 4.35, taxRate: 0.19 },
    { description: 'Toner cartridge "black"', quantity: 3, unitPrice: 79.9, taxRate: 0.19 },
    { description: 'Delivery', quantity: 1, unitPrice: 12.5, taxRate: null },
  ],
  total: 371.2,
  paid: false,
})
const small = JSON.stringify({ name: 'Ada Lovelace', age: 36, email: 'ada@example.com', active: true, score: 9.75 })

/** Milliseconds of each mask and accept on the way through the text, all masks cold: a fresh grammar each round, the least of all rounds for each token. */
function measure(specification: GrammarSpecification, text: string): void {
  const ids = vocabulary.encodeContinuation(text)
  const row = new Int32Array((vocabulary.size + 31) >>> 5)
  const compile: number[] = []
  const cold = ids.map(() => Number.POSITIVE_INFINITY)
  const warm = [...cold]
  const accept = [...cold]
  let forced = 0
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const grammar = compileGrammar(specification, vocabulary)
    compile.push(performance.now() - start)
    for (const times of [cold, warm]) {
      const matcher = grammar.matcher()
      for (const [index, id] of ids.entries()) {
        const before = performance.now()
        matcher.fillMask(row)
        const between = performance.now()
        matcher.accept(id)
        const after = performance.now()
        times[index] = Math.min(times[index]!, between - before)
        accept[index] = Math.min(accept[index]!, after - between)
      }
    }
    forced = countForced(grammar, ids)
  }
  const us = (list: readonly number[], share: number) => (percentile(list, share) * 1000).toFixed(1)
  const line = (name: string, list: readonly number[]) =>
    `  ${name} us: p50 ${us(list, 0.5)}, p99 ${us(list, 0.99)}, max ${us(list, 1)}`
  console.log(
    [
      `${ids.length} tokens, ${Buffer.byteLength(text)} bytes; compile ms: first ${compile[0]!.toFixed(2)}, median ${percentile(compile, 0.5).toFixed(2)}`,
      line('cold mask', cold),
      line('warm mask', warm),
      line('accept', accept),
      `  forced: ${forced} of ${ids.length} tokens (${((100 * forced) / ids.length).toFixed(1)} %)`,
    ].join('\n'),
  )
}

/** Tokens of the text that jump-forward appends without a decode step, as long as the rest is cut as the tokenizer cuts it. */
function countForced(grammar: ReturnType<typeof compileGrammar>, ids: readonly number[]): number {
  const matcher = grammar.matcher()
  let forced = 0
  for (let at = 0; at < ids.length; ) {
    const jump = matcher.forcedTokens()
    const agrees = jump.length > 0 && jump.every((id, offset) => ids[at + offset] === id)
    const step = agrees ? jump : [ids[at]!]
    if (agrees) forced += jump.length
    for (const id of step) matcher.accept(id)
    at += step.length
  }
  return forced
}

console.log(
  `vocabulary ${vocabulary.size}, trie ${trieTime.toFixed(0)} ms, ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)}`,
)
console.log('invoice')
measure({ jsonSchema: invoiceSchema }, invoice)
console.log('small object')
measure({ jsonSchema: smallSchema }, small)
console.log('any JSON')
measure({ anyJson: true }, invoice)
console.log('invoice, keys in any order')
measure({ jsonSchema: invoiceSchema, propertyOrder: 'any' }, invoice)
