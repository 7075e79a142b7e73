import { CHOICES } from '../../config.js'
import type { ModelDescription } from '../../engine/describe.js'
import type { GenerateResult } from '../../protocol/backend.js'
import type { Engine } from '../../protocol/engine.js'
import { EngineError } from '../../protocol/error.js'
import type { ModelCheckCommand } from './arguments.js'
import { type CommandContext, loadEngine } from './context.js'
import { judge } from './verdict.js'

/** A PNG of 8 x 8 pixels in one colour: enough for decoder, preprocessing and tower. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mOI6jmBFTEMLQkA5a9rgdJzSQIAAAAASUVORK5CYII=',
  'base64',
)

/** A rounded activation that falls on the other side of a half changes this much and little more. */
const CACHED_LIMIT = 0.05

type Facts = readonly (readonly [name: string, value: string])[]

/**
 * Tells what a model is, compares what its graphs compute with what they should, and generates a token about a picture
 * twice, the second time from the cache. Throws MODEL_CORRUPT or KERNEL_FAILED when numbers are not what they should be.
 */
export async function checkModel(command: ModelCheckCommand, context: CommandContext): Promise<number> {
  const write = (facts: Facts): Promise<boolean> =>
    context.terminal.stdout.write(facts.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join(''))
  const { pictures, clips } = command
  const description = await context.describeModel(command.engine, { pictures, clips })
  await write(describe(description))
  const verification = await context.verifyModel(command.engine)
  const { lines, failure } = judge(description.path, command.engine.precision ?? 'float32', verification)
  await write(lines)
  if (failure !== null) throw failure
  const startedAt = performance.now()
  const engine = await loadEngine(command.engine, context)
  try {
    const loadSeconds = (performance.now() - startedAt) / 1000
    const first = await ask(engine)
    const again = await ask(engine)
    const { usage } = first
    await write([
      ['vocabulary', `${engine.model.vocabSize} tokens`],
      ['loaded in', `${loadSeconds.toFixed(1)} s`],
      [
        'generated',
        `${usage.completionTokens} token after ${usage.promptTokens}, a picture's ${usage.imageTokens} among them`,
      ],
      ['again', tellRepeated(first, again)],
    ])
    return 0
  } finally {
    await engine.close()
  }
}

function ask(engine: Engine): Promise<GenerateResult> {
  const content = [
    { kind: 'image', image: { bytes: PICTURE, label: 'the picture' } },
    { kind: 'text', text: 'What is this?' },
  ] as const
  return engine.generate({
    prompt: { kind: 'chat', messages: [{ role: 'user', content }] },
    sampling: { maxTokens: 1, temperature: 0, ignoreEos: true },
    logprobs: { top: 0 },
  }).result
}

/** Throws KERNEL_FAILED when the cache changed the answer. */
function tellRepeated(first: GenerateResult, again: GenerateResult): string {
  const [token, other] = [first.logprobs?.[0], again.logprobs?.[0]]
  const difference = Math.abs((token?.logprob ?? 0) - (other?.logprob ?? 0))
  if (first.tokenIds[0] !== again.tokenIds[0] || !(difference < CACHED_LIMIT)) {
    const what = `the same question had another answer from the cache (log-probability ${token?.logprob}, then ${other?.logprob}).`
    throw new EngineError('KERNEL_FAILED', { pool: 'decoder', what })
  }
  return `the same token with ${again.usage.cachedTokens} tokens from the cache, log-probability within ${difference.toExponential(1)}`
}

/** Facts from configuration and headers, in the order they are shown. */
export function describe({ name, path, summary, pictures, clips }: ModelDescription): Facts {
  const { text, vision, projector } = summary.parameters
  return [
    ['model', name],
    ['path', path],
    ['family', `${summary.family}, ${summary.layout} layout`],
    [
      'parts',
      `${summary.textArchitecture} ${count(text)}, ${summary.visionArchitecture} ${count(vision)}, connector ${count(projector)}`,
    ],
    ['context', `${summary.contextLength} tokens, ${bytes(summary.kvBytesPerToken)} of keys and values each`],
    ['tile', `${summary.tokensPerTile} tokens`],
    ...pictures.map(({ size, tiles, tokens }): Facts[number] => [
      'picture',
      `${size.width}x${size.height}: ${tokens} tokens of ${tiles} ${tiles === 1 ? 'tile' : 'tiles'}`,
    ]),
    ...clips.map(({ frames, tokens }): Facts[number] => ['clip', `${frames} frames: ${tokens} tokens`]),
    ...CHOICES.precision.map((precision): Facts[number] => {
      const { decoderBytes, visionBytes, embeddingBytes } = summary.memory[precision]
      return [precision, `${bytes(decoderBytes + visionBytes + embeddingBytes)} of weights`]
    }),
  ]
}

/** Parameters: 2.6 M, 7.1 G. */
function count(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} G` : `${(value / 1e6).toFixed(1)} M`
}

function bytes(value: number): string {
  if (value >= 2 ** 30) return `${(value / 2 ** 30).toFixed(1)} GiB`
  return value >= 2 ** 20 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 10).toFixed(1)} KiB`
}
