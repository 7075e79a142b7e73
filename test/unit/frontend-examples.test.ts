import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { main as readOnePicture } from '../../examples/01-read-one-picture.js'
import { main as chooseOneOf } from '../../examples/02-choose-one-of.js'
import { main as askInParallel } from '../../examples/03-ask-in-parallel.js'
import { main as branchOnAnAnswer } from '../../examples/04-branch-on-an-answer.js'
import { main as repeatUntil } from '../../examples/05-repeat-until.js'
import { main as readAFolder } from '../../examples/06-read-a-folder.js'
import { main as streamAndCancel } from '../../examples/07-stream-and-cancel.js'
import { main as runSession } from '../../examples/08-session.js'
import { main as runOverHttp } from '../../examples/09-over-http.js'
import { main as watchAClip } from '../../examples/10-watch-a-clip.js'
import { main as readSmallPrint } from '../../examples/11-read-small-print.js'
import type { Backend } from '../../frontend/index.js'
import { buildServer } from '../../runtime/server/app.js'
import { golden } from '../support/golden.js'
import { repositoryRoot } from '../support/paths.js'
import { type Script, ScriptedBackend } from '../support/scripted-backend.js'
import { createScriptedEngine } from '../support/scripted-engine.js'
import { answering, scripted } from '../support/scripts.js'

type Main = (backend: Backend, pictures: string, print: (text: string) => void) => Promise<void>

const inTurn =
  (...answers: string[]): Script =>
  ({ index }) =>
    answers[index]!

const examples = join(repositoryRoot(), 'examples')
const pictures = join(examples, 'pictures')

const RUNS: Readonly<Record<string, readonly [Main, Script]>> = {
  '01-read-one-picture': [readOnePicture, answering({ '': '{"merchant":"Hkaz","date":"18.07.2020","total":2.04}' })],
  '02-choose-one-of': [chooseOneOf, answering({ '': 'label' })],
  '03-ask-in-parallel': [
    askInParallel,
    answering({
      'Read all': 'Kiosk 18.07.2020 2.04',
      'the merchant?': 'Kiosk',
      'the date?': '18.07.2020',
      'the total?': '2.04',
    }),
  ],
  '04-branch-on-an-answer': [
    branchOnAnAnswer,
    inTurn('receipt', '{"merchant":"Kiosk","total":2.5}', 'label', '{"name":"Geplul","city":"Traidil"}', 'price tag'),
  ],
  '05-repeat-until': [repeatUntil, answering({ 'a price tag?': 'no', 'a label?': 'yes' })],
  '06-read-a-folder': [readAFolder, answering({ '': 'receipt' })],
  '07-stream-and-cancel': [streamAndCancel, answering({ 'Is this': 'no', 'Read all': 'TOTAL 12.40' })],
  '08-session': [
    runSession,
    answering({ 'What kind': 'price tag', Extract: '{"product":"Tea","price":3.5}', 'Is the currency': 'yes' }),
  ],
  '10-watch-a-clip': [
    watchAClip,
    answering({ shape: '{"shape":"circle","color":"red","direction":"up"}', first: '{"first":61,"last":40}' }),
  ],
  '11-read-small-print': [
    readSmallPrint,
    inTurn('{"invoice_number":"WL-258","date":"08/02/2031","total":48.81,"currency":"GBP"}', '{"Tam":5,"Cheese":3}'),
  ],
}

for (const [name, [main, answers]] of Object.entries(RUNS)) {
  t.test(`${name} prints what its answers make`, async t => {
    const backend = new ScriptedBackend(answers)
    const printed: string[] = []
    await main(backend, pictures, text => printed.push(text))
    const text = printed.join('')
    t.equal(text, golden(`example-${name}.txt`, text))
    backend.checkIntegrity()
  })
}

t.test('09-over-http prints what its answers make', async t => {
  const backend = scripted({ '': '{"name":"Geplul","city":"Traidil"}' })
  const engine = Object.assign(createScriptedEngine(), {
    generate: backend.generate.bind(backend),
    checkConstraint: backend.checkConstraint.bind(backend),
  })
  const server = buildServer(engine)
  t.teardown(() => server.close())
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  const printed: string[] = []
  await runOverHttp(url, pictures, text => printed.push(text))
  t.equal(printed.join(''), '{"name":"Geplul","city":"Traidil"}\nFor Geplul in Traidil\n')
})

t.test('every example is run here, and none is longer than a page', async t => {
  const files = readdirSync(examples).filter(name => /^\d\d-.*\.ts$/.test(name))
  t.same(
    files.map(name => name.replace('.ts', '')),
    [...Object.keys(RUNS), '09-over-http'].sort(),
  )
  for (const name of files) t.ok(readFileSync(join(examples, name), 'utf8').split('\n').length < 60, name)
})
