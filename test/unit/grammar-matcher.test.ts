import fc from 'fast-check'
import t from 'tap'
import { compileGrammar, type GrammarSpecification, type Matcher } from '../../runtime/grammar/index.js'
import type { Vocabulary } from '../../runtime/protocol/vocabulary.js'
import { byteVocabulary, everyByte, makeRandom, makeVocabulary, syntheticVocabulary } from '../support/vocabularies.js'

const synthetic = syntheticVocabulary(3_000)
const invoiceEbnf = `root ::= "{\\"number\\":\\"" [A-Z]{2} "-" [0-9]{4} "\\",\\"currency\\":\\"" ("EUR" | "USD") "\\",\\"lines\\":[" line ("," line)* "]}"
line ::= "{\\"name\\":\\"" [^"\\\\\\x00-\\x1f]{1,20} "\\",\\"price\\":" [0-9]+ ("." [0-9]{2})? "}"`
const specifications: GrammarSpecification[] = [
  { anyJson: true },
  { ebnf: invoiceEbnf },
  { choices: ['yes', 'yesterday', 'no', '"quoted"'] },
]

function legalIds(matcher: Matcher, vocabulary: Vocabulary): number[] {
  const row = new Int32Array((vocabulary.size + 31) >>> 5)
  matcher.fillMask(row)
  return Array.from({ length: vocabulary.size }, (_, id) => id).filter(id => (row[id >>> 5]! >>> (id & 31)) & 1)
}

function textOf(vocabulary: Vocabulary, ids: readonly number[]): string {
  return Buffer.concat(ids.map(id => vocabulary.bytes(id) ?? Buffer.alloc(0))).toString('latin1')
}

t.test('a rolled-back matcher, and a fork, are where a fresh one would be', async t => {
  for (const specification of specifications) {
    const grammar = compileGrammar(specification, synthetic)
    fc.assert(
      fc.property(
        fc.array(fc.record({ pick: fc.nat(), back: fc.nat({ max: 4 }), fork: fc.boolean() }), { maxLength: 25 }),
        steps => {
          let matcher = grammar.matcher()
          let accepted: number[] = []
          for (const { pick, back, fork } of steps) {
            const legal = legalIds(matcher, synthetic)
            const id = legal[pick % legal.length]!
            if (fork) {
              const other = matcher
              matcher = matcher.fork()
              other.tryAccept(legal[(pick + 1) % legal.length]!)
            }
            matcher.accept(id)
            accepted.push(id)
            const count = Math.min(back, accepted.length)
            matcher.rollback(count)
            accepted = accepted.slice(0, accepted.length - count)
          }
          const fresh = grammar.matcher()
          for (const id of accepted) fresh.accept(id)
          matcher.checkIntegrity()
          return fresh.state === matcher.state && matcher.length === accepted.length
        },
      ),
      { seed: 21, numRuns: 40 },
    )
  }
  t.pass('for all of them')
})

t.test('an illegal token throws and changes nothing', async t => {
  const matcher = compileGrammar({ choices: ['ab'] }, byteVocabulary).matcher()
  t.throws(() => matcher.accept(98), { code: 'REQUEST_INVALID', message: /Token 98/ })
  t.throws(() => matcher.accept(256), { code: 'REQUEST_INVALID' })
  t.throws(() => matcher.rollback(1), { code: 'REQUEST_INVALID' })
  t.equal(matcher.length, 0)
  matcher.accept(97)
  matcher.accept(98)
  t.equal(matcher.mustStop(), true)
  matcher.accept(256)
  t.equal(matcher.tryAccept(97), false)
  matcher.rollback(3)
  t.equal(matcher.isComplete(), false)
})

t.test('whoever goes on inside the masks writes the forced text first', async t => {
  const random = makeRandom(31)
  for (const vocabulary of [byteVocabulary, synthetic]) {
    for (const specification of specifications) {
      const grammar = compileGrammar(specification, vocabulary)
      for (let round = 0; round < 6; round++) {
        const matcher = grammar.matcher()
        for (let step = 0; step < 30 && !matcher.mustStop(); step++) {
          const forced = textOf(vocabulary, matcher.forcedTokens())
          const walker = matcher.fork()
          let walked = ''
          while (walked.length < forced.length) {
            const legal = legalIds(walker, vocabulary)
            const id = legal[Math.floor(random() * legal.length)]!
            walker.accept(id)
            walked += textOf(vocabulary, [id])
          }
          if (!walked.startsWith(forced)) t.fail(`${walked} does not begin with the forced ${forced}`)
          for (const id of matcher.forcedTokens()) matcher.accept(id)
          const legal = legalIds(matcher, vocabulary)
          matcher.accept(legal[Math.floor(random() * legal.length)]!)
        }
      }
    }
  }
  t.pass('in all walks')
})

