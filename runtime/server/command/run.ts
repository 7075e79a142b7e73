import { toEngineError } from '../../protocol/error.js'
import { parseCommand, UsageError } from './arguments.js'
import type { CommandContext } from './context.js'
import { extract } from './extract.js'
import { HELP } from './help.js'
import { checkModel } from './model-check.js'
import { serve } from './serve.js'

/** Runs one command line, `argv` without the program's name, and returns the exit status: 0, 1, 2 for wrong usage, 130 interrupted. Never throws. */
export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { stdout, stderr } = context.terminal
  try {
    const command = parseCommand(argv)
    switch (command.kind) {
      case 'help':
        await stdout.write(HELP[command.topic])
        return 0
      case 'version':
        await stdout.write(`${context.version}\n`)
        return 0
      case 'extract':
        return await extract(command, context)
      case 'serve':
        return await serve(command, context)
      case 'model-check':
        return await checkModel(command, context)
    }
  } catch (error) {
    if (error instanceof UsageError) {
      await stderr.write(`radiant: ${error.message}\n`)
      return 2
    }
    await stderr.write(`radiant: ${toEngineError(error).message}\n`)
    return 1
  }
}
