import t from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { wordList } from '../../runtime/grammar/word-list.js'

function accepts(store: ExpressionStore, id: number, text: string | Uint8Array): boolean {
  let state = id
  for (const byte of Buffer.from(text as string)) state = store.derivative(state, byte)
  return store.isNullable(state)
}

t.test('literals, classes, sequences, choices and repeats accept what they say', async t => {
  const store = new ExpressionStore()
  const digit = store.byteClass([[48, 57]])
  const number = store.sequence(store.optional(store.literal('-')), store.repeat(digit, 1, 3))
  const list = store.sequence(number, store.repeat(store.sequence(store.literal(', '), number), 0, Infinity))
  for (const text of ['1', '-12', '1, 2, -333']) t.equal(accepts(store, list, text), true, text)
  for (const text of ['', '-', '1234', '1,2', '1, ']) t.equal(accepts(store, list, text), false, text)
})

t.test('a rule may be recursive and nullable', async t => {
  const store = new ExpressionStore()
  const pairs: number = store.rule('pairs', () =>
    store.optional(store.sequence(store.literal('('), pairs, store.literal(')'), pairs)),
  )
  for (const text of ['', '()', '(())()', '((()()))']) t.equal(accepts(store, pairs, text), true, text)
  for (const text of ['(', ')', '(()', '())']) t.equal(accepts(store, pairs, text), false, text)
  t.equal(store.isEmptyLanguage(pairs), false)
})

t.test('rules that lead to each other are told empty or not whatever the order they are met in', async t => {
  const store = new ExpressionStore()
  const outer: number = store.rule('outer', () =>
    store.choice([store.sequence(store.literal('{'), inner), store.empty]),
  )
  const inner: number = store.rule('inner', () => store.sequence(outer, store.literal('}')))
  t.equal(store.isEmptyLanguage(outer), false)
  for (const text of ['', '{}', '{{{}}}']) t.equal(accepts(store, outer, text), true, text)
  t.equal(accepts(store, outer, '{}{}'), false)
})

t.test('a left-recursive rule is refused by name', async t => {
  const store = new ExpressionStore()
  const sum: number = store.rule('sum', () =>
    store.choice([store.sequence(sum, store.literal('+1')), store.literal('1')]),
  )
  t.throws(() => store.derivative(sum, 49), { code: 'GRAMMAR_INVALID', message: /"sum"/ })
})

t.test('a rule that never ends is the empty language and is cut off in advance', async t => {
  const store = new ExpressionStore()
  const endless: number = store.rule('endless', () => store.sequence(store.literal('a'), endless))
  t.equal(store.isEmptyLanguage(endless), true)
  const either = store.choice([store.sequence(store.literal('xa'), endless), store.literal('xb')])
  const after = store.derivative(either, 0x78)
  t.equal(store.derivative(after, 0x61), store.fail)
  t.equal(store.derivative(after, 0x62), store.empty)
})

t.test('intersection and complement are exact and never lead into a dead end', async t => {
  const store = new ExpressionStore()
  const letter = store.byteClass([[97, 122]])
  const word = store.repeat(letter, 0, Infinity)
  const hasCat = store.sequence(word, store.literal('cat'), word)
  const short = store.repeat(letter, 0, 5)
  const both = store.and(hasCat, short)
  for (const text of ['cat', 'xcat', 'catxy', 'acata']) t.equal(accepts(store, both, text), true, text)
  for (const text of ['ca', 'xxxcat', 'catcat']) t.equal(accepts(store, both, text), false, text)
  t.equal(
    [...'abx'].reduce((state, c) => store.derivative(state, c.charCodeAt(0)), both),
    store.fail,
  )
  t.equal(store.isEmptyLanguage(store.and(hasCat, store.repeat(letter, 0, 2))), true)
  t.equal(store.isEmptyLanguage(store.and(word, store.not(word))), true)
  const others = store.and(word, store.not(store.choice([store.literal('cat'), store.literal('dog')])))
  t.equal(accepts(store, others, 'cat'), false)
  t.equal(accepts(store, others, 'cats'), true)
})