t.test('forced tokens are those of the tokenizer, without a cut that a longer token would have crossed', async t => {
  const vocabulary = makeVocabulary([...everyByte(), 'na', 'name', '":', '":"', '{"', '"x', null], [262])
  const forced = (ebnf: string) => textOf(vocabulary, compileGrammar({ ebnf }, vocabulary).matcher().forcedTokens())
  t.equal(forced('root ::= "{\\"name\\":" [0-9]+'), '{"name":')
  t.equal(forced('root ::= "{\\"name\\":\\"" [a-z]* "\\""'), '{"name":"')
  t.equal(forced('root ::= "{\\"" ("a" | "b")'), '{"')
  t.equal(forced('root ::= "a\\"" ("x" | "y")'), 'a', 'the quote may become part of "x')
  t.equal(forced('root ::= "n" ("ame" | "o")'), '', 'n may become part of name')
  t.equal(forced('root ::= "é" | "ë"'), '', 'half a character is never forced')
  t.equal(forced('root ::= "yes"?'), '', 'nothing is forced where the text may end')
})

t.test('forced tokens follow a tokenizer that is not greedy, and stop where it rewrites the text', async t => {
  const base = makeVocabulary([...everyByte(), 'ab', 'bc', 'abc', null], [259])
  const apart: Vocabulary = {
    ...base,
    id: 'apart',
    encodeContinuation: text => (text === 'abcd' ? [97, 257, 100] : [...Buffer.from(text)]),
  }
  t.same(compileGrammar({ ebnf: 'root ::= "abcd" [0-9]' }, apart).matcher().forcedTokens(), [97, 257, 100])
  const rewriting: Vocabulary = {
    ...base,
    id: 'rewriting',
    encodeContinuation: text => [...Buffer.from(text.replace('c', 'k'))],
  }
  t.same(compileGrammar({ ebnf: 'root ::= "abcd" [0-9]' }, rewriting).matcher().forcedTokens(), [97, 98])
})

t.test('the shortest completion closes what is open, in characters cut in half as well', async t => {
  const grammar = compileGrammar({ anyJson: true }, byteVocabulary)
  const close = (start: Uint8Array) => {
    const matcher = grammar.matcher()
    for (const byte of start) matcher.accept(byte)
    return Buffer.concat([start, Buffer.from(matcher.shortestCompletion())]).toString()
  }
  t.equal(close(Buffer.from('{"a":[1,[tr')), '{"a":[1,[true]]}')
  t.equal(close(Buffer.from('{"a')), '{"a":0}')
  t.equal(close(Buffer.from('[1')), '[1]')
  t.equal(close(Buffer.from('[]')), '[]')
  t.match(close(Buffer.from('"世').subarray(0, 2)), /^"[^\ufffd]"$/)
})

t.test('forced tokens are cut as the tokenizer cuts them behind the tokens before', async t => {
  const base = makeVocabulary([...everyByte(), '_id', '","', '["', null], [259])
  const vocabulary: Vocabulary = {
    ...base,
    id: 'by context',
    encodeContinuation: text => (text.startsWith('"') ? [...Buffer.from(text)] : base.encodeContinuation(text)),
  }
  const grammar = compileGrammar({ ebnf: 'root ::= ("x" | "\\"") "_id" ("1" | "2")' }, vocabulary)
  const after = (id: number) => {
    const matcher = grammar.matcher()
    matcher.accept(id)
    return matcher.forcedTokens()
  }
  t.same(after(0x78), [256])
  t.same(after(0x22), [...Buffer.from('_id')])
})

t.test('a token that would begin inside the last forced one and cross its end takes its place', async t => {
  const base = makeVocabulary([...everyByte(), '[{', '{"', null], [258])
  const merging = (text: string) =>
    base.encodeContinuation(text.replace('[{"', '[\u0001"')).flatMap(id => (id === 1 ? [123] : [id]))
  const vocabulary: Vocabulary = { ...base, id: 'merging', encodeContinuation: merging }
  const forced = (ebnf: string) => compileGrammar({ ebnf }, vocabulary).matcher().forcedTokens()
  t.same(forced('root ::= "[{" ("\\"" | "}")'), [])
  t.same(forced('root ::= "[{" ("x" | "}")'), [256])
})
