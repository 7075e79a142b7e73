import fc from 'fast-check'
import t from 'tap'
import { EngineError } from '../../runtime/protocol/error.js'
import { defaultPrompt, outcomeLine, readResume } from '../../runtime/server/command/extract-plan.js'
import { Progress, progressLine } from '../../runtime/server/command/progress.js'
import { createTestTerminal } from '../support/test-terminal.js'

t.test('the default prompt names the properties of the top level', async t => {
  const properties = { merchant: {}, date: {}, total: {} }
  t.equal(defaultPrompt({ properties }), 'Extract merchant, date, total as JSON.')
  t.equal(
    defaultPrompt({ $ref: '#/$defs/a~1b', $defs: { 'a/b': { properties } } }),
    'Extract merchant, date, total as JSON.',
  )
  for (const schema of [
    true,
    {},
    { properties: {} },
    { $ref: '#' },
    { $ref: '#/$defs/missing' },
    { $ref: 'https://x' },
  ]) {
    t.equal(defaultPrompt(schema), 'Extract the data as JSON.', JSON.stringify(schema))
  }
})

t.test('a line carries the value as it was generated', async t => {
  const value = { kind: 'value', image: 'a "b".png', finish: 'stop', violations: [] } as const
  t.equal(
    outcomeLine({ ...value, text: '{"total":12.40}' }),
    '{"image":"a \\"b\\".png","value":{"total":12.40},"finish":"stop"}\n',
  )
  t.equal(
    outcomeLine({ ...value, text: '{\n  "a": [\n    1\n  ]\n}' }).split('\n').length,
    2,
    'indented values stay one line',
  )
  t.match(JSON.parse(outcomeLine({ ...value, text: '1', finish: 'length', violations: [{ pointer: '' }] })), {
    finish: 'length',
    violations: [{ pointer: '' }],
  })
})

t.test('a failed picture has its own line', async t => {
  const error = new EngineError('IMAGE_NOT_FOUND', { path: 'x.png' })
  t.strictSame(JSON.parse(outcomeLine({ kind: 'error', image: 'x.png', error })), {
    image: 'x.png',
    error: { code: 'IMAGE_NOT_FOUND', message: 'There is no picture at x.png.' },
  })
})

t.test('what an earlier run wrote is known, whatever picture names it had', async t => {
  const name = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.boolean())), fc.nat(), (pictures, cut) => {
      const lines = pictures.map(([image, isDone]) =>
        isDone
          ? outcomeLine({ kind: 'value', image, text: JSON.stringify({ image }), finish: 'stop', violations: [] })
          : outcomeLine({ kind: 'error', image, error: new EngineError('IMAGE_NOT_FOUND', { path: image }) }),
      )
      const whole = lines.join('')
      const torn = whole.slice(0, whole.length - (cut % ((lines.at(-1)?.length ?? 0) + 1)))
      const { done, keptBytes, lacksNewline } = readResume(torn, 'o.jsonl')
      const kept = Buffer.from(torn).subarray(0, keptBytes).toString() + (lacksNewline ? '\n' : '')
      const isLastKept = kept === whole
      const expected = pictures.slice(0, isLastKept ? undefined : -1).filter(([, isDone]) => isDone)
      t.strictSame(done, new Set(expected.map(([image]) => image)))
      t.ok(isLastKept || kept === lines.slice(0, -1).join(''))
    }),
  )
})

t.test('a file that is something else is not appended to', async t => {
  for (const content of [
    'hello\n',
    '{"a":1}\n',
    '[]\nrest',
    '{"type":"object"}',
    '{"image":"a","value":1}\nrest',
    '{"image":"a","value":1}\nnope\n',
  ]) {
    t.throws(() => readResume(content, 'o.jsonl'), {
      name: 'UsageError',
      message: /o\.jsonl is not an output of extract/,
    })
  }
})

t.test('progress fits its line and tells rate and rest', async t => {
  t.equal(progressLine(5, 1, 20, 2, 80), '[######..................] 5/20, 1 failed, 2.5 a second, 6 s to go')
  t.equal(progressLine(20, 0, 20, 1, 80), '[########################] 20/20, 20 a second')
  t.equal(progressLine(0, 0, 20, 0, 80), '[........................] 0/20')
  t.equal(progressLine(5, 1, 20, 2, 30).length, 29)
})

t.test('progress is drawn on terminals only, and cleared once', async t => {
  const terminal = createTestTerminal({ isTTY: true })
  const progress = new Progress(terminal.stderr, 2, () => 0)
  await progress.clear()
  await progress.draw(1, 0)
  await progress.clear()
  await progress.clear()
  t.equal(terminal.err(), '\r\u001b[K[############............] 1/2\r\u001b[K')
  const pipe = createTestTerminal()
  await new Progress(pipe.stderr, 2).draw(1, 0)
  t.equal(pipe.err(), '')
})
