import t from 'tap'
import { answerAll, compare, folderOf, withEngine } from '../support/family-checks.js'
import { originalGoldens } from '../support/family-goldens.js'

const cachePath = t.testdir()

for (const set of originalGoldens.sets) {
  const title = Object.values(set.variant?.fields ?? {}).join(', ')
  t.test(`${set.checkpoint} with ${title}: probabilities are those of the original order of operations`, async t => {
    const model = folderOf(t, set)
    await withEngine({ model, cachePath }, async engine => {
      const results = await answerAll(engine, set.cases, () => 0)
      for (const [at, golden] of set.cases.entries()) compare(t, engine, golden, results[at]!, 0)
      engine.checkIntegrity()
    })
  })
}
