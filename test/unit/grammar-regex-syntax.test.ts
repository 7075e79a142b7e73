import t from 'tap'
import { parseRegex } from '../../runtime/grammar/regex/parser.js'

t.test('what no linear-time automaton does is refused by name and position', t => {
  const cases: readonly (readonly [string, RegExp, number])[] = [
    ['a(b)\\1', /backreference/, 4],
    ['(?<n>b)\\k<n>', /backreference/, 7],
    ['(?i:x\\b)', /word boundary/, 5],
    ['a(?<=b)c', /lookbehind/, 1],
    ['a\\Z', /\\Z/, 1],
    ['(?m:^a)', /multi-line/, 0],
    ['\\07', /octal/, 0],
  ]
  for (const [pattern, message, position] of cases)
    t.throws(
      () => parseRegex(pattern),
      { code: 'GRAMMAR_UNSUPPORTED', message, data: { kind: 'regex', position } },
      pattern,
    )
  t.throws(() => parseRegex('a', 'm'), { code: 'GRAMMAR_UNSUPPORTED', message: /flag "m"/ })
  t.end()
})

t.test('a wrong pattern is refused with what is wrong and where', t => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a(b', /never closed/],
    ['a)b', /without a "\("/],
    ['[a-', /never closed/],
    ['[z-a]', /out of order/],
    ['*a', /nothing to repeat/],
    ['a{3,2}', /out of order/],
    ['a**', /nothing to repeat/],
    ['\\p{Nonsense}', /no Unicode property/],
    ['\\u12', /cut short/],
    ['\\u{110000}', /U\+10FFFF/],
    ['(?<1>a)', /group name/],
    ['(?>a)', /no group/],
    ['a\\', /backslash/],
  ]
  for (const [pattern, message] of cases)
    t.throws(() => parseRegex(pattern), { code: 'GRAMMAR_INVALID', message }, pattern)
  t.throws(() => parseRegex('('.repeat(5000)), { code: 'GRAMMAR_TOO_COMPLEX' })
  t.end()
})

t.test('pages of the web may leave brackets and braces bare', t => {
  const letters = (pattern: string) => (parseRegex(pattern) as { parts: readonly unknown[] }).parts.length
  t.equal(letters('a{b}'), 4)
  t.equal(letters('a]b'), 3)
  t.equal(letters('a{,3}'), 5)
  t.end()
})