t.test('text that must and must not be made of the same characters is seen to be empty at once', async t => {
  const store = new ExpressionStore({ maxSearch: 300 })
  const character = store.codePoints([[0x20, 0x10ffff]])
  const text = store.repeat(character, 0, Infinity)
  const labels = store.repeat(store.sequence(store.repeat(character, 1, 63), store.literal('.')), 1, 127)
  t.equal(store.and(labels, text), labels)
  const without = store.and(labels, store.not(store.sequence(text, store.literal('://'), text)))
  t.equal(accepts(store, without, 'a.b:/.'), true)
  t.equal(
    [...'a://'].reduce((state, c) => store.derivative(state, c.charCodeAt(0)), without),
    store.fail,
  )
})

t.test('intersection works with a recursive rule on one side', async t => {
  const store = new ExpressionStore()
  const nest: number = store.rule('nest', () =>
    store.choice([store.literal('x'), store.sequence(store.literal('('), nest, store.literal(')'))]),
  )
  const atMostFive = store.repeat(store.anyByte, 0, 5)
  const both = store.and(nest, atMostFive)
  t.equal(accepts(store, both, '((x))'), true)
  t.equal(store.derivative(store.derivative(store.derivative(both, 40), 40), 40), store.fail)
})

t.test('a repeat counted in millions costs nothing to make, and items of several lengths need few states', async t => {
  const store = new ExpressionStore()
  const item = store.choice([store.literal('a'), store.literal('aa')])
  let state = store.repeat(item, 3, 1_000_000)
  for (let index = 0; index < 5_000; index++) state = store.derivative(state, 97)
  t.equal(store.isNullable(state), true)
  t.ok(store.size < 30_000, `${store.size} expressions`)
})

t.test('code points become well-formed UTF-8 and nothing else', async t => {
  const store = new ExpressionStore()
  const any = store.codePoints([[0, 0x10ffff]])
  for (const text of ['a', 'é', '€', '😀', '\u{10ffff}', '\0', '\uffff']) t.equal(accepts(store, any, text), true)
  for (const bytes of [[0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]])
    t.equal(accepts(store, any, Uint8Array.from(bytes)), false)
  const cyrillic = store.codePoints([[0x430, 0x44f]])
  t.equal(accepts(store, cyrillic, 'я'), true)
  t.equal(accepts(store, cyrillic, 'a'), false)
  t.equal(accepts(store, cyrillic, 'ё'), false)
})

t.test('the shortest string is found through choices, rules and intersections', async t => {
  const store = new ExpressionStore()
  const digits = store.repeat(store.byteClass([[48, 57]]), 3, Infinity)
  const text = (id: number) => {
    const bytes = store.shortest(id)
    return bytes === null ? null : Buffer.from(bytes).toString()
  }
  t.equal(text(digits), '000')
  t.equal(text(store.and(digits, store.not(store.literal('000')))), '001')
  t.equal(text(store.fail), null)
  t.equal(text(store.and(digits, store.literal('12'))), null)
})

t.test('budgets end in an error that names the rule', async t => {
  const store = new ExpressionStore({ maxExpressions: 200 })
  const big = store.rule('big', () =>
    store.choice(Array.from({ length: 500 }, (_, index) => store.literal(`${index}`))),
  )
  t.throws(() => store.derivative(big, 48), { code: 'GRAMMAR_TOO_COMPLEX', message: /"big"/ })
})

t.test('a word list takes its words and no others, whatever they have in common', async t => {
  const store = new ExpressionStore()
  const words = ['', 'a', 'ab', 'abc', 'b', 'é', 'è', 'x'.repeat(150), `${'x'.repeat(150)}y`, 'ab']
  const list = wordList(store, words)
  for (const word of words) t.equal(accepts(store, list, word), true, word)
  for (const word of ['c', 'abcd', 'x', 'ê', 'ba']) t.equal(accepts(store, list, word), false, word)
  const deep = Array.from({ length: 1_000 }, (_, length) => 'n'.repeat(length + 1))
  const chain = wordList(store, deep)
  t.equal(accepts(store, chain, 'n'.repeat(777)), true)
  t.equal(accepts(store, chain, 'n'.repeat(1_001)), false)
})
