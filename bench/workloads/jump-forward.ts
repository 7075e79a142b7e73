import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine, type RadiantEngine } from '../../runtime/engine.js'
import type { JsonSchema } from '../../runtime/protocol/backend.js'
import { type Measurement, median, spread, type Workload, type WorkloadOptions } from '../workload.js'

const PICTURES = 'examples/pictures'

interface Document {
  readonly bytes: Uint8Array
  readonly prompt: string
  readonly schema: JsonSchema
}

interface Turn {
  readonly seconds: number
  readonly tokens: number
  readonly forced: number
  readonly decodeSteps: number
}

/** The same pictures read into JSON with and without appending what the schema dictates; texts must be equal. */
export const jumpForward: Workload = {
  name: 'jump-forward',
  summary: 'JSON from pictures with and without appending what the schema dictates: steps and throughput',
  async run({ model, repeat }: WorkloadOptions, report): Promise<Measurement> {
    const documents = readDocuments()
    const engines = {
      on: await createEngine({ model, jumpForward: true }),
      off: await createEngine({ model, jumpForward: false }),
    }
    const turns: Record<'on' | 'off', Turn[]> = { on: [], off: [] }
    for (let turn = 0; turn <= repeat; turn++) {
      const texts: Record<string, string> = {}
      for (const name of ['on', 'off'] as const) {
        const { measured, text } = await extractAll(engines[name], documents)
        texts[name] = text
        if (turn > 0) turns[name].push(measured)
      }
      if (texts.on !== texts.off) throw new Error('jump-forward changed a text')
    }
    await Promise.all([engines.on.close(), engines.off.close()])
    const speed = (name: 'on' | 'off'): number[] => turns[name].map(({ tokens, seconds }) => tokens / seconds)
    const { tokens, forced, decodeSteps } = turns.on[0]!
    report(`with:    ${spread(speed('on'))} tokens/s, ${decodeSteps} decode steps`)
    report(`without: ${spread(speed('off'))} tokens/s, ${turns.off[0]!.decodeSteps} decode steps`)
    report(`${forced} of ${tokens} tokens were dictated by the schemas`)
    const gains = turns.on.map((turn, index) => turns.off[index]!.seconds / turn.seconds)
    return {
      metrics: {
        tokensPerSecondWith: median(speed('on')),
        tokensPerSecondWithout: median(speed('off')),
        decodeStepsWith: decodeSteps,
        decodeStepsWithout: turns.off[0]!.decodeSteps,
      },
      ratios: { throughputGain: median(gains), forcedShare: forced / tokens },
    }
  },
}

function readDocuments(): Document[] {
  const rows = readFileSync(join(PICTURES, 'labels.jsonl'), 'utf8').trim().split('\n')
  return rows.map(row => {
    const { image, prompt, schema } = JSON.parse(row)
    return { bytes: readFileSync(join(PICTURES, image)), prompt, schema }
  })
}

/** Pictures are computed before the clock starts, so that only decoding is compared. */
async function extractAll(
  engine: RadiantEngine,
  documents: readonly Document[],
): Promise<{ measured: Turn; text: string }> {
  const ask = ({ bytes, prompt, schema }: Document) => {
    const content = [
      { kind: 'image', image: { bytes } },
      { kind: 'text', text: prompt },
    ] as const
    const chat = { kind: 'chat', messages: [{ role: 'user', content }] } as const
    return { prompt: chat, constraint: { kind: 'json-schema', schema } as const }
  }
  await engine.flushCache()
  for (const document of documents) await engine.warm(ask(document).prompt)
  const before = engine.status()
  const begun = performance.now()
  const results = await Promise.all(documents.map(document => engine.generate(ask(document)).result))
  const seconds = (performance.now() - begun) / 1000
  const after = engine.status()
  return {
    measured: {
      seconds,
      tokens: after.generatedTokens - before.generatedTokens,
      forced: after.forcedTokens - before.forcedTokens,
      decodeSteps: after.decodeSteps - before.decodeSteps,
    },
    text: results.map(result => result.text).join('\n'),
  }
}
