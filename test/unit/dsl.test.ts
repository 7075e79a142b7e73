import t from 'tap'
import { z } from 'zod'
import { closeObjects } from '../../frontend/dsl/close-objects.js'
import { mediaKey } from '../../frontend/dsl/media.js'
import {
  assistant,
  fork,
  gen,
  image,
  input,
  join,
  json,
  program,
  ref,
  repeat,
  schema,
  select,
  system,
  user,
  video,
  when,
} from '../../frontend/index.js'

const content = (turn: { readonly ir: { readonly content: readonly unknown[] } }) => turn.ir.content

t.test('a tag keeps text, numbers and holes in their places', async t => {
  const answer = gen('answer')
  t.same(content(user`a ${'b'} ${3}${ref(answer)}`), [
    { kind: 'text', text: 'a b 3' },
    { kind: 'ref', path: ['answer'] },
  ])
  t.same(content(system``), [])
  t.same(content(assistant`${answer}`), [
    { kind: 'gen', name: 'answer', sampling: {}, constraint: null, logprobs: null },
  ])
})

t.test('text that looks like an escape is meant as it is written', async t => {
  t.same(content(user`C:\users\x`), [{ kind: 'text', text: 'C:\\users\\x' }])
  t.same(content(user`a\nb`), [{ kind: 'text', text: 'a\nb' }])
})

t.test('nodes are frozen all the way down', async t => {
  const node = json('x', schema({ type: 'object', properties: { a: { enum: [1, 2] } } }))
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
  t.ok(frozen(node.ir))
  t.ok(frozen(fork('f', ['a'], () => [user`x`]).ir))
  t.ok(frozen(program('p', {}, () => [assistant`${gen('x', { stop: ['a'] })}`]).toJSON()))
})

t.test('a hole of another kind is refused with the place and what came', async t => {
  const hole = (value: unknown) => value as string
  const right = 'it can be a string, a number, an input, a slot (gen, select, json), ref(...) or join(...)'
  t.throws(() => user`${hole(undefined)}`, {
    name: 'DslError',
    message: `a hole of the user turn is undefined; ${right}`,
  })
  t.throws(() => assistant`${hole({})}`, { message: `a hole of the assistant turn is an object; ${right}` })
  t.throws(() => user`${Number.NaN}`, { message: `a hole of the user turn is NaN; ${right}` })
  t.throws(() => user`${hole(user`x`)}`, { message: `a hole of the user turn is a turn; ${right}` })
  t.throws(() => user`${hole(image('x.png'))}`, {
    message: `a hole of the user turn is image() or video() (a program takes its pictures as inputs); ${right}`,
  })
})

t.test('zod schemas are converted from their input side, closed, without $schema', async t => {
  const source = z.object({ price: z.string().transform(Number), kind: z.literal('tag').optional(), at: z.iso.date() })
  t.match(json('x', source).ir, {
    schema: {
      type: 'object',
      properties: { price: { type: 'string' }, kind: { const: 'tag' }, at: { type: 'string', format: 'date' } },
      required: ['price', 'at'],
      additionalProperties: false,
    },
  })
  t.notOk('$schema' in (json('x', source).ir as unknown as { readonly schema: object }).schema)
})

t.test('a schema that says nothing about JSON is refused', async t => {
  t.throws(() => json('x', z.object({ at: z.date() })), {
    name: 'DslError',
    message: /^json "x": zod cannot turn its schema into JSON Schema: Date cannot be represented/,
  })
  const older = { '~standard': { version: 1, vendor: 'zod', validate: () => ({ value: 1 }) } }
  t.throws(() => json('x', older as never), {
    message: /^json "x": the schema is a zod schema without Standard JSON Schema \(zod has it from 4\.2\); give/,
  })
  t.throws(() => json('x', { type: 'object' } as never), { message: /^json "x": the schema is an object; give schema/ })
  t.throws(() => json('x', null as never), { message: /^json "x": the schema is null; give/ })
})

