import { resolveConfig } from '../../runtime/config.js'
import { createEngine, type RadiantEngine } from '../../runtime/engine.js'
import { runKernelLoop } from '../kernel-loop.js'
import { type Measurement, median, spread, type Workload, type WorkloadOptions } from '../workload.js'

const BATCHES = [16, 4, 1]
/** Behind every sequence in the middle of the measured stretch, in both loops. */
const CONTEXT = 200
const STEPS = 128
/** Tokens before timing starts: by then all requests of a batch decode together. */
const LEAD = 24

/** Decode through the whole engine against the bare loop over the same graph: what scheduling, sampling and messages cost. */
export const engineOverhead: Workload = {
  name: 'engine-overhead',
  summary: 'decode through the whole engine against the bare kernel loop on the same graph',
  async run({ model, repeat }: WorkloadOptions, report): Promise<Measurement> {
    const config = resolveConfig({ model })
    const engine = await createEngine({ model })
    const metrics: Record<string, number> = {}
    const ratios: Record<string, number> = {}
    for (const batch of BATCHES) {
      const kernel: number[] = []
      const whole: number[] = []
      const shares: number[] = []
      for (let turn = 0; turn <= repeat; turn++) {
        const bare = await runKernelLoop({
          modelPath: engine.model.path,
          cachePath: config.cachePath,
          precision: config.precision,
          binding: config.binding,
          threads: config.threads,
          spinUs: 1000,
          slotCapacity: engine.limits.slotCapacity,
          batch,
          context: CONTEXT,
          steps: STEPS,
          prompts: Array.from({ length: batch }, (_, index) => tokensOf(engine, turn, index)),
        })
        const step = await decodeStepMs(engine, batch, turn)
        // The first turn warms both paths up.
        if (turn === 0) continue
        kernel.push(bare.meanMs)
        whole.push(step)
        shares.push(bare.meanMs / step)
      }
      report(`batch ${batch}: kernel ${spread(kernel)} ms, engine ${spread(whole)} ms a step, share ${spread(shares)}`)
      metrics[`kernelStepMs@${batch}`] = median(kernel)
      metrics[`engineStepMs@${batch}`] = median(whole)
      metrics[`engineTokensPerSecond@${batch}`] = (1000 * batch) / median(whole)
      ratios[`kernelShare@${batch}`] = median(shares)
    }
    await engine.close()
    return { metrics, ratios }
  },
}

function textOf(turn: number, index: number, length: number): string {
  return `${turn} ${index} `.padEnd(length, 'decode ')
}

/** As many tokens of the same text as the requests have behind them in the middle. */
function tokensOf(engine: RadiantEngine, turn: number, index: number): readonly number[] {
  return engine.tokenize(textOf(turn, index, 4 * CONTEXT)).slice(0, CONTEXT)
}

/**
 * Milliseconds from one token to the next of one of `batch` requests that decode together: the time of the whole stretch
 * by its tokens, as in the bare loop. Tokens arrive several at a time, so quantiles of the two would not compare.
 */
async function decodeStepMs(engine: RadiantEngine, batch: number, turn: number): Promise<number> {
  const maxTokens = LEAD + STEPS
  const promptTokens = CONTEXT - LEAD - STEPS / 2
  const requests = Array.from({ length: batch }, (_, index) => {
    // Different from the first letters on, so that nothing comes from the cache.
    const text = textOf(turn, index, promptTokens - 1)
    return engine.generate({
      prompt: { kind: 'raw', parts: [{ kind: 'text', text }] },
      sampling: { maxTokens, ignoreEos: true },
    })
  })
  const rest = Promise.all(requests.slice(1).map(request => request.result))
  let tokens = 0
  let first: { readonly tokens: number; readonly at: number } | null = null
  let lastAt = 0
  for await (const event of requests[0]!) {
    if (event.type !== 'text-delta') continue
    tokens += event.tokenIds.length
    lastAt = performance.now()
    if (tokens >= LEAD) first ??= { tokens, at: lastAt }
  }
  await rest
  return (lastAt - first!.at) / (tokens - first!.tokens)
}
