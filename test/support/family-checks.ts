import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createEngine, type EngineOptions, type RadiantEngine } from '../../runtime/engine.js'
import type { GenerateRequest, GenerateResult } from '../../runtime/protocol/backend.js'
import { contentOf, expandedIds, type FamilyCase, type FamilySet, largestDeviation } from './family-goldens.js'
import { checkpointPath } from './golden-checkpoint.js'

/** Most that a log-probability may differ from the reference's. */
export const TOLERANCE = 1e-4

async function requestOf(golden: FamilyCase, promptFrom: number): Promise<GenerateRequest> {
  return {
    prompt: { kind: 'raw', parts: await contentOf(golden) },
    sampling: { maxTokens: golden.answer.length, ignoreEos: true },
    logprobs: { top: 4, promptFrom },
  }
}

/** All cases at once, so that batches are mixed. */
export async function answerAll(
  engine: RadiantEngine,
  cases: readonly FamilyCase[],
  promptFrom: (golden: FamilyCase) => number,
): Promise<GenerateResult[]> {
  const requests = await Promise.all(cases.map(golden => requestOf(golden, promptFrom(golden))))
  return Promise.all(requests.map(request => engine.generate(request).result))
}

export function compare(
  t: Test,
  engine: RadiantEngine,
  golden: FamilyCase,
  result: GenerateResult,
  promptFrom: number,
): void {
  const ids = expandedIds(golden, engine.model)
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
export function folderOf(t: Test, { checkpoint, variant }: FamilySet): string {
  if (variant === undefined) return checkpointPath(checkpoint)
  const folder = t.testdir()
  for (const name of [checkpoint, 'clip-tiny-patch7-28', 'siglip-tiny-patch7-35'])
    cpSync(checkpointPath(name), join(folder, name), { recursive: true })
  const file = join(folder, checkpoint, variant.file)
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...variant.fields }))
  return join(folder, checkpoint)
}

export async function withEngine(options: EngineOptions, use: (engine: RadiantEngine) => Promise<void>): Promise<void> {
  const engine = await createEngine({ threads: 1, visionThreads: 1, ...options })
  await use(engine).finally(() => engine.close())
}
