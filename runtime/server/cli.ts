#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs'
import { showDownloads } from './command/download-line.js'
import { run } from './command/run.js'
import { processTerminal } from './command/terminal.js'

const terminal = processTerminal()

process.exitCode = await run(process.argv.slice(2), {
  terminal,
  version: packageVersion(),
  // Loaded only when a command needs it: help and wrong usage answer at once.
  createEngine: options =>
    showDownloads(terminal.stderr, async () => (await import('../engine.js')).createEngine(options)),
  describeModel: (options, question) =>
    showDownloads(terminal.stderr, async () =>
      (await import('../engine/describe.js')).describeModel(options, question),
    ),
  verifyModel: async options => (await import('../engine/verify.js')).verifyModel(options),
})

/** Of the nearest package.json above, wherever this file was compiled to. */
function packageVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    const manifest = new URL('package.json', folder)
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version
  }
}
