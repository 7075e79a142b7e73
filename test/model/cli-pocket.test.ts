import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repositoryRoot } from '../support/paths.js'

const CLI = fileURLToPath(new URL('../../runtime/server/cli.js', import.meta.url))
const SCHEMA = join(repositoryRoot(), 'examples', 'receipt.schema.json')
const PICTURES = join(repositoryRoot(), 'examples', 'pictures')

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [CLI, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function finish(child: ChildProcess): Promise<{ status: number | null; out: string; err: string }> {
  let [out, err] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', text => {
    out += text
  })
  child.stderr!.setEncoding('utf8').on('data', text => {
    err += text
  })
  const status = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { status, out, err }
}

t.test('help and version need no model', async t => {
  const { version } = JSON.parse(await readFile(join(repositoryRoot(), 'package.json'), 'utf8'))
  t.match(await finish(start('--version')), { status: 0, out: `${version}\n`, err: '' })
  t.match(await finish(start('extract', '--help')), { status: 0, out: /radiant extract IMAGE/ })
})

t.test('the same picture reads the same alone and in a folder', async t => {
  const alone = await finish(start('extract', join(PICTURES, '000.png'), '--schema', SCHEMA))
  t.match(alone, { status: 0, err: '' })
  const folder = await finish(start('extract', PICTURES, '--schema', SCHEMA))
  t.match(folder, { status: 0, err: '' })
  const lines = folder.out.trimEnd().split('\n')
  t.equal(lines.length, 12)
  t.equal(
    lines[0],
    `{"image":${JSON.stringify(join(PICTURES, '000.png'))},"value":${alone.out.trim()},"finish":"stop"}`,
  )
  t.strictSame(
    lines.map(line => JSON.parse(line).image),
    lines.map(line => JSON.parse(line).image).toSorted(),
  )
})

t.test('a reader that leaves early is no error', async t => {
  const child = start('extract', PICTURES, '--schema', SCHEMA, '--concurrency', '1')
  child.stdout!.once('data', () => child.stdout!.destroy())
  let err = ''
  child.stderr!.setEncoding('utf8').on('data', text => {
    err += text
  })
  t.equal(await new Promise(resolve => child.once('close', resolve)), 0)
  t.equal(err, '')
})

t.test('a served model answers over a socket, and a signal ends it', async t => {
  const child = start('serve', '--port', '0')
  const ended = finish(child)
  const address = await new Promise<string>(resolve =>
    child.stdout!.once('data', text => resolve(/http:\S+/.exec(String(text))![0])),
  )
  const picture = (await readFile(join(PICTURES, '000.png'))).toString('base64')
  const question = (text: string) => ({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
          { type: 'text', text },
        ],
      },
    ],
    temperature: 0,
  })
  const ask = async (path: string, body: object) => {
    const response = await fetch(address + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    t.equal(response.status, 200)
    return response.json() as Promise<Record<string, never>>
  }
  const kind = 'What kind of document is this?'
  const chat = await ask('/v1/chat/completions', question(kind))
  t.match(chat, { choices: [{ message: { content: 'receipt' }, finish_reason: 'stop' }] })
  const chosen = await ask('/v1/select', { ...question(kind), temperature: undefined, choices: ['label', 'receipt'] })
  t.match(chosen, { choice: 'receipt', usage: { prompt_tokens_details: { image_encodes: 0 } } })
  const scored = await ask('/generate', {
    text: `USER: <image>\n${kind} ASSISTANT: `,
    image_data: picture,
    sampling_params: { temperature: 0 },
    return_logprob: true,
    logprob_start_len: 0,
  })
  const { text, output_ids, meta_info } = scored as unknown as {
    text: string
    output_ids: number[]
    meta_info: { prompt_tokens: number; completion_tokens: number; [list: `${string}_logprobs`]: unknown[] }
  }
  t.equal(text, 'receipt')
  t.equal(meta_info.input_token_logprobs!.length, meta_info.prompt_tokens)
  t.equal(meta_info.output_token_logprobs!.length, meta_info.completion_tokens)
  t.equal(output_ids.length, meta_info.completion_tokens)
  child.kill('SIGTERM')
  t.match(await ended, { status: 0, err: /^Shutting down/ })
})
