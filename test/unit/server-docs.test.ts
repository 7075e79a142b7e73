import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ERROR_TABLE } from '../../runtime/protocol/error.js'
import { buildServer } from '../../runtime/server/app.js'
import { createMetrics } from '../../runtime/server/metrics.js'
import { repositoryRoot } from '../support/paths.js'
import { createScriptedEngine } from '../support/scripted-engine.js'

const docs = readFileSync(join(repositoryRoot(), 'docs/http.md'), 'utf8')

/** Never an answer of a server: of front ends, command lines and the start of an engine. */
const NOT_SERVED = /^(?:PROGRAM_|CAPTURE_|CONFIG_|OUTPUT_|BACKEND_)/

t.test('the table of errors in the docs is that of the code', async t => {
  const rows = [...docs.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)].map(([, status, codes]) => ({
    status: Number(status),
    patterns: [...codes!.matchAll(/`([A-Z_]+)(\*?)`/g)].map(([, code, star]) => ({
      code: code!,
      isPrefix: star !== '',
    })),
  }))
  for (const [code, { status }] of Object.entries(ERROR_TABLE)) {
    if (NOT_SERVED.test(code)) continue
    const row = rows.find(({ patterns }) =>
      patterns.some(pattern => (pattern.isPrefix ? code.startsWith(pattern.code) : code === pattern.code)),
    )
    t.equal(row?.status, status, `${code} stands with ${status}`)
  }
  for (const { code, isPrefix } of rows.flatMap(({ patterns }) => patterns)) {
    t.ok(
      Object.keys(ERROR_TABLE).some(known => (isPrefix ? known.startsWith(code) : known === code)),
      `${code} exists`,
    )
  }
})

t.test('every documented route exists', async t => {
  const server = buildServer(createScriptedEngine())
  await server.ready()
  const routes = [
    ['POST', '/v1/chat/completions'],
    ['POST', '/v1/completions'],
    ['POST', '/v1/select'],
    ['GET', '/v1/models'],
    ['GET', '/v1/models/*'],
    ['POST', '/generate'],
    ['PUT', '/generate'],
    ['POST', '/tokenize'],
    ['POST', '/v1/detokenize'],
    ['GET', '/flush_cache'],
    ['POST', '/flush_cache'],
    ['POST', '/abort_request'],
    ['GET', '/get_model_info'],
    ['GET', '/get_server_info'],
    ['GET', '/health'],
    ['GET', '/ping'],
    ['GET', '/health_generate'],
    ['GET', '/metrics'],
    ['POST', '/v1/radiant/generate'],
    ['POST', '/v1/radiant/select'],
    ['POST', '/v1/radiant/warm'],
    ['POST', '/v1/radiant/check'],
  ] as const
  for (const [method, url] of routes) {
    t.ok(server.hasRoute({ method, url }), `${method} ${url}`)
    const name = url
      .replace(/\/\*$/, '')
      .replace(/^\/v1\/(?:radiant|de)?\/?/, '')
      .replace(/^\//, '')
    t.ok(docs.includes(name), `${url} is documented`)
  }
})

t.test('every metric is documented', async t => {
  const text = await createMetrics(createScriptedEngine()).render()
  const names = [...text.matchAll(/^# TYPE radiant_(\w+) (\w+)$/gm)]
  t.ok(names.length > 20)
  for (const [, name, type] of names) {
    const short =
      type === 'counter' ? name!.replace(/_total$/, '') : type === 'histogram' ? name!.replace(/_seconds$/, '') : name!
    t.ok(docs.includes(`\`${short}\``), short)
  }
})
