import fc from 'fast-check'
import t from 'tap'
import { decode, hashOf } from '../../frontend/ir/codec.js'
import { genNode, jsonNode, programIr, turnNode } from '../../frontend/ir/node.js'
import { explain } from '../../frontend/ir/print.js'
import { verify } from '../../frontend/ir/verify.js'
import { CORPUS } from '../programs/corpus.js'

const plain = (): Record<string, unknown> => JSON.parse(JSON.stringify(CORPUS[5]!.program))

/** The program with the value at a JSON pointer replaced; undefined removes it. */
function altered(pointer: string, value: unknown): unknown {
  const whole = plain()
  const keys = pointer.slice(1).split('/')
  const last = keys.pop()!
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, whole)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return whole
}

t.test('the form is checked, with the place of the first fault', async t => {
  const faults: readonly [string, unknown, string][] = [
    ['/irVersion', 2, 'is version 2; this is version 1'],
    ['/name', undefined, 'is missing; it must be a string'],
    ['/inputs/photo', 'audio', 'is "audio"; it must be "text" or "number" or "image" or "video"'],
    ['/body', {}, 'is {}; it must be an array'],
    ['/body/0', null, 'is null; it must be an object'],
    ['/body/0/kind', 'turns', 'is "turns"; it must be "turn" or "fork" or "when" or "repeat"'],
    ['/body/0/role', 'tool', 'is "tool"; it must be "system" or "user" or "assistant"'],
    [
      '/body/0/content/0/kind',
      undefined,
      'is missing; it must be "text" or "input" or "gen" or "select" or "json" or "ref" or "join"',
    ],
    ['/body/1/content/0/choices/1', 3, 'is 3; it must be a string'],
    ['/body/2/cases/0/body/1/content/0/schema', 'x', 'is "x"; it must be an object'],
    ['/body/2/cases/0/body/1/content/0/logprobs', 'x', 'is "x"; it must be a number'],
  ]
  for (const [pointer, value, message] of faults) {
    t.same(decode(altered(pointer, value)), { ok: false, pointer, message }, pointer)
  }
  t.same(decode(7), { ok: false, pointer: '', message: 'is 7; it must be an object' })
})

t.test('the hash is of what runs, not of how it was written', async t => {
  const make = (options: object) => hashOf(programIr('p', {}, [turnNode('assistant', [genNode('x', options)])]))
  t.equal(make({ topP: 0.5, maxTokens: 3 }), make({ maxTokens: 3, topP: 0.5, seed: undefined }))
  t.not(make({ maxTokens: 3 }), make({ maxTokens: 4 }))
})

t.test('the order of properties in a schema is part of the program', async t => {
  const make = (schema: object) => hashOf(programIr('p', {}, [turnNode('assistant', [jsonNode('x', { ...schema })])]))
  const a = { a: { type: 'string' } }
  const b = { b: { type: 'number' } }
  t.not(make({ properties: { ...a, ...b } }), make({ properties: { ...b, ...a } }))
})

t.test('hashes are the same on every machine and in every version', async t => {
  const hashes = Object.fromEntries(CORPUS.slice(0, 2).map(({ program }) => [program.name, program.hash]))
  t.matchOnly(hashes, { question: /^[0-9a-f]{64}$/, receipt: /^[0-9a-f]{64}$/ })
  t.equal(hashes.question, '3718f4efd849a0cbff379fae806b25ff7bf8414054c68a74f2341bb2953ae067')
})

t.test('whatever is put into a saved program, it is refused or can be verified and printed', async t => {
  const places = CORPUS.flatMap(({ program }) =>
    pointersIn(JSON.parse(JSON.stringify(program))).map(at => ({ program, at })),
  )
  const law = fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 2 }), ({ program, at }, value) => {
    const saved = JSON.parse(JSON.stringify(program))
    const parent = at.slice(0, -1).reduce((inner, key) => inner[key], saved)
    parent[at.at(-1)!] = value
    const decoded = decode(saved)
    if (!decoded.ok) return decoded.message !== ''
    const isSame = hashOf(decoded.ir) === program.hash
    return Array.isArray(verify(decoded.ir)) && (isSame || explain(decoded.ir) !== '')
  })
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1000 }))
})

/** Every place in plain data, as the keys that lead there. */
function pointersIn(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [[key], ...pointersIn(inner).map(rest => [key, ...rest])])
}
