import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createEngine } from '../../runtime/engine.js'
import type { Prompt } from '../../runtime/protocol/backend.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { repositoryRoot } from '../support/paths.js'

/** Written by training/fixtures/make_answers.py: transformers from the picture file to the last token. */
const golden: {
  readonly prompt: readonly [before: string, after: string]
  readonly cases: readonly {
    readonly checkpoint: string
    readonly picture: string
    readonly ids: readonly number[]
    readonly answer: readonly number[]
  }[]
} = JSON.parse(readFileSync(checkpointPath('answers.json'), 'utf8'))

const checkpoints = [...new Set(golden.cases.map(({ checkpoint }) => checkpoint))]

for (const checkpoint of checkpoints) {
  t.test(`${checkpoint} answers about pictures as it does in transformers`, async t => {
    const engine = await createEngine({ model: checkpointPath(checkpoint), cachePath: t.testdir(), threads: 1 })
    t.teardown(() => engine.close())
    const [before, after] = golden.prompt
    const cases = golden.cases.filter(each => each.checkpoint === checkpoint)
    // All at once: the answers must not depend on what else is in the batch.
    const results = await Promise.all(
      cases.map(({ picture, answer }) => {
        const bytes = readFileSync(join(repositoryRoot(), 'test', 'fixtures', 'images', picture))
        const prompt: Prompt = {
          kind: 'raw',
          parts: [
            { kind: 'text', text: before },
            { kind: 'image', image: { bytes } },
            { kind: 'text', text: after },
          ],
        }
        return engine.generate({ prompt, sampling: { maxTokens: answer.length, ignoreEos: true } }).result
      }),
    )
    for (const [i, { picture, ids, answer }] of cases.entries()) {
      t.equal(results[i]!.usage.promptTokens, ids.length, `${picture} takes as many tokens`)
      t.same(results[i]!.tokenIds, answer, `${picture} gets the same answer`)
    }
  })
}
