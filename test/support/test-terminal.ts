import type { Output, Terminal } from '../../runtime/server/command/terminal.js'

export interface TestTerminal extends Terminal {
  readonly out: () => string
  readonly err: () => string
  /** As Ctrl-C would. */
  interrupt(): void
  readonly exits: number[]
}

export interface TestTerminalOptions {
  /** Standard output is gone after this many writes. Default: never. */
  readonly readerLeavesAfter?: number
  readonly isTTY?: boolean
  /** Called with each text that is written to standard output. */
  readonly onOut?: (text: string) => void
}

export function createTestTerminal(options: TestTerminalOptions = {}): TestTerminal {
  const { readerLeavesAfter = Infinity, isTTY = false, onOut } = options
  const listeners = new Set<() => void>()
  const exits: number[] = []
  const collect = (limit: number, onText?: (text: string) => void): Output & { readonly texts: string[] } => {
    const texts: string[] = []
    return {
      texts,
      isTTY,
      columns: 80,
      async write(text) {
        if (texts.length >= limit) return false
        texts.push(text)
        onText?.(text)
        return true
      },
    }
  }
  const stdout = collect(readerLeavesAfter, onOut)
  const stderr = collect(Infinity)
  return {
    stdout,
    stderr,
    out: () => stdout.texts.join(''),
    err: () => stderr.texts.join(''),
    exits,
    onInterrupt(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    interrupt: () => {
      for (const listener of listeners) listener()
    },
    exitNow: status => exits.push(status),
  }
}
