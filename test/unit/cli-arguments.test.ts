import t from 'tap'
import { parseCommand } from '../../runtime/server/command/arguments.js'
import { HELP, type HelpTopic } from '../../runtime/server/command/help.js'

t.test('extract has defaults for all but pictures and schema', async t => {
  t.strictSame(parseCommand(['extract', 'a.png', '--schema', 's.json']), {
    kind: 'extract',
    paths: ['a.png'],
    schemaPath: 's.json',
    prompt: null,
    outPath: null,
    maxTokens: 512,
    concurrency: 16,
    json: { propertyOrder: 'schema', whitespace: 'compact', unsupported: 'refuse' },
    engine: {},
  })
})

t.test('every flag of extract is read', async t => {
  const line =
    'extract a.png --schema=s.json b.jpg --prompt P --out o.jsonl --property-order any --whitespace indent:2 --unsupported validate --max-tokens 9 --concurrency 2 --model m --precision int8 --threads 3 --context-length 99 --kv-cache-mib 2 --offline'
  t.strictSame(parseCommand(line.split(' ')), {
    kind: 'extract',
    paths: ['a.png', 'b.jpg'],
    schemaPath: 's.json',
    prompt: 'P',
    outPath: 'o.jsonl',
    maxTokens: 9,
    concurrency: 2,
    json: { propertyOrder: 'any', whitespace: { indent: 2 }, unsupported: 'validate' },
    engine: { model: 'm', offline: true, precision: 'int8', threads: 3, contextLength: 99, kvCacheBytes: 2 * 2 ** 20 },
  })
})

t.test('serve has defaults, and every flag is read', async t => {
  t.strictSame(parseCommand(['serve']), {
    kind: 'serve',
    host: '127.0.0.1',
    port: 8080,
    apiKeyPath: null,
    bodyLimit: 64 * 2 ** 20,
    drainMs: 30_000,
    fetchesUrls: false,
    imageFolder: null,
    isLogging: false,
    engine: {},
  })
  const line =
    'serve --host ::1 --port 0 --api-key-file k --body-limit-mib 1 --max-running 4 --max-waiting 5 --drain-seconds 0 --image-urls --image-folder f --log --model m'
  t.strictSame(parseCommand(line.split(' ')), {
    kind: 'serve',
    host: '::1',
    port: 0,
    apiKeyPath: 'k',
    bodyLimit: 2 ** 20,
    drainMs: 0,
    fetchesUrls: true,
    imageFolder: 'f',
    isLogging: true,
    engine: { model: 'm', maxRunning: 4, maxWaiting: 5 },
  })
})

t.test('model check takes a model by argument or flag, and sizes to tell tokens of', async t => {
  const nothing = { kind: 'model-check', pictures: [], clips: [] }
  t.strictSame(parseCommand(['model', 'check', 'dir']), { ...nothing, engine: { model: 'dir' } })
  const int4 = ['model', 'check', '--precision', 'int4']
  t.strictSame(parseCommand(int4), { ...nothing, engine: { precision: 'int4' } })
  const chosen = 'model check --image-profile orig --image-aspect pad --chat-template vicuna_v1'.split(' ')
  const engine = { imageProfile: 'orig', imageAspect: 'pad', chatTemplate: 'vicuna_v1' }
  t.strictSame(parseCommand(chosen), { ...nothing, engine })
  t.match(parseCommand('model check --picture 1024x899,5x7 --frames 16'.split(' ')), {
    pictures: [
      { width: 1024, height: 899 },
      { width: 5, height: 7 },
    ],
    clips: [16],
  })
  for (const size of ['10', '0x5', '5x', '1x2,', '1.5x2', '-1x2']) {
    t.throws(() => parseCommand(['model', 'check', `--picture=${size}`]), { message: /--picture must be WIDTHxHEIGHT/ })
  }
  t.throws(() => parseCommand(['model', 'check', '--frames', '0']), { message: /--frames must be a whole number/ })
})

t.test('help and version', async t => {
  for (const argv of [[], ['help'], ['--help'], ['-h']]) t.match(parseCommand(argv), { kind: 'help', topic: 'radiant' })
  t.match(parseCommand(['extract', '--help']), { kind: 'help', topic: 'extract' })
  t.match(parseCommand(['serve', '-h']), { kind: 'help', topic: 'serve' })
  t.match(parseCommand(['model', '--help']), { kind: 'help', topic: 'model' })
  t.match(parseCommand(['--version']), { kind: 'version' })
})

t.test('help names every flag that is parsed, has an example and fits a terminal', async t => {
  const flags: Record<string, RegExp> = {
    extract: /schema|prompt|out|property-order|whitespace|unsupported|max-tokens|concurrency/g,
    serve:
      /host|port|api-key-file|body-limit-mib|max-running|max-waiting|drain-seconds|image-urls|image-folder|log|model|offline|precision|image-profile|image-aspect|chat-template|threads|context-length|kv-cache-mib/g,
  }
  for (const [topic, text] of Object.entries(HELP)) {
    t.match(text, /Examples?:\n {2}/, topic)
    t.ok(
      text.split('\n').every(line => line.length <= 120),
      `${topic} fits 120 columns`,
    )
  }
  for (const [topic, pattern] of Object.entries(flags)) {
    for (const name of pattern.source.split('|')) t.ok(HELP[topic as HelpTopic].includes(`--${name}`), `--${name}`)
  }
})

t.test('wrong usage is said in one sentence', async t => {
  const cases: [line: string, message: RegExp][] = [
    ['frob', /^There is no command "frob"; there are extract, serve and model check\.$/],
    ['extract --schema s.json', /at least one picture/],
    ['extract a.png', /wants --schema FILE/],
    ['extract a.png --schema', /argument missing/],
    ['extract a.png --schema s --frob', /^Unknown option '--frob'\.$/],
    ['extract a.png --schema=', /--schema must not be empty/],
    ['extract a.png --schema s --max-tokens 0', /--max-tokens must be a whole number from 1 on; got "0"\./],
    ['extract a.png --schema s --max-tokens 1e3', /got "1e3"/],
    ['extract a.png --schema s --whitespace tabs', /compact, spaced or indent:N; got "tabs"/],
    ['extract a.png --schema s --property-order best', /schema or any; got "best"/],
    ['extract a.png --schema s --precision half', /float32 or int8 or int8x8 or int4; got "half"/],
    ['serve --port 70000', /from 0 to 65535; got "70000"/],
    ['serve extra', /takes no arguments beside options; got "extra"/],
    ['model', /there is "model check"/],
    ['model check a b', /takes one model; got "b" too/],
  ]
  for (const [line, message] of cases)
    t.throws(() => parseCommand(line.split(' ')), { name: 'UsageError', message }, line)
})
