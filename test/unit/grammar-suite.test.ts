import t from 'tap'
import { SuiteRunner } from '../../bench/grammar-cases.js'
import { compareMasks } from '../../bench/grammar-masks.js'
import { Oracle } from '../../bench/grammar-oracle.js'
import { REALISTIC_SCHEMAS } from '../../bench/grammar-schemas.js'
import { readPackage } from '../../bench/grammar-suites.js'
import { readVocabulary } from '../../bench/grammar-vocabulary.js'
import { walkInside } from '../../bench/grammar-walks.js'
import { repositoryRoot } from '../support/paths.js'
import { byteVocabulary, makeRandom, syntheticVocabulary } from '../support/vocabularies.js'

const realistic = Object.entries(REALISTIC_SCHEMAS).map(([name, schema]) => ({ name, schema }))

t.test('the npm package of the official suite passes, all but named refusals and keys out of order', t => {
  const set = readPackage()
  t.ok(set.missing.includes('maskbench'), 'what the package does not hold is named')
  const runner = new SuiteRunner(byteVocabulary, 'schema')
  let tests = 0
  for (const suite of set.suites) {
    const tally = runner.run(suite)
    tests += tally.tests
    t.same(
      Object.keys(tally.wrongTests).filter(wrong => wrong !== 'out of order'),
      [],
      suite.name,
    )
    t.ok(tally.passedTests >= 0.9 * tally.tests, `${suite.name}: ${tally.passedTests} of ${tally.tests} pass`)
    t.same(
      tally.failures.filter(({ verdict }) => verdict !== 'refused' && verdict !== 'out of order'),
      [],
    )
  }
  t.equal(tests, 285)
  t.end()
})

t.test('random walks inside the mask parse and are valid', t => {
  const report = walkInside(realistic, syntheticVocabulary(2_000), { walks: 500, random: makeRandom(31) })
  t.equal(report.walks, 500)
  t.equal(report.refused, 0)
  t.equal(report.ownValidator, 0, 'Ajv judges every one of them')
  t.same(report.limits, {})
  t.same(report.failures, [])
  t.end()
})

t.test('the oracle finds what is wrong, and names where Ajv is', t => {
  const price = new Oracle({ multipleOf: 0.01 })
  t.equal(price.opinionOn(1.25).kind, 'agrees')
  t.equal(price.opinionOn(1.255).kind, 'wrong')
  t.equal(price.opinionOn(1.13).kind, 'explained')
  const mail = new Oracle({ properties: { to: { format: 'email' } } })
  t.equal(mail.opinionOn({ to: 'a@b' }).kind, 'explained')
  t.equal(mail.opinionOn({ to: 'a' }).kind, 'wrong')
  t.equal(new Oracle(false).opinionOn(1).kind, 'wrong')
  t.end()
})

t.test("masks over the pocket model's own tokenizer equal acceptance token by token", t => {
  const vocabulary = readVocabulary(`${repositoryRoot()}/models/pocket-v0/tokenizer.json`)
  const report = compareMasks(realistic, vocabulary, { checks: 50_000, random: makeRandom(32) })
  t.ok(report.checks >= 50_000)
  t.ok(report.states > 50)
  t.same(report.differences, [])
  t.end()
})
