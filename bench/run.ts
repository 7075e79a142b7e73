import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { toEngineError } from '../runtime/protocol/error.js'
import type { Workload } from './workload.js'
import { engineOverhead } from './workloads/engine-overhead.js'
import { jumpForward } from './workloads/jump-forward.js'
import { secondQuestion } from './workloads/second-question.js'
import { servers } from './workloads/servers.js'
import { vision } from './workloads/vision.js'

const WORKLOADS: readonly Workload[] = [engineOverhead, secondQuestion, jumpForward, vision, servers]

const USAGE = `npm run bench -- WORKLOAD [--model pocket-v0] [--repeat 5] [--server NAME=URL ...] [--json]

${WORKLOADS.map(workload => `  ${workload.name.padEnd(18)} ${workload.summary}`).join('\n')}

With --json the last line of stdout is one object {workload, metrics, ratios, machine}. Measure on an idle machine.`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: 'string', default: 'pocket-v0' },
      repeat: { type: 'string', default: '5' },
      server: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const workload = WORKLOADS.find(({ name }) => name === positionals[0])
  const repeat = Number(values.repeat)
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (!workload || !Number.isSafeInteger(repeat) || repeat < 1) {
    console.error(USAGE)
    return 2
  }
  const machine = describeMachine()
  console.log(`${workload.name}: ${workload.summary}\n${JSON.stringify(machine)}`)
  const measured = await workload.run({ model: values.model, repeat, servers: values.server }, line =>
    console.log(line),
  )
  if (values.json) console.log(JSON.stringify({ workload: workload.name, ...measured, machine }))
  return 0
}

/** Load and steal tell whether the machine was idle: figures taken beside other work say little. */
function describeMachine() {
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    load1m: loadavg()[0],
    radiant: JSON.parse(readFileSync('package.json', 'utf8')).version,
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(toEngineError(error).message)
  return 1
})
