import t, { type Test } from 'tap'
import type { RadiantEngine } from '../../runtime/engine.js'
import { buildServer } from '../../runtime/server/app.js'
import { answerAll, compare, folderOf, TOLERANCE, withEngine } from '../support/family-checks.js'
import { expandedIds, type FamilyCase, familyGoldens, largestDeviation } from '../support/family-goldens.js'
import { askNative, textOf } from '../support/family-http.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

const { last, sets } = familyGoldens
/** Cases that are asked over HTTP as well. */
const SERVED = ['64x48', '14x112', '25x17', 'two', '1 frames', '8 frames', '16 frames', '56 frames', 'both']
/** One of each way to pack, and a window of attention: that all of them can be cut anywhere, checkpoint-golden.test.ts shows. */
const CHUNKED = [
  'llava-clip-llama',
  'next-clip-mistral',
  'video-clip-llama',
  'video-clip-mistral-max',
  'original-clip-llama',
]
const cachePath = t.testdir()

/** As text and as ids, over HTTP. */
async function compareServed(t: Test, engine: RadiantEngine, cases: readonly FamilyCase[]): Promise<void> {
  const server = buildServer(engine)
  for (const golden of cases.filter(({ name }) => SERVED.includes(name))) {
    const ids = expandedIds(golden, engine.model)
    for (const prompt of [{ text: textOf(golden) }, { input_ids: ids }]) {
      const { status, answer, told } = await askNative(server, golden, prompt)
      const name = `${golden.name} as ${Object.keys(prompt)}`
      t.equal(status, 200, name)
      t.same(answer.output_ids, golden.answer, `${name}: the answer`)
      t.equal(answer.meta_info.prompt_tokens, ids.length)
      t.same(
        told.promptLogprobs!.map(({ tokenId }) => tokenId),
        ids,
        `${name}: the prompt`,
      )
      const deviation = largestDeviation(golden, told, 0)
      t.ok(deviation < TOLERANCE, `${name}: log-probabilities within ${deviation}`)
    }
  }
  await server.close()
}

for (const set of sets) {
  const title = [set.checkpoint, ...(set.variant ? [JSON.stringify(set.variant.fields)] : [])].join(' with ')
  t.test(`${title}: prompts, probabilities and answers are those of transformers`, async t => {
    const model = folderOf(t, set)
    await withEngine({ model, cachePath }, async engine => {
      const results = await answerAll(engine, set.cases, () => 0)
      for (const [at, golden] of set.cases.entries()) compare(t, engine, golden, results[at]!, 0)
      // Log-probabilities of the last positions alone leave the rest to the cache.
      const tail = (golden: FamilyCase) => expandedIds(golden).length - last
      const again = await answerAll(engine, set.cases, tail)
      for (const [at, golden] of set.cases.entries()) {
        compare(t, engine, golden, again[at]!, tail(golden))
        const { cachedTokens, imageEncodes } = again[at]!.usage
        t.same([cachedTokens, imageEncodes], [tail(golden) - 1, 0], `${golden.name}: from the cache`)
      }
      if (set.variant === undefined) await compareServed(t, engine, set.cases)
      engine.checkIntegrity()
    })
  })
}

for (const { checkpoint, cases } of sets.filter(set => CHUNKED.includes(set.checkpoint) && !set.variant)) {
  t.test(`${checkpoint} without a cache, five rows at a time`, async t => {
    // No row of a map, tile or picture ends where a chunk does.
    const options = { model: checkpointPath(checkpoint), prefixCache: false, maxChunk: 5 }
    await withEngine({ ...options, cachePath }, async engine => {
      const results = await answerAll(engine, cases, () => 0)
      for (const [at, golden] of cases.entries()) {
        compare(t, engine, golden, results[at]!, 0)
        t.equal(results[at]!.usage.cachedTokens, 0)
      }
      engine.checkIntegrity()
    })
  })
}
