import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { GenerateRequest } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { run } from '../../runtime/server/command/run.js'
import { describeScripted, verifyScripted } from '../support/model-description.js'
import { createScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.js'
import { createTestTerminal, type TestTerminalOptions } from '../support/test-terminal.js'

const SCHEMA = { type: 'object', properties: { total: { type: 'number' }, date: { type: 'string' } } }

/** A folder with pictures whose bytes are their names, and a command line that runs in it. */
function build(t: Test, options: ScriptedEngineOptions = {}, terminalOptions: TestTerminalOptions = {}) {
  const folder = t.testdir({
    'schema.json': JSON.stringify(SCHEMA),
    'one.png': 'one',
    scans: { 'b.jpg': 'b', 'a.PNG': 'a', 'c.webp': 'c', 'notes.txt': 'no picture' },
    empty: {},
  })
  const engine = createScriptedEngine({ script: request => `{"total":${pictureOf(request).length}}`, ...options })
  const terminal = createTestTerminal(terminalOptions)
  const made: object[] = []
  const extract = (line: string) =>
    run(['extract', ...line.split(' ').map(word => word.replace('~', folder))], {
      terminal,
      version: '1.2.3',
      createEngine: async engineOptions => {
        made.push(engineOptions)
        return engine
      },
      describeModel: describeScripted,
      verifyModel: verifyScripted,
    })
  const lines = () =>
    terminal
      .out()
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  return { folder, engine, terminal, made, extract, lines }
}

function pictureOf({ prompt }: GenerateRequest): string {
  const part = prompt.kind === 'chat' ? prompt.messages[0]!.content[0]! : null
  return part?.kind === 'image' ? Buffer.from(part.image.bytes).toString() : ''
}

t.test('one picture prints its value and nothing else', async t => {
  const { engine, terminal, extract, folder } = build(t, { script: () => '{"total":12.40}' })
  t.equal(await extract('~/one.png --schema ~/schema.json --max-tokens 40'), 0)
  t.equal(terminal.out(), '{"total":12.40}\n')
  t.equal(terminal.err(), '')
  t.strictSame(engine.requests[0], {
    prompt: {
      kind: 'chat',
      messages: [
        {
          role: 'user',
          content: [
            { kind: 'image', image: { bytes: Buffer.from('one'), label: join(folder, 'one.png') } },
            { kind: 'text', text: 'Extract total, date as JSON.' },
          ],
        },
      ],
    },
    sampling: { temperature: 0, maxTokens: 40 },
    constraint: {
      kind: 'json-schema',
      schema: SCHEMA,
      propertyOrder: 'schema',
      whitespace: 'compact',
      unsupported: 'refuse',
    },
    closeOnLength: true,
  })
  t.ok(engine.isClosed)
})

t.test('a folder prints a line for each of its pictures, by name', async t => {
  const { extract, lines, folder, terminal } = build(t)
  t.equal(await extract('~/scans ~/one.png --schema ~/schema.json'), 0)
  t.strictSame(lines(), [
    { image: join(folder, 'scans/a.PNG'), value: { total: 1 }, finish: 'stop' },
    { image: join(folder, 'scans/b.jpg'), value: { total: 1 }, finish: 'stop' },
    { image: join(folder, 'scans/c.webp'), value: { total: 1 }, finish: 'stop' },
    { image: join(folder, 'one.png'), value: { total: 3 }, finish: 'stop' },
  ])
  t.equal(terminal.err(), '')
})

t.test('lines keep the order of the pictures though some take longer, and run together', async t => {
  let most = 0
  const { engine, extract, lines } = build(t, {
    pace: async request => {
      most = Math.max(most, engine.running.size)
      await new Promise(resolve => setTimeout(resolve, pictureOf(request) === 'a' ? 3 : 1))
    },
  })
  t.equal(await extract('~/scans --schema ~/schema.json --concurrency 2'), 0)
  t.same(
    lines().map(line => line.image.at(-5)),
    ['a', 'b', '.'].map((_, index) => lines()[index].image.at(-5)),
  )
  t.match(lines()[0].image, /a\.PNG$/)
  t.equal(most, 2)
  engine.checkIntegrity()
})

t.test('a failed picture is a line, and the status says so at the end', async t => {
  const { extract, lines, terminal } = build(t, {
    script: request =>
      pictureOf(request) === 'b' ? new EngineError('IMAGE_UNREADABLE', { label: 'b.jpg', what: 'no JPEG' }) : '{}',
  })
  t.equal(await extract('~/scans ~/missing.png --schema ~/schema.json'), 1)
  t.match(lines(), [
    { value: {} },
    { error: { code: 'IMAGE_UNREADABLE', message: 'b.jpg cannot be read as a picture: no JPEG' } },
    { value: {} },
    { error: { code: 'IMAGE_NOT_FOUND' } },
  ])
  t.equal(terminal.err(), '2 of 4 pictures extracted, 2 failed.\n')
})

t.test('one picture that fails says so on stderr only', async t => {
  const { extract, terminal, folder } = build(t)
  t.equal(await extract('~/missing.png --schema ~/schema.json'), 1)
  t.equal(terminal.out(), '')
  t.equal(terminal.err(), `There is no picture at ${join(folder, 'missing.png')}.\n`)
})

t.test('a value that was closed early is told, one that could not be is a failure', async t => {
  const closed = build(t, { script: () => '{}xxxx' })
  t.equal(await closed.extract('~/one.png --schema ~/schema.json --max-tokens 2'), 0)
  t.equal(closed.terminal.out(), '{}\n')
  t.match(closed.terminal.err(), /closed early/)
  const cut = build(t, { script: () => '{"total":12345}' })
  t.equal(await cut.extract('~/scans --schema ~/schema.json --max-tokens 5'), 1)
  t.match(cut.lines()[0], { error: { code: 'OUTPUT_TRUNCATED', message: /after 5 tokens/ } })
})

t.test('with a file, lines are appended and finished pictures are skipped', async t => {
  let failing = true
  const { extract, terminal, folder, engine } = build(t, {
    script: request => (failing && pictureOf(request) === 'b' ? new EngineError('ENGINE_FAILED', { what: 'x' }) : '{}'),
  })
  const out = join(folder, 'out.jsonl')
  t.equal(await extract('~/scans --schema ~/schema.json --out ~/out.jsonl'), 1)
  t.equal(terminal.out(), '')
  await appendFile(out, '{"image":"torn')
  failing = false
  t.equal(await extract('~/scans ~/one.png --schema ~/schema.json --out ~/out.jsonl'), 0)
  t.equal(engine.requests.length, 5, 'the failed one and the new one are done, no other')
  const lines = (await readFile(out, 'utf8')).split('\n')
  t.equal(lines.pop(), '')
  t.same(
    lines.map(line => Object.keys(JSON.parse(line))[1]),
    ['value', 'error', 'value', 'value', 'value'],
  )
  t.equal(await extract('~/scans ~/one.png --schema ~/schema.json --out ~/out.jsonl'), 0)
  t.match(terminal.err(), /All 4 pictures are in .*out\.jsonl already\./)
})

t.test('Ctrl-C loses no finished line, and a second run goes on', async t => {
  const { extract, terminal, folder, engine } = build(t, {
    pace: async request => {
      if (pictureOf(request) === 'c' && !wasInterrupted) {
        wasInterrupted = true
        terminal.interrupt()
      }
    },
  })
  let wasInterrupted = false
  t.equal(await extract('~/scans --schema ~/schema.json --out ~/out.jsonl --concurrency 1'), 130)
  t.equal(terminal.err(), 'Interrupted after 2 of 3 pictures.\n')
  const first = await readFile(join(folder, 'out.jsonl'), 'utf8')
  t.equal(first.split('\n').length, 3)
  t.equal(engine.status().abortedRequests, 1)
  t.equal(await extract('~/scans --schema ~/schema.json --out ~/out.jsonl --concurrency 1'), 0)
  const second = await readFile(join(folder, 'out.jsonl'), 'utf8')
  t.ok(second.startsWith(first))
  t.equal(second.split('\n').length, 4)
  t.strictSame(terminal.exits, [])
})

t.test('a second Ctrl-C ends the process at once', async t => {
  const { extract, terminal } = build(t, {
    pace: async () => {
      terminal.interrupt()
      terminal.interrupt()
    },
  })
  t.equal(await extract('~/one.png --schema ~/schema.json'), 130)
  t.ok(terminal.exits.includes(130))
})

t.test('a reader that leaves ends the work quietly', async t => {
  const { extract, terminal, engine } = build(t, {}, { readerLeavesAfter: 1 })
  t.equal(await extract('~/scans --schema ~/schema.json --concurrency 1'), 0)
  t.equal(terminal.err(), '')
  t.ok(engine.requests.length <= 3)
  t.ok(engine.isClosed)
})

t.test('what is wrong with the schema is found before the engine is made, or before any picture', async t => {
  const { extract, terminal, made, folder, engine } = build(t, {
    checkConstraint: async () => {
      throw new EngineError('GRAMMAR_UNSUPPORTED', { kind: 'schema', what: 'the keyword "not" at /properties/a/not.' })
    },
  })
  await writeFile(join(folder, 'list.json'), '[]')
  await writeFile(join(folder, 'broken.json'), '{')
  const cases: [line: string, message: RegExp][] = [
    [
      '~/one.png --schema ~/none.json',
      /^radiant: The schema .*none\.json cannot be read: no such file or directory\.\n$/,
    ],
    ['~/one.png --schema ~/broken.json', /broken\.json is not JSON: /],
    ['~/one.png --schema ~/list.json', /must be a JSON object/],
    ['~/empty --schema ~/schema.json', /holds no pictures/],
    ['~/one.png --schema ~/schema.json --out ~/schema.json', /is not an output of extract/],
    ['~/one.png --schema ~/schema.json --out ~/no/o.jsonl', /cannot be written: no such file or directory/],
  ]
  for (const [line, message] of cases) {
    const before = terminal.err().length
    t.equal(await extract(line), 2, line)
    t.match(terminal.err().slice(before), message)
  }
  t.equal(made.length, 0)
  t.equal(
    await readFile(join(folder, 'schema.json'), 'utf8'),
    JSON.stringify(SCHEMA),
    'files of others stay as they are',
  )
  t.equal(await extract('~/one.png --schema ~/schema.json'), 2)
  t.match(terminal.err(), /cannot be used: The schema cannot be enforced: the keyword "not" at \/properties\/a\/not/)
  t.equal(engine.requests.length, 0)
  t.ok(engine.isClosed)
})

t.test('progress goes to a terminal and is gone before each line', async t => {
  const { extract, terminal } = build(t, {}, { isTTY: true })
  t.equal(await extract('~/scans --schema ~/schema.json --concurrency 1'), 0)
  t.match(terminal.err(), /\[#.*\] 1\/3.*3 of 3 pictures extracted\.\n$/s)
})
