import type { ModelCheckCommand } from './arguments.js'
import { type CommandContext, loadEngine } from './context.js'

/** Loads the model, tells what it is, and generates one token: files, graphs and tokenizer all work. */
export async function checkModel(command: ModelCheckCommand, context: CommandContext): Promise<number> {
  const startedAt = performance.now()
  const engine = await loadEngine(command.engine, context)
  try {
    const { model } = engine
    const loadSeconds = (performance.now() - startedAt) / 1000
    const { usage } = await engine.generate({
      prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'a' }] },
      sampling: { maxTokens: 1, temperature: 0, ignoreEos: true },
    }).result
    const facts: readonly (readonly [name: string, value: string])[] = [
      ['model', model.name],
      ['path', model.path],
      ['family', model.family],
      ['context', `${model.contextLength} tokens`],
      ['vocabulary', `${model.vocabSize} tokens`],
      ['loaded in', `${loadSeconds.toFixed(1)} s`],
      ['generated', `${usage.completionTokens} token`],
    ]
    await context.terminal.stdout.write(facts.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join(''))
    return 0
  } finally {
    await engine.close()
  }
}
