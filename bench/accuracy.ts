import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { CHOICES, type Precision } from '../runtime/config.js'
import { createEngine, type RadiantEngine } from '../runtime/engine.js'
import type { Constraint, ContentPart, Prompt } from '../runtime/protocol/backend.js'
import { toEngineError } from '../runtime/protocol/error.js'
import { contentOf, type HeldOutSet, type LabelledExample, readHeldOutSet, scoreFields, Tally } from './accuracy-set.js'

const USAGE = `npm run accuracy -- --set DIR [--set DIR ...] [--model pocket] [--precision float32] [--free] [--show] [--json] [--into FILE]

Share of fields and answers that a model reads right on labelled pictures and clips (training/documents/held_out.py).
  --free   no constraint: the text as the model writes it
  --show   print every example with a wrong field
  --into FILE  also keep the counts in this JSON file, under the set's name and the precision or "free"`

/** Enough to keep a batch full without holding all pictures in memory. */
const IN_FLIGHT = 16
const MAX_TOKENS = 320

interface Options {
  readonly free: boolean
  readonly show: boolean
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      set: { type: 'string', multiple: true },
      model: { type: 'string', default: 'pocket' },
      precision: { type: 'string', default: 'float32' },
      free: { type: 'boolean', default: false },
      show: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      into: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const precision = CHOICES.precision.find(name => name === values.precision)
  if (values.help || values.set === undefined || precision === undefined) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const report: Record<string, Counts> = {}
  for (const folder of values.set) {
    const tally = await measure(readHeldOutSet(folder), values.model, precision, values)
    console.log(`${folder}: ${values.model}, ${precision}, ${values.free ? 'free' : 'under the schema'}`)
    for (const row of tally.rows) console.log(`  ${tally.line(row)}`)
    report[folder] = Object.fromEntries(tally.rows.map(row => [row, tally.get(row)]))
    // After every set: an interrupted run keeps what it has measured.
    if (values.into !== undefined)
      keep(values.into, `${basename(folder)}-${values.free ? 'free' : precision}`, report[folder])
  }
  if (values.json) console.log(JSON.stringify({ model: values.model, precision, free: values.free, sets: report }))
  return 0
}

type Counts = Readonly<Record<string, { right: number; all: number }>>

function keep(file: string, name: string, counts: Counts): void {
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Counts>) : {}
  const all = Object.entries({ ...kept, [name]: counts }).sort(([one], [other]) => (one < other ? -1 : 1))
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(all), null, 1)}\n`)
}

async function measure(set: HeldOutSet, model: string, precision: Precision, options: Options): Promise<Tally> {
  const engine = await createEngine({ model, precision })
  const tally = new Tally()
  const waiting = [...set.examples]
  const work = async (): Promise<void> => {
    for (let example = waiting.shift(); example !== undefined; example = waiting.shift()) {
      await judge(engine, set, example, tally, options)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  engine.checkIntegrity()
  await engine.close()
  return tally
}

async function judge(
  engine: RadiantEngine,
  set: HeldOutSet,
  example: LabelledExample,
  tally: Tally,
  { free, show }: Options,
): Promise<void> {
  const content = contentOf(set, example)
  const constraint: Constraint = { kind: 'json-schema', schema: example.schema }
  const text = await answer(engine, content, example.prompt, free ? undefined : constraint)
  const fields = scoreFields(text, example.expected)
  for (const [key, isRight] of fields) {
    tally.add('all fields', isRight)
    tally.add(`kind ${example.kind}`, isRight)
    // Rows of tables and bars of charts have keys of their own.
    if (example.kind !== 'table' && example.kind !== 'chart') tally.add(`field ${key}`, isRight)
  }
  const isWhole = [...fields.values()].every(Boolean)
  tally.add('whole documents', isWhole)
  if (show && !isWhole) {
    const name = example.image ?? example.frames![0]
    console.log(`  ${name}: wanted ${JSON.stringify(example.expected)}, read ${text}`)
  }
  for (const { prompt, expected, choices } of example.questions) {
    if (choices === undefined) {
      tally.add('questions, open', (await answer(engine, content, prompt)) === expected)
    } else {
      const { choice } = await engine.select({ prompt: ask(content, prompt), choices })
      tally.add('questions, choices', choice === expected)
    }
  }
}

async function answer(
  engine: RadiantEngine,
  content: ContentPart,
  question: string,
  constraint?: Constraint,
): Promise<string> {
  const request = {
    prompt: ask(content, question),
    sampling: { maxTokens: MAX_TOKENS },
    ...(constraint && { constraint }),
  }
  return (await engine.generate(request).result).text.trim()
}

function ask(content: ContentPart, question: string): Prompt {
  return { kind: 'chat', messages: [{ role: 'user', content: [content, { kind: 'text', text: question }] }] }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(toEngineError(error).message)
  return 1
})
