import t from 'tap'
import { GrammarCache } from '../../runtime/grammar/cache.js'
import { compileExpression } from '../../runtime/grammar/compile.js'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { packStore, restoreStore } from '../../runtime/grammar/expression-transfer.js'
import { JsonText } from '../../runtime/grammar/json-text.js'
import { byteVocabulary } from '../support/vocabularies.js'

const manyChoices = Array.from({ length: 5_000 }, (_, index) => `choice number ${index}`)

function takes(
  grammar: { matcher(): { tryAccept(id: number): boolean; isComplete(): boolean } },
  text: string,
): boolean {
  const matcher = grammar.matcher()
  return [...Buffer.from(text)].every(byte => matcher.tryAccept(byte)) && matcher.isComplete()
}

t.test('equal constraints are compiled once, in any form and however many ask at once', async t => {
  const cache = new GrammarCache(byteVocabulary)
  t.teardown(() => cache.close())
  const [a, b] = await Promise.all([cache.compile({ anyJson: true }), cache.compile({ kind: 'any-json' })])
  t.equal(a, b)
  t.equal(await cache.compile({ anyJson: true }), a)
  t.not(await cache.compile({ anyJson: true, whitespace: 'spaced' }), a)
  t.not(await cache.compile({ anyJson: true }, { reasoningEnd: '</think>' }), a)
  t.match(cache.status, { entries: 3, misses: 3, hits: 1, compiling: 0 })
  const reordered = await cache.compile({ schema: { type: 'null' }, kind: 'json-schema', whitespace: 'spaced' })
  t.equal(await cache.compile({ jsonSchema: { type: 'null' }, whitespace: 'spaced' }), reordered)
  const circular: { items?: object } = {}
  circular.items = circular
  await t.rejects(cache.compile({ jsonSchema: circular }), { code: 'GRAMMAR_INVALID', message: /written as JSON/ })
  cache.checkIntegrity()
})

t.test('refusals are kept as well, and each asker gets the error', async t => {
  const cache = new GrammarCache(byteVocabulary)
  t.teardown(() => cache.close())
  for (let round = 0; round < 3; round++)
    await t.rejects(cache.compile({ ebnf: 'root ::= missing' }), { code: 'GRAMMAR_INVALID', message: /missing/ })
  t.match(cache.status, { entries: 1, misses: 1, hits: 2 })
})

t.test('a fault of the engine is not remembered as one of the grammar', async t => {
  let faults = 1
  const limits = {
    get nodes(): number {
      if (faults-- > 0) throw new Error('out of luck')
      return 1_000_000
    },
  }
  const cache = new GrammarCache(byteVocabulary, { limits: limits as never })
  t.teardown(() => cache.close())
  await t.rejects(cache.compile({ regex: 'a+' }), { code: 'ENGINE_FAILED' })
  t.equal(takes(await cache.compile({ regex: 'a+' }), 'aa'), true)
})

t.test('what takes longer than the inline time is compiled in the thread, with the same result', async t => {
  const cache = new GrammarCache(byteVocabulary, { inlineMs: 0 })
  t.teardown(() => cache.close())
  const grammar = await cache.compile({ choices: manyChoices })
  t.equal(takes(grammar, 'choice number 4999'), true)
  t.equal(takes(grammar, 'choice number 5000'), false)
  await t.rejects(cache.compile({ choices: [...manyChoices, 7 as never] }), { code: 'GRAMMAR_INVALID' })
  cache.checkIntegrity()
})

t.test('a grammar that overruns its time is killed; the next one gets a new thread', async t => {
  const cache = new GrammarCache(byteVocabulary, { inlineMs: 0, timeoutMs: 1 })
  t.teardown(() => cache.close())
  await t.rejects(cache.compile({ choices: manyChoices }), { code: 'GRAMMAR_TOO_COMPLEX', message: /longer than 1 ms/ })
  await t.rejects(cache.compile({ choices: manyChoices }), { code: 'GRAMMAR_TOO_COMPLEX' })
  t.equal(cache.status.misses, 1)
  const small = await cache.compile({ choices: ['a'] })
  t.equal(takes(small, 'a'), true)
  cache.checkIntegrity()
})

t.test('a closed cache rejects what waits and what comes', async t => {
  const cache = new GrammarCache(byteVocabulary, { inlineMs: 0 })
  const waiting = cache.compile({ choices: manyChoices })
  const rejected = t.rejects(waiting, { code: 'ENGINE_CLOSED' })
  await cache.close()
  await rejected
  await t.rejects(cache.compile({ choices: manyChoices.slice(1) }), { code: 'ENGINE_CLOSED' })
})

t.test('thousands of different grammars and mistakes stay within the bound', async t => {
  const cache = new GrammarCache(byteVocabulary, { maxBytes: 4 * 2 ** 20, maxMaskBytes: 2 ** 20 })
  t.teardown(() => cache.close())
  const row = new Int32Array(9)
  for (let index = 0; index < 1_000; index++) {
    const grammar = await cache.compile({ choices: [`a${index}`, `b${index}`] })
    grammar.matcher().fillMask(row)
    await t.rejects(cache.compile({ ebnf: `root ::= r${index}` }), { code: 'GRAMMAR_INVALID' })
  }
  t.ok(cache.status.bytes <= 4 * 2 ** 20)
  t.ok(cache.status.maskBytes <= 2 ** 20)
  cache.checkIntegrity()
})

t.test('a store that was packed and restored has the same ids and the same language', async t => {
  const { store, root } = compileExpression({ kind: 'any-json', whitespace: { max: 3 } }, {})
  new JsonText(store).string(0, 1_000)
  const packed = structuredClone(packStore(store, root))
  const copy = new ExpressionStore()
  for (const _ of restoreStore(packed, copy)) t.pass('breathes')
  t.equal(copy.size, store.size)
  t.equal(copy.stringCharacter, store.stringCharacter)
  let [a, b] = [root, packed.root]
  for (const byte of Buffer.from('{"a":[1, true,"\\u00e9"]}')) {
    a = store.derivative(a, byte)
    b = copy.derivative(b, byte)
    t.equal(a, b)
  }
  t.equal(copy.isNullable(b), true)
})

t.test('rules without end cannot be sent to another thread and are refused', async t => {
  const { store, root } = compileExpression(
    { kind: 'any-json', whitespace: { indent: 2 } },
    { limits: { maxExpressions: 5_000 } },
  )
  t.throws(() => packStore(store, root), { code: 'GRAMMAR_TOO_COMPLEX' })
})

t.test('what the mask leaves out is validated in the finished text, when asked for', async t => {
  const cache = new GrammarCache(byteVocabulary)
  t.teardown(() => cache.close())
  const schema = { type: 'array', items: { type: ['string', 'array'] }, uniqueItems: true }
  await t.rejects(cache.compile({ jsonSchema: schema }), { code: 'GRAMMAR_UNSUPPORTED', message: /uniqueItems/ })
  const grammar = await cache.compile({ jsonSchema: schema, unsupported: 'validate' })
  t.match(grammar.issues, [{ keyword: 'uniqueItems' }])
  t.match(grammar.validate?.('["a","a"]'), [{ keyword: 'uniqueItems' }])
  t.same(grammar.validate?.('["a","b"]'), [])
  t.same(grammar.validate?.('["a","a'), [])
  t.equal((await cache.compile({ anyJson: true })).validate, null)
})