t.test('objects are closed where that is safe, and only there', async t => {
  const open = { type: 'object', properties: { a: { type: 'object', properties: {} } } }
  t.same(closeObjects(open), {
    type: 'object',
    properties: { a: { type: 'object', properties: {}, additionalProperties: false } },
    additionalProperties: false,
  })
  t.same(closeObjects({ type: 'array', items: open }), { type: 'array', items: closeObjects(open) })
  t.same(closeObjects({ anyOf: [open, { type: 'null' }] }), { anyOf: [closeObjects(open), { type: 'null' }] })
  t.same(closeObjects({ $ref: '#/$defs/a', $defs: { a: open } }), {
    $ref: '#/$defs/a',
    $defs: { a: closeObjects(open) },
  })
  for (const kept of [
    true,
    { type: 'object' },
    { ...open, additionalProperties: true, properties: {} },
    { allOf: [open, open] },
    { ...open, if: {} },
    { properties: {}, anyOf: [{ required: ['a'] }] },
    { enum: [{ properties: {} }] },
  ]) {
    t.same(closeObjects(kept), kept)
  }
})

const A = { type: 'object', properties: { a: {} }, required: ['a'] }
const AB = { type: 'object', properties: { a: {}, b: {} }, required: ['a', 'b'] }
const tagged = (kind: string) => ({ type: 'object', properties: { kind: { const: kind } }, required: ['kind'] })

t.test('an object that more than one schema speaks of stays open', async t => {
  for (const kept of [
    {
      ...A,
      anyOf: [
        { properties: { b: {} }, required: ['b'] },
        { properties: { c: {} }, required: ['c'] },
      ],
    },
    { $defs: { base: A }, $ref: '#/$defs/base', properties: { name: {} }, required: ['name'] },
    { $defs: { base: A }, allOf: [{ $ref: '#/$defs/base' }, AB] },
    { type: 'object', properties: { a: {} }, required: ['a', 'b'] },
    { type: 'object', properties: { a: {} }, minProperties: 2 },
    { oneOf: [A, AB] },
    { type: 'array', items: AB, contains: A, maxContains: 1 },
    { ...A, patternProperties: { '^b': A } },
    { $ref: '#/properties/x', properties: { x: A } },
  ]) {
    t.same(closeObjects(kept), kept)
  }
})

t.test('branches that cannot meet are closed, and so are definitions that are used alone', async t => {
  const close = (schema: object) => ({ ...schema, additionalProperties: false })
  t.same(closeObjects({ oneOf: [tagged('x'), tagged('y')] }), { oneOf: [close(tagged('x')), close(tagged('y'))] })
  t.same(closeObjects({ oneOf: [A, { type: 'null' }] }), { oneOf: [close(A), { type: 'null' }] })
  const uses = { oneOf: [{ $ref: '#/$defs/x' }, { $ref: '#/$defs/y' }] }
  t.same(closeObjects({ ...uses, $defs: { x: tagged('x'), y: tagged('y') } }), {
    ...uses,
    $defs: { x: close(tagged('x')), y: close(tagged('y')) },
  })
  // `a` is also one of two schemas of `mixed`, and `b` is reached through it.
  const b = { type: 'object', properties: { b: {} } }
  const a = { type: 'object', properties: { a: { $ref: '#/$defs/b' } } }
  const mixed = { allOf: [{ $ref: '#/$defs/a' }, { properties: { z: {} } }] }
  const whole = { type: 'object', properties: { alone: { $ref: '#/$defs/a' }, mixed }, $defs: { a, b } }
  t.same(closeObjects(whole), close(whole))
  const inner = { type: 'object', properties: { if: A, not: A } }
  t.same(closeObjects(inner), close({ ...inner, properties: { if: close(A), not: close(A) } }), 'names are no keywords')
})

