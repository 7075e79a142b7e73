import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createEngine, type EngineOptions, type RadiantEngine } from '../../runtime/engine.js'
import type { GenerateRequest, GenerateResult } from '../../runtime/protocol/backend.js'
import { buildServer } from '../../runtime/server/app.js'
import {
  contentOf,
  expandedIds,
  type FamilyCase,
  type FamilySet,
  familyGoldens,
  largestDeviation,
} from '../support/family-goldens.js'
import { askNative, textOf } from '../support/family-http.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

const TOLERANCE = 1e-4
const { last, sets } = familyGoldens
/** Cases that are asked over HTTP as well. */
const SERVED = ['64x48', '14x112', '25x17', 'two']
/** One of each way to pack, and a window of attention: that all of them can be cut anywhere, checkpoint-golden.test.ts shows. */
const CHUNKED = [
  'llava-clip-llama',
  'next-clip-mistral',
  'video-clip-llama',
  'video-clip-mistral-max',
  'original-clip-llama',
]
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

/** As text and as ids, over HTTP. */
async function compareServed(t: Test, engine: RadiantEngine, cases: readonly FamilyCase[]): Promise<void> {
  const server = buildServer(engine)
  for (const golden of cases.filter(({ name }) => SERVED.includes(name))) {
    const ids = expandedIds(golden, engine.model.imageTokenId)
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
