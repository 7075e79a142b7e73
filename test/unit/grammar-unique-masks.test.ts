import fc from 'fast-check'
import t from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { packStore, restoreStore } from '../../runtime/grammar/expression-transfer.js'
import { compileGrammar, type Grammar, type Matcher } from '../../runtime/grammar/index.js'
import { acceptsText, JsonLanguage } from '../support/json-language.js'
import { legalByBytes, legalByMask } from '../support/mask-oracle.js'
import { byteVocabulary, everyByte, makeVocabulary } from '../support/vocabularies.js'

const unique = (items: unknown, more: object = {}) => ({ type: 'array', items, uniqueItems: true, ...more })

/** Tokens that end one item, or several, and go on into the next. */
const CROSSING = [
  ...['","', '",', '"]', 'a","', 'a","a', '","a"', '","a","b"', '",""]', 'b","a"]', '["', '["a","', '", "', '"a"'],
  ...[
    ',',
    '1,',
    ',1',
    '1,1',
    '1,2,1',
    '2,1',
    '0,',
    ',0]',
    '1.0',
    ',1.',
    '.5,',
    '[1,1',
    '[1,2]',
    'ab',
    '12',
    '},',
    '"},{',
  ],
]

const vocabulary = makeVocabulary([...everyByte(), ...CROSSING, null], [256 + CROSSING.length])

const SCHEMAS = [
  unique({ type: 'string' }),
  unique({ type: 'string', pattern: '^[ab]{1,2}$' }, { minItems: 3, maxItems: 5 }),
  unique({ type: 'string', maxLength: 1 }, { minItems: 2 }),
  unique({ type: 'integer' }, { minItems: 2 }),
  unique({ type: 'integer', minimum: 0, maximum: 600 }, { maxItems: 4 }),
  unique({ type: ['number', 'string', 'null'] }, { maxItems: 5 }),
  unique({ type: 'number', minimum: 0, maximum: 2 }),
  { ...unique({ type: 'string' }), prefixItems: [{ type: 'integer' }, { type: 'integer' }] },
  { type: 'array', items: unique({ type: 'integer' }) },
  { anyOf: [unique({ type: 'integer' }, { minItems: 2 }), unique({ type: 'string' })] },
  { type: 'object', properties: { a: unique({ type: 'string' }), b: unique({ type: 'integer' }) }, required: ['a'] },
]

t.test('masks equal acceptance token by token, and rollback and fork leave them so', t => {
  const steps = fc.array(fc.nat(), { maxLength: 14 })
  const cases = fc.record({
    schema: fc.constantFrom(...SCHEMAS),
    whitespace: fc.constantFrom('compact' as const, 'spaced' as const),
    first: steps,
    second: steps,
    back: fc.nat(),
  })
  const grammars = new Map<string, Grammar>()
  fc.assert(
    fc.property(cases, ({ schema, whitespace, first, second, back }) => {
      const key = JSON.stringify([schema, whitespace])
      const grammar = grammars.get(key) ?? compileGrammar({ jsonSchema: schema, whitespace }, vocabulary)
      grammars.set(key, grammar)
      const matcher = grammar.matcher()
      const walk = (on: Matcher, choices: readonly number[]): void => {
        for (const choice of choices) {
          const legal = legalByMask(grammar, on)
          t.strictSame(legal, legalByBytes(grammar, on.state))
          const texts = legal.filter(id => !vocabulary.stopIds.includes(id))
          if (texts.length === 0) break
          // Half of the time one of the long tokens, which chance would hardly find among all single bytes.
          const long = texts.filter(id => vocabulary.bytes(id)!.length > 1)
          const from = choice % 2 === 0 && long.length > 0 ? long : texts
          on.accept(from[(choice >>> 1) % from.length]!)
        }
      }
      walk(matcher, first)
      const here = matcher.state
      const fork = matcher.fork()
      walk(fork, second)
      t.equal(matcher.state, here, 'a fork moves alone')
      walk(matcher, second)
      t.equal(matcher.state, fork.state, 'the same tokens lead to the same place')
      matcher.rollback(back % (matcher.length + 1))
      walk(matcher, second)
      for (const id of fork.shortestCompletion()) fork.accept(id)
      t.equal(fork.isComplete(), true)
      matcher.checkIntegrity()
    }),
    { numRuns: 150, seed: 7 },
  )
  t.end()
})

t.test('a text that is dictated is forced, but no item twice', t => {
  const grammar = compileGrammar({ jsonSchema: unique({ type: 'string', pattern: '^(alpha|beta)$' }) }, byteVocabulary)
  const matcher = grammar.matcher()
  for (const byte of Buffer.from('["a')) matcher.accept(byte)
  t.equal(Buffer.from(matcher.forcedTokens()).toString(), 'lpha"')
  for (const byte of Buffer.from('lpha",')) matcher.accept(byte)
  t.equal(Buffer.from(matcher.forcedTokens()).toString(), '"beta"]', 'of two values one is left, and then none')
  t.equal(Buffer.from(matcher.shortestCompletion()).toString(), '"beta"]')
  t.end()
})

t.test('long strings and many items stay within the budget', t => {
  const language = new JsonLanguage(unique({ type: 'string' }))
  const items = Array.from({ length: 200 }, (_, index) => `${index} the quick brown fox jumps over the lazy dog`)
  t.ok(language.acceptsValue(items))
  t.notOk(language.acceptsValue([...items, items[17]]))
  t.ok(language.acceptsValue(['x'.repeat(20_000), 'x'.repeat(19_999)]))
  const numbers = new JsonLanguage(unique({ type: 'number' }))
  const values = Array.from({ length: 100 }, (_, index) => Math.sin(index + 1))
  t.ok(numbers.acceptsValue(values))
  t.notOk(numbers.acceptsValue([...values, values[0]]))
  t.comment(language.store.size, numbers.store.size)
  t.end()
})

t.test('a compiled array goes from thread to thread', t => {
  const language = new JsonLanguage(unique({ type: ['string', 'number'] }, { minItems: 2 }))
  const packed = structuredClone(packStore(language.store, language.root))
  const copy = new ExpressionStore()
  for (const _ of restoreStore(packed, copy)) t.pass('breathes')
  t.ok(acceptsText(copy, packed.root, '["a",1,2]'))
  for (const text of ['["a","a"]', '[1,1.0]', '["a"]']) t.notOk(acceptsText(copy, packed.root, text), text)
  t.end()
})