t.test('a join writes one line for each branch, or what render says', async t => {
  const one = fork('f', ['a', 'b'], () => [assistant`${gen('x')}`])
  const two = fork('f', ['a'], () => [assistant`${gen('x')} ${gen('y')}`])
  const itemsOf = (joined: ReturnType<typeof join>) => (joined.ir.kind === 'join' ? joined.ir.items : [])
  const at = (...path: string[]) => ({ kind: 'ref', path })
  t.same(itemsOf(join(one)), [
    { key: 'a', content: [{ kind: 'text', text: 'a: ' }, at('f', 'a', 'x')] },
    { key: 'b', content: [{ kind: 'text', text: 'b: ' }, at('f', 'b', 'x')] },
  ])
  t.same(itemsOf(join(two)), [
    {
      key: 'a',
      content: [
        { kind: 'text', text: 'a: x = ' },
        at('f', 'a', 'x'),
        { kind: 'text', text: ', y = ' },
        at('f', 'a', 'y'),
      ],
    },
  ])
  t.same(itemsOf(join(two, (key, { y }) => [key, '=', y])), [
    { key: 'a', content: [{ kind: 'text', text: 'a=' }, at('f', 'a', 'y')] },
  ])
})

t.test('rounds that are alike are stored once', async t => {
  const alike = repeat('r', { atMost: 5 }, () => [assistant`${gen('x')}`])
  const counted = repeat('r', { atMost: 5 }, round => [user`${round}`, assistant`${gen('x')}`])
  t.equal(alike.ir.rounds.length, 1)
  t.equal(counted.ir.rounds.length, 5)
  t.throws(() => repeat('r', { atMost: 0 }, () => []), {
    message: 'repeat "r": atMost is 0; it must be a whole number from 1 to 1000',
  })
})

t.test('a body holds nodes only', async t => {
  const body = (value: unknown) => () => value as []
  const right = 'it must be system`...`, user`...`, assistant`...`, fork, when or repeat'
  t.throws(() => fork('f', ['a'], body([user`x`, 'text'])), {
    message: `branch "a" of fork "f": item 1 is "text"; ${right}`,
  })
  t.throws(() => fork('f', ['a'], body(user`x`)), {
    message: 'branch "a" of fork "f" is a turn; it must be an array of turns',
  })
  t.throws(() => fork('f', ['a'], body([gen('x')])), {
    message: `branch "a" of fork "f": item 0 is a gen; ${right}`,
  })
  const kind = select('kind', ['a'])
  t.throws(() => when(kind, { a: 'x' as never }), {
    message: 'case "a" of when "kind" is "x"; it must be an array of turns',
  })
})

t.test('what the functions throw inside of program() gets the name of the program', async t => {
  t.throws(() => program('p', { x: input.text() }, () => [user`${undefined as never}`]), {
    code: 'PROGRAM_INVALID',
    message: /^program "p": a hole of the user turn is undefined; it can be/,
  })
  t.throws(() => program('p', {}, () => 'x' as never), {
    message: 'program "p": the body is "x"; it must be an array of turns.',
  })
  const own = new RangeError('mine')
  t.throws(
    () =>
      program('p', {}, () => {
        throw own
      }),
    own,
  )
  t.throws(() => gen('x', { regex: /a/, ebnf: 'b' }), {
    message: 'gen "x" has both a regex and an ebnf; give one of them',
  })
})

t.test('equal bytes and equal places are one picture or video', async t => {
  const bytes = new Uint8Array([1, 2])
  const same = [
    [image(bytes), image(Buffer.from([1, 2]))],
    [image(new URL('file:///a.png')), image('file:///a.png')],
    [video([bytes, 'a.png']), video([Buffer.from([1, 2]), 'a.png'])],
    [video({ file: 'a.mp4', frames: 8 }), video({ file: 'a.mp4', frames: 8 })],
  ] as const
  for (const [left, right] of same) t.equal(mediaKey(left), mediaKey(right))
  const different = [
    image(bytes),
    image(new Uint8Array([1, 3])),
    video(bytes),
    video('a.mp4'),
    video({ file: 'a.mp4', frames: 8 }),
    video({ file: 'a.mp4', frames: 9 }),
    video(['a.mp4', 'b.mp4']),
  ]
  t.equal(new Set(different.map(mediaKey)).size, different.length)
})
