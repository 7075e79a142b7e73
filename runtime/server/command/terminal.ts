import type { WriteStream } from 'node:tty'

export interface Output {
  readonly isTTY: boolean
  readonly columns: number
  /** Resolves when the text is handed on; false once the reader has gone (`| head`), which is no error. */
  write(text: string): Promise<boolean>
}

/** What a command may touch of its process; tests give their own. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Calls the listener at every Ctrl-C or SIGTERM until the returned function is called. */
  onInterrupt(listener: () => void): () => void
  /** Ends the process at once. */
  exitNow(status: number): void
}

export function processTerminal(): Terminal {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      process.on('SIGTERM', listener)
      return () => {
        process.off('SIGINT', listener)
        process.off('SIGTERM', listener)
      }
    },
    exitNow: status => process.exit(status),
  }
}

function outputOf(stream: WriteStream): Output {
  let isGone = false
  // Without a listener a closed pipe would end the process with a stack trace.
  stream.on('error', () => {
    isGone = true
  })
  return {
    isTTY: stream.isTTY === true,
    // Some terminals say 0.
    columns: stream.columns || 80,
    write: text =>
      new Promise(resolve => {
        if (isGone) resolve(false)
        else stream.write(text, error => resolve(error === undefined || error === null))
      }),
  }
}
