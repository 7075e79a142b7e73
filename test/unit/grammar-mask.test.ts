import t, { type Test } from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { Grammar } from '../../runtime/grammar/grammar.js'
import { compileGrammar, type GrammarSpecification } from '../../runtime/grammar/index.js'
import { JsonText } from '../../runtime/grammar/json-text.js'
import { legalByBytes, legalByMask } from '../support/mask-oracle.js'
import { randomExpression } from '../support/random-expression.js'
import { byteVocabulary, makeRandom, syntheticVocabulary } from '../support/vocabularies.js'

/** Walks at random inside the masks, checking each against brute force, until the text may end and chance ends it. */
function walk(t: Test, grammar: Grammar, random: () => number, limit: number): string {
  const matcher = grammar.matcher()
  const bytes: number[] = []
  for (let step = 0; step < limit; step++) {
    const legal = legalByMask(grammar, matcher)
    t.same(legal, legalByBytes(grammar, matcher.state), 'the mask equals acceptance token by token')
    const sparse = matcher.allowedIds()
    if (sparse !== null) t.same([...sparse], legal, 'the list equals the mask')
    t.not(legal.length, 0, 'there is always a way on')
    if (matcher.isComplete() && (matcher.mustStop() || random() < 0.2)) break
    const texts = legal.filter(id => !grammar.vocabulary.stopIds.includes(id))
    const id = texts[Math.floor(random() * texts.length)]!
    matcher.accept(id)
    bytes.push(...grammar.vocabulary.bytes(id)!)
  }
  for (const id of matcher.shortestCompletion()) {
    matcher.accept(id)
    bytes.push(...grammar.vocabulary.bytes(id)!)
  }
  t.equal(matcher.isComplete(), true, 'the shortest completion completes')
  matcher.checkIntegrity()
  return Buffer.from(bytes).toString()
}

const synthetic = syntheticVocabulary(2_000)

t.test('masks of random grammars equal brute force in every state, and never lead into a dead end', async t => {
  const random = makeRandom(11)
  for (let round = 0; round < 60; round++) {
    const store = new ExpressionStore()
    const root = store.prune(randomExpression(store, random, 4))
    if (root === store.fail) continue
    const vocabulary = round % 2 === 0 ? byteVocabulary : synthetic
    walk(t, new Grammar({ store, root }, vocabulary), random, 6)
  }
})

t.test('masks of JSON grammars equal brute force, and the text always parses', async t => {
  const random = makeRandom(12)
  const specifications: GrammarSpecification[] = [
    { anyJson: true },
    { anyJson: true, whitespace: { max: 2 } },
    { anyJson: true, whitespace: { indent: 2 } },
    { choices: ['"a"', '"ab"', '"世界"', '12', '123'] },
  ]
  for (const specification of specifications) {
    const grammar = compileGrammar(specification, synthetic)
    for (let round = 0; round < 5; round++) JSON.parse(walk(t, grammar, random, 12))
  }
})

t.test('masks near the end of a counted string equal brute force', async t => {
  const random = makeRandom(13)
  for (const [min, max] of [
    [0, 3],
    [2, 9],
    [5, 40],
    [0, 200],
  ] as const) {
    const store = new ExpressionStore()
    const grammar = new Grammar({ store, root: new JsonText(store).string(min, max) }, synthetic)
    for (let round = 0; round < 4; round++) {
      const length = [...(JSON.parse(walk(t, grammar, random, 15)) as string)].length
      t.ok(length >= min && length <= max)
    }
  }
})

t.test('special tokens, empty tokens and ids beyond the vocabulary are never legal', async t => {
  const matcher = compileGrammar({ anyJson: true }, synthetic).matcher()
  for (const id of [0, -1, synthetic.size, 1e9]) t.equal(matcher.tryAccept(id), false)
  t.throws(() => matcher.fillMask(new Int32Array(2)), { code: 'ENGINE_FAILED' })
})
