import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createEngine, type EngineOptions, type RadiantEngine } from '../../runtime/engine.js'
import type { GenerateRequest, GenerateResult } from '../../runtime/protocol/backend.js'
import {
  contentOf,
  expandedIds,
  type FamilyCase,
  type FamilySet,
  familyGoldens,
  largestDeviation,
} from '../support/family-goldens.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

const TOLERANCE = 1e-4
const { last, sets } = familyGoldens
const cachePath = t.testdir()

async function requestOf(golden: FamilyCase, promptFrom: number): Promise<GenerateRequest> {
  return {
    prompt: { kind: 'raw', parts: await contentOf(golden) },
    sampling: { maxTokens: golden.answer.length, ignoreEos: true },
    logprobs: { top: 4, promptFrom },
  }
}

/** All cases at once, so that batches are mixed. */
async function answerAll(
  engine: RadiantEngine,
  cases: readonly FamilyCase[],
  promptFrom: (golden: FamilyCase) => number,
): Promise<GenerateResult[]> {
  const requests = await Promise.all(cases.map(golden => requestOf(golden, promptFrom(golden))))
  return Promise.all(requests.map(request => engine.generate(request).result))
}

function compare(t: Test, engine: RadiantEngine, golden: FamilyCase, result: GenerateResult, promptFrom: number): void {
  const ids = expandedIds(golden, engine.model.imageTokenId)
  t.same(
    result.promptLogprobs!.map(({ tokenId }) => tokenId),
    ids.slice(promptFrom),
    `${golden.name}: the prompt`,
  )
  t.equal(result.usage.promptTokens, ids.length)
  t.same(result.tokenIds, golden.answer, `${golden.name}: the answer`)
  const deviation = largestDeviation(golden, result, promptFrom)
  t.ok(deviation < TOLERANCE, `${golden.name}: log-probabilities within ${deviation}`)
}

/** The checkpoint's folder, or a copy of it beside its neighbours with the variant's fields changed. */
function folderOf(t: Test, { checkpoint, variant }: FamilySet): string {
  if (variant === undefined) return checkpointPath(checkpoint)
  const folder = t.testdir()
  for (const name of [checkpoint, 'clip-tiny-patch7-28'])
    cpSync(checkpointPath(name), join(folder, name), { recursive: true })
  const file = join(folder, checkpoint, variant.file)
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...variant.fields }))
  return join(folder, checkpoint)
}

async function withEngine(options: EngineOptions, use: (engine: RadiantEngine) => Promise<void>): Promise<void> {
  const engine = await createEngine({ threads: 1, visionThreads: 1, ...options })
  await use(engine).finally(() => engine.close())
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
      engine.checkIntegrity()
    })
    // Five rows at a time: no row of a map, tile or picture ends where a chunk does.
    await withEngine({ model, cachePath, prefixCache: false, maxChunk: 5 }, async engine => {
      const results = await answerAll(engine, set.cases, () => 0)
      for (const [at, golden] of set.cases.entries()) {
        compare(t, engine, golden, results[at]!, 0)
        t.equal(results[at]!.usage.cachedTokens, 0)
      }
      engine.checkIntegrity()
    })
  })
}
