import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { EngineError, ERROR_TABLE, type ErrorCode, toEngineError } from '../../runtime/protocol/error.js'
import { engineError, wireError } from '../../runtime/protocol/wire.js'
import { repositoryRoot } from '../support/paths.js'

const root = repositoryRoot()

function placeholders(code: ErrorCode): string[] {
  return [...ERROR_TABLE[code].template.matchAll(/\{(\w+)\}/g)].map(match => match[1]!)
}

t.test('docs/errors.md lists every code as the table has it, in its order, each with what to do', async t => {
  const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (.+?) \| (.+) \|$/gm)]
  t.same(
    rows.map(([, code, status, message]) => ({ code, status: Number(status), message })),
    Object.entries(ERROR_TABLE).map(([code, { status, template }]) => ({ code, status, message: template })),
  )
  for (const [, code, , , advice] of rows) t.match(advice, /^.{8,}\.$/, `${code} has advice`)
})

t.test('codes are upper case, statuses are refusals, and sentences end', async t => {
  for (const [code, { status, template }] of Object.entries(ERROR_TABLE)) {
    t.match(code, /^[A-Z]+(_[A-Z]+)+$/)
    t.ok(status >= 400 && status < 600)
    t.match(template, /[.})]$/)
    t.notMatch(template.replaceAll(/\{\w+\}/g, ''), /[{}|]/)
  }
})

interface Throw {
  readonly place: string
  readonly code: string
  /** Fields of the data; null when it is not written out where the error is made. */
  readonly fields: readonly string[] | null
}

/** Every `new EngineError(code, data)` and `new KernelFailure(code, data)` with a code in so many words. */
function findThrows(file: string): Throw[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Throw[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
      const [code, data] = node.arguments ?? []
      const isError = node.expression.text === 'EngineError' || node.expression.text === 'KernelFailure'
      if (isError && code && ts.isStringLiteral(code)) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart())
        found.push({ place: `${file}:${line + 1}`, code: code.text, fields: fieldsOf(data) })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function fieldsOf(data: ts.Expression | undefined): string[] | null {
  if (data === undefined) return []
  if (!ts.isObjectLiteralExpression(data)) return null
  if (data.properties.some(property => ts.isSpreadAssignment(property))) return null
  return data.properties.map(property => property.name!.getText())
}

t.test('whoever throws an error fills every gap of its sentence', async t => {
  const all: Throw[] = []
  for (const folder of ['runtime', 'frontend', 'kernels']) {
    const files = await readdir(join(root, folder), { recursive: true })
    for (const file of files) if (file.endsWith('.ts')) all.push(...findThrows(join(folder, file)))
  }
  for (const { place, code, fields } of all) {
    t.ok(Object.hasOwn(ERROR_TABLE, code), `${place}: ${code} is in the table`)
    if (fields === null) continue
    // The worker's entry adds which pool it is.
    const filled = new Set(place.startsWith('kernels') ? [...fields, 'pool'] : fields)
    const missing = placeholders(code as ErrorCode).filter(name => !filled.has(name))
    t.same(missing, [], `${place}: ${code}`)
  }
  const readable = all.filter(({ fields }) => fields !== null)
  t.ok(all.length > 80 && readable.length > all.length * 0.8, `${readable.length} of ${all.length} can be read`)
})

t.test('the message is the sentence with its gaps filled, whatever the values are', async t => {
  const error = new EngineError('IMAGE_TOO_LARGE', { label: 'cat {limit} $&', width: 9, height: 8, limit: 7 })
  t.equal(error.message, 'cat {limit} $& is 9 x 8 pixels; the most that is decoded is 7 pixels in all.')
  t.equal(error.status, 400)
  t.equal(error.name, 'EngineError')
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    const data = Object.fromEntries(placeholders(code).map(name => [name, `<${name}>`]))
    const { message } = new EngineError(code, data)
    t.notMatch(message, /[{}]/)
    for (const value of Object.values(data)) t.ok(message.includes(value))
  }
})

t.test('an error of another copy of the module is recognised, and nothing else is', async t => {
  const url = new URL('../../runtime/protocol/error.js?copy', import.meta.url)
  const copy: typeof import('../../runtime/protocol/error.js') = await import(url.href)
  t.not(copy.EngineError, EngineError)
  const foreign = new copy.EngineError('ENGINE_CLOSED')
  t.notOk(foreign instanceof EngineError)
  t.ok(EngineError.isInstance(foreign))
  t.ok(copy.EngineError.isInstance(new EngineError('ENGINE_CLOSED')))
  t.equal(toEngineError(foreign), foreign)
  for (const value of [new Error('no'), null, undefined, 'ENGINE_CLOSED', { code: 'ENGINE_CLOSED', status: 503 }]) {
    t.equal(EngineError.isInstance(value), false)
  }
})

t.test('what is unknown becomes an internal error and keeps its cause', async t => {
  const cause = new TypeError('x is not a function')
  t.match(toEngineError(cause), { code: 'ENGINE_FAILED', data: { what: 'x is not a function' }, cause })
  t.match(toEngineError('text'), { code: 'ENGINE_FAILED', message: /internal error: text$/ })
})

t.test('an error survives the wire with code, data and message', async t => {
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    const error = new EngineError(code, Object.fromEntries(placeholders(code).map(name => [name, name.length])))
    const { message, data } = engineError(JSON.parse(JSON.stringify(wireError(error))))
    t.same({ message, data }, { message: error.message, data: error.data })
  }
  t.match(engineError({ code: 'FROM_THE_FUTURE', message: 'news' }), {
    code: 'ENGINE_FAILED',
    message: /FROM_THE_FUTURE: news/,
  })
  t.match(engineError({ code: 'toString', message: 'news' }), { code: 'ENGINE_FAILED' })
})
