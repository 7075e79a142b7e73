import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine, type RadiantEngine } from '../../runtime/engine.js'
import type { Usage } from '../../runtime/protocol/backend.js'
import { type Measurement, median, spread, type Workload, type WorkloadOptions } from '../workload.js'

const PICTURES = 'examples/pictures'
const QUESTIONS = ['What kind of document is this?', 'Read all text.']
const MAX_TOKENS = 8

/** Time to the end of a short answer, and how much of a picture was computed for it. */
export const secondQuestion: Workload = {
  name: 'second-question',
  summary: 'a second question about a picture against the first: encodes, image tokens computed, time',
  async run({ model, repeat }: WorkloadOptions, report): Promise<Measurement> {
    const engine = await createEngine({ model })
    const pictures = readdirSync(PICTURES).filter(name => name.endsWith('.png'))
    const times: { first: number[]; second: number[] } = { first: [], second: [] }
    const sums = { encodes: [0, 0], imagePrefill: [0, 0], computed: [0, 0] }
    for (let turn = 0; turn <= repeat; turn++) {
      await engine.flushCache()
      for (const name of pictures) {
        const bytes = readFileSync(join(PICTURES, name))
        for (const [index, question] of QUESTIONS.entries()) {
          const { ms, usage } = await ask(engine, bytes, question)
          if (turn === 0) continue
          times[index === 0 ? 'first' : 'second'].push(ms)
          sums.encodes[index]! += usage.imageEncodes
          sums.imagePrefill[index]! += usage.imageTokens - usage.cachedImageTokens
          sums.computed[index]! += usage.promptTokens - usage.cachedTokens
        }
      }
    }
    await engine.close()
    const asked = repeat * pictures.length
    for (const [index, name] of (['first', 'second'] as const).entries()) {
      report(
        `${name} question: ${spread(times[name])} ms, ${sums.encodes[index]! / asked} encodes, ` +
          `${sums.imagePrefill[index]! / asked} image tokens and ${sums.computed[index]! / asked} prompt tokens computed`,
      )
    }
    return {
      metrics: {
        firstMs: median(times.first),
        secondMs: median(times.second),
        secondEncodes: sums.encodes[1]! / asked,
        secondImageTokensComputed: sums.imagePrefill[1]! / asked,
        secondPromptTokensComputed: sums.computed[1]! / asked,
      },
      ratios: { firstOverSecond: median(times.first) / median(times.second) },
    }
  },
}

async function ask(engine: RadiantEngine, bytes: Uint8Array, text: string): Promise<{ ms: number; usage: Usage }> {
  const content = [
    { kind: 'image', image: { bytes } },
    { kind: 'text', text },
  ] as const
  const begun = performance.now()
  const { usage } = await engine.generate({
    prompt: { kind: 'chat', messages: [{ role: 'user', content }] },
    sampling: { maxTokens: MAX_TOKENS },
  }).result
  return { ms: performance.now() - begun, usage }
}
