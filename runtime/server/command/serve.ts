import { readFile, realpath } from 'node:fs/promises'
import type { Engine } from '../../protocol/engine.js'
import { createImageLoader } from '../image-loader.js'
import { listen } from '../main.js'
import type { ServerOptions } from '../options.js'
import { type ServeCommand, UsageError } from './arguments.js'
import { type CommandContext, loadEngine } from './context.js'
import { errorCode, reason } from './pictures.js'

/** Serves until interrupted; returns the exit status. Throws UsageError, and what making the engine throws. */
export async function serve(command: ServeCommand, context: CommandContext): Promise<number> {
  const options = await serverOptions(command)
  const engine = await loadEngine(command.engine, context)
  try {
    return await run(engine, command, options, context.terminal)
  } finally {
    await engine.close()
  }
}

async function run(
  engine: Engine,
  command: ServeCommand,
  options: ServerOptions,
  terminal: CommandContext['terminal'],
): Promise<number> {
  let interrupts = 0
  let interrupt: () => void = () => undefined
  const interrupted = new Promise<void>(resolve => {
    interrupt = resolve
  })
  // Before listening: a signal while the port is being taken must drain too.
  const forget = terminal.onInterrupt(() => {
    if (++interrupts === 1) interrupt()
    else terminal.exitNow(130)
  })
  try {
    const server = await listen(engine, {
      ...options,
      host: command.host,
      port: command.port,
      ...(command.isLogging && {
        onResponse: ({ id, method, path, status, durationMs }) => {
          void terminal.stderr.write(`${method} ${path} ${status} ${Math.round(durationMs)} ms ${id}\n`)
        },
      }),
    }).catch(error => {
      throw new UsageError(listenFailure(error, command), { cause: error })
    })
    await terminal.stdout.write(`radiant is ready at ${server.address} (model ${engine.model.name})\n`)
    await interrupted
    await terminal.stderr.write('Shutting down: running requests may end, another Ctrl-C stops at once.\n')
    await server.shutDown(command.drainMs)
    return 0
  } finally {
    forget()
  }
}

async function serverOptions(command: ServeCommand): Promise<ServerOptions> {
  const apiKey = command.apiKeyPath === null ? null : await readKey(command.apiKeyPath)
  const folder = command.imageFolder === null ? null : await existingFolder(command.imageFolder)
  const needsLoader = command.fetchesUrls || folder !== null
  return {
    bodyLimit: command.bodyLimit,
    ...(apiKey !== null && { apiKey }),
    ...(needsLoader && { imageLoader: createImageLoader({ fetchesUrls: command.fetchesUrls, folder }) }),
  }
}

async function readKey(path: string): Promise<string> {
  const content = await readFile(path, 'utf8').catch(error => {
    throw new UsageError(`The API key file ${path} cannot be read: ${reason(error)}.`, { cause: error })
  })
  const key = content.trim()
  if (key === '' || /\s/.test(key)) throw new UsageError(`The API key file ${path} must hold one word.`)
  return key
}

async function existingFolder(path: string): Promise<string> {
  return realpath(path).catch(error => {
    throw new UsageError(`The picture folder ${path} cannot be used: ${reason(error)}.`, { cause: error })
  })
}

function listenFailure(error: unknown, { host, port }: ServeCommand): string {
  const code = errorCode(error)
  if (code === 'EADDRINUSE') return `Port ${port} on ${host} is in use; choose another with --port.`
  if (code === 'EACCES')
    return `Port ${port} on ${host} may not be taken by this user; choose one over 1023 with --port.`
  return `Cannot listen on ${host}:${port}: ${reason(error)}.`
}
