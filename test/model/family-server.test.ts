import t from 'tap'
import { createEngine } from '../../runtime/engine.js'
import type { TokenLogprob } from '../../runtime/protocol/backend.js'
import { buildServer } from '../../runtime/server/app.js'
import {
  expandedIds,
  type FamilyCase,
  familyGoldens,
  largestDeviation,
  patternPng,
  type Told,
} from '../support/family-goldens.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

const TOLERANCE = 1e-4
const CASES = ['64x48', '14x112', '25x17', 'two']
const cachePath = t.testdir()

type Triple = readonly [logprob: number | null, tokenId: number, text: string | null]

/** The part of SGLang's answer that is compared. */
interface NativeAnswer {
  readonly output_ids: readonly number[]
  readonly meta_info: {
    readonly prompt_tokens: number
    readonly input_token_logprobs: readonly Triple[]
    readonly output_token_logprobs: readonly Triple[]
    readonly input_top_logprobs: readonly (readonly Triple[] | null)[]
    readonly output_top_logprobs: readonly (readonly Triple[])[]
  }
}

function toldOf({ meta_info: info }: NativeAnswer): Told {
  const told = (tokens: readonly Triple[], tops: NativeAnswer['meta_info']['input_top_logprobs']): TokenLogprob[] =>
    tokens.map(([logprob, tokenId], at) => {
      const top = (tops[at] ?? []).map(([logprob, tokenId]) => ({ tokenId, text: '', logprob: logprob! }))
      return { tokenId, text: '', logprob, top }
    })
  return {
    promptLogprobs: told(info.input_token_logprobs, info.input_top_logprobs),
    logprobs: told(info.output_token_logprobs, info.output_top_logprobs),
  }
}

async function imageData({ parts }: FamilyCase): Promise<string[]> {
  const sizes = parts.flatMap(part => ('image' in part ? [part.image] : []))
  return Promise.all(sizes.map(async size => (await patternPng(size)).toString('base64')))
}

function textOf({ parts }: FamilyCase): string {
  return parts.map(part => ('text' in part ? part.text : '<image>')).join('')
}

for (const { checkpoint, variant, cases } of familyGoldens.sets) {
  if (variant !== undefined) continue
  t.test(`${checkpoint} over HTTP, as text and as ids, tells the numbers of transformers`, async t => {
    const engine = await createEngine({ model: checkpointPath(checkpoint), cachePath, threads: 1, visionThreads: 1 })
    const server = buildServer(engine)
    t.teardown(async () => {
      await server.close()
      await engine.close()
    })
    for (const golden of cases.filter(({ name }) => CASES.includes(name))) {
      const ids = expandedIds(golden, engine.model.imageTokenId)
      const image_data = await imageData(golden)
      for (const prompt of [{ text: textOf(golden) }, { input_ids: ids }]) {
        const response = await server.inject({
          method: 'POST',
          url: '/generate',
          payload: {
            ...prompt,
            image_data,
            sampling_params: { max_new_tokens: golden.answer.length, temperature: 0, ignore_eos: true },
            return_logprob: true,
            logprob_start_len: 0,
            top_logprobs_num: 4,
          },
        })
        const name = `${golden.name} as ${Object.keys(prompt)}`
        t.equal(response.statusCode, 200, `${name}: ${response.statusCode === 200 ? 'served' : response.body}`)
        const answer: NativeAnswer = response.json()
        t.same(answer.output_ids, golden.answer, `${name}: the answer`)
        t.equal(answer.meta_info.prompt_tokens, ids.length)
        t.same(
          answer.meta_info.input_token_logprobs.map(([, tokenId]) => tokenId),
          ids,
          `${name}: the prompt`,
        )
        const deviation = largestDeviation(golden, toldOf(answer), 0)
        t.ok(deviation < TOLERANCE, `${name}: log-probabilities within ${deviation}`)
      }
    }
  })
}
