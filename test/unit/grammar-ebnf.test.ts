import t, { type Test } from 'tap'
import { compileEbnf } from '../../runtime/grammar/ebnf/index.js'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { makeRandom } from '../support/vocabularies.js'

function compile(source: string, root?: string): (text: string) => boolean {
  const store = new ExpressionStore()
  const id = compileEbnf(store, source, root)
  return text => {
    let state = id
    for (const byte of Buffer.from(text)) state = store.derivative(state, byte)
    return store.isNullable(state)
  }
}

function check(t: Test, source: string, good: readonly string[], bad: readonly string[], root?: string): void {
  const accepts = compile(source, root)
  for (const text of good) t.equal(accepts(text), true, `takes ${JSON.stringify(text)}`)
  for (const text of bad) t.equal(accepts(text), false, `refuses ${JSON.stringify(text)}`)
}

t.test('literals, classes, groups, counts and comments', async t => {
  check(
    t,
    `# a price
     root ::= sign? digit{1,3} ("." digit {2})? | "fr\\u0065e"  # or nothing to pay
     sign ::= [+-]
     digit ::= [0-9]`,
    ['1', '-12', '123.45', 'free'],
    ['', '1234', '1.5', 'fre'],
  )
  check(t, 'root ::= [^a-c\\]\\n]+ "]"', ['x]', 'é世😀]'], ['a]', ']', 'x\n]'])
  check(t, 'root ::= [а-яё]{2} | .', ['ёж', 'x', '\n'], ['я1', 'xy'])
  check(t, 'root ::= "\\x41\\U0001f600\\ud83d\\ude00\\"\\\\"', ['A😀😀"\\'], ['A'])
})

t.test('a rule may run over several lines and ends where the next begins', async t => {
  check(t, 'root ::= "a"\n  | list\n\nlist ::= "["\n item-1\n "]"\nitem-1 ::= "x" *', ['a', '[]', '[xx]'], ['x'])
  check(t, 'start ::= "s"', ['s'], ['r'], 'start')
})

t.test(
  'left recursion is handled: direct, indirect, hidden behind empty rules, and in a circle of bare names',
  async t => {
    check(
      t,
      'root ::= root "+" term | term\nterm ::= term "*" [0-9] | [0-9]',
      ['1', '1+2*3', '1*2+3'],
      ['', '1+', '+1'],
    )
    check(
      t,
      'root ::= a | "r"\na ::= b "x"\nb ::= root "y" | "b"',
      ['r', 'bx', 'ryx', 'bxyx', 'ryxyx'],
      ['b', 'rx', 'yx'],
    )
    check(
      t,
      'root ::= empty root "a" | "b"\nempty ::= "" | "e"',
      ['b', 'ba', 'baa', 'eba', 'eebaa'],
      ['eb', 'eeba', 'a'],
    )
    check(t, 'root ::= a\na ::= b | "x"\nb ::= a | "y" | root "z"', ['x', 'y', 'xz', 'yzz'], ['z', ''])
    check(t, 'root ::= root root | "a" | ""', ['', 'a', 'aaaa'], ['b', 'ab'])
    check(t, 'root ::= (root ",")* "x"', ['x', 'x,x', 'x,x,x'], ['x,', ',x'])
    check(t, 'root ::= root{2,3} | "a"', ['a', 'aa', 'aaa', 'aaaaa'], ['', 'b'])
  },
)

t.test('rules of random grammars with left recursion accept what a naive recogniser accepts', async t => {
  const random = makeRandom(5)
  const words = allWords(5)
  for (let round = 0; round < 40; round++) {
    const bodies = ['root', 'p', 'q'].map(() =>
      Array.from({ length: 2 + Math.floor(random() * 2) }, () => randomWord(random)),
    )
    const source = ['root', 'p', 'q']
      .map((name, index) => `${name} ::= ${bodies[index]!.map(spell).join(' | ')}`)
      .join('\n')
    const accepts = compile(source)
    const expected = languageUpTo(bodies, 5)
    for (const word of words) if (accepts(word) !== expected.has(word)) t.fail(`${JSON.stringify(word)} in\n${source}`)
    t.ok(true, source)
  }
})

const SYMBOLS = ['root', 'p', 'q', 'a', 'b']
function randomWord(random: () => number): string[] {
  return Array.from({ length: Math.floor(random() * 3.5) }, () => SYMBOLS[Math.floor(random() * SYMBOLS.length)]!)
}
function spell(word: readonly string[]): string {
  return word.map(symbol => (symbol.length === 1 && 'ab'.includes(symbol) ? `"${symbol}"` : symbol)).join(' ') || '""'
}
function allWords(length: number): string[] {
  const words = ['']
  for (let at = 0; at < words.length; at++) if (words[at]!.length < length) words.push(`${words[at]}a`, `${words[at]}b`)
  return words
}
/** All words of at most `length` letters of the first rule, by filling the rules' languages until nothing is new. */
function languageUpTo(bodies: readonly (readonly (readonly string[])[])[], length: number): Set<string> {
  const languages = bodies.map(() => new Set<string>())
  for (let before = -1, after = 0; before !== after; ) {
    before = after
    for (const [index, options] of bodies.entries()) {
      for (const option of options) {
        let words = new Set([''])
        for (const symbol of option) {
          const next = 'ab'.includes(symbol) ? [symbol] : [...languages[['root', 'p', 'q'].indexOf(symbol)]!]
          words = new Set(
            [...words].flatMap(word => next.map(more => word + more)).filter(word => word.length <= length),
          )
        }
        for (const word of words) languages[index]!.add(word)
      }
    }
    after = languages.reduce((sum, language) => sum + language.size, 0)
  }
  return languages[0]!
}

t.test('mistakes are errors with line and column, and what is not supported is refused by name', async t => {
  const invalid: [string, RegExp][] = [
    ['root ::= "a" other', /line 1, column 14: there is no rule "other"/],
    ['root ::= "a"\nroot ::= "b"', /line 2, column 1: the rule "root" is defined twice/],
    ['root ::= "a', /closing quote/],
    ['root ::= [z-a]', /ends before it begins/],
    ['root ::= "a" |', /the end of the grammar stands where/],
    ['root ::= ("a"', /not closed/],
    ['root ::= "a"{3,2}', /\{3,2\} ends before/],
    ['root ::= "\\q"', /no escape/],
    ['x ::= "a"', /no rule "root"/],
    ['root = "a"', /name and "::="/],
    ['', /no rule "root"/],
    [`root ::= ${'('.repeat(300)}`, /nested/],
  ]
  for (const [source, message] of invalid) t.throws(() => compile(source), { code: 'GRAMMAR_INVALID', message })
  const unsupported: [string, RegExp][] = [
    ['root ::= "a" (= "b")', /lookahead/],
    ['root ::= <think>', /tokens of the tokenizer/],
    ['root ::= TagDispatch(("a", x))', /TagDispatch/],
  ]
  for (const [source, message] of unsupported) t.throws(() => compile(source), { code: 'GRAMMAR_UNSUPPORTED', message })
})
