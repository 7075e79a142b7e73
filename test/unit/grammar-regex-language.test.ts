import t from 'tap'
import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { compileRegex, type RegexOptions } from '../../runtime/grammar/regex/compile.js'
import { acceptsText, createRandom } from '../support/json-language.js'

const PATTERNS = [
  '(?!^a)b',
  '(?!a$)b?a',
  '\\bab',
  'a\\b',
  '\\ba\\b',
  'a\\Bb',
  '\\B',
  '\\b',
  '^\\b.',
  '(a|é)\\b.?',
  '[ab]*\\b.?b',
  '(?=\\ba).b',
  '\\b(?!b)\\w+\\b',
  '(a|\\b)b$',
  '\\b\\B',
  'abc',
  'a|bc|',
  '(ab)*c?',
  'a{2,4}b',
  '(a|b){2}c{0,2}',
  '[^a]',
  '[a-c]+$',
  '^b',
  '^a|b$',
  '^$',
  '(^a|b)c',
  'a(b$|c)',
  '^(a|^b)c*$',
  '(a$|b)+',
  '(^|a)b',
  '(?:a|b$)*c?',
  '.',
  '.b.',
  '\\w+',
  '\\s',
  '\\d?\\D',
  '(?=ab).c?',
  '^(?!ab)[a-c]+$',
  'a(?=b)',
  'a(?!b)',
  '(?:aB)c',
  '[\\w-]b',
  '[]a',
  '[^]c',
  'é+',
  '\\u{1f600}',
  '\\ud83d\\ude00',
  '[😀-😂]',
  '(?<name>a)b',
  'a??b*?',
  '(a*)*b',
  '(a|ab)(c|bc)',
  '(?=.*c)^a.*b',
  '^(?=.{1,3}$)(a|b)+',
  '\\p{Lu}',
  '\\P{L}',
  '(?:)*',
  'a{0}b',
  '\\x61\\t?',
  '\\cJ',
] as const

const CHARACTERS = ['a', 'b', 'c', 'a', 'b', 'A', 'é', '😀', '1', ' ', '\n', '"', '\\', '\t']

/** The oracle: the pattern as the JavaScript engine runs it. */
function matchesNatively(pattern: string, flags: string, anchored: boolean, text: string): boolean {
  return new RegExp(anchored ? `^(?:${pattern})$` : pattern, `u${flags}`).test(text)
}

function texts(seed: number, count: number): readonly string[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => {
    const length = Math.floor(random() * 6)
    return Array.from({ length }, () => CHARACTERS[Math.floor(random() * CHARACTERS.length)]!).join('')
  })
}

function checkPattern(pattern: string, flags: string, options: RegexOptions): string[] {
  const store = new ExpressionStore()
  const root = compileRegex(store, pattern, { ...options, flags })
  const isJson = options.alphabet === 'json-string'
  return texts(7, 160).filter(text => {
    const spelled = isJson ? JSON.stringify(text).slice(1, -1) : text
    return acceptsText(store, root, spelled) !== matchesNatively(pattern, flags, options.anchored, text)
  })
}

for (const alphabet of ['text', 'json-string'] as const) {
  for (const anchored of [false, true]) {
    t.test(`patterns mean what the JavaScript engine means (${alphabet}, ${anchored ? 'whole' : 'anywhere'})`, t => {
      for (const pattern of PATTERNS) {
        if (anchored && pattern === '[]a') continue
        t.same(checkPattern(pattern, '', { anchored, alphabet }), [], pattern)
      }
      for (const pattern of ['aB', '[^a]b', 'É', '\\w', '.\\W'])
        t.same(checkPattern(pattern, 'i', { anchored, alphabet }), [], `${pattern} without case`)
      t.same(checkPattern('a.b', 's', { anchored, alphabet }), [], 'a dot for every character')
      t.end()
    })
  }
}

t.test('classes hold exactly the code points that the JavaScript engine says', t => {
  const random = createRandom(3)
  const samples = [0, 0x7f, 0x80, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff, 0x33fff, 0x34000, 0xe0100, 0x2028, 0xfeff]
  for (let index = 0; index < 400; index++) samples.push(Math.floor(random() ** 3 * 0x110000))
  for (const pattern of ['\\s', '\\w', '\\D', '.', '\\p{Script=Greek}', '\\p{L}', '\\P{Nd}', '[^\\p{Lu}a-f]']) {
    const store = new ExpressionStore()
    const root = compileRegex(store, pattern, { anchored: true })
    const wrong = samples.filter(sample => {
      if (sample >= 0xd800 && sample < 0xe000) return false
      const text = String.fromCodePoint(sample)
      return acceptsText(store, root, text) !== matchesNatively(pattern, '', true, text)
    })
    t.same(
      wrong.map(sample => sample.toString(16)),
      [],
      pattern,
    )
  }
  t.end()
})

t.test('spellings of other dialects that ECMAScript takes for errors', t => {
  const store = new ExpressionStore()
  const root = compileRegex(store, '(?i)(?P<name>ab)\\a', { anchored: true })
  t.ok(acceptsText(store, root, 'aB\u0007'))
  t.notOk(acceptsText(store, root, 'aBa'))
  t.end()
})

t.test('modifiers hold inside their group', t => {
  const store = new ExpressionStore()
  const root = compileRegex(store, '(?i:a(?-i:B))c(?s:.).', { anchored: true })
  for (const text of ['aBc\nx', 'ABc..']) t.ok(acceptsText(store, root, text), text)
  for (const text of ['abc..', 'aBC..', 'aBc.\n']) t.notOk(acceptsText(store, root, text), text)
  t.end()
})

t.test('counts cost nothing, and ambiguous repeats stay small', t => {
  const store = new ExpressionStore()
  const root = compileRegex(store, '^(?:\\S+\\s+){0,9999}\\S{1,100000}$', { anchored: false })
  const text = 'one two '.repeat(200) + 'x'.repeat(500)
  t.ok(acceptsText(store, root, text))
  t.notOk(acceptsText(store, root, ' leading'))
  t.ok(store.size < 60 * text.length, `${store.size} expressions for ${text.length} bytes`)
  t.end()
})

t.test('assertions that would need memory inside a loop are refused', t => {
  const store = new ExpressionStore()
  for (const pattern of ['(a(?=b))*', '(^a|$){3}', '(a\\b.)+'])
    t.throws(() => compileRegex(store, pattern, { anchored: false }), { code: 'GRAMMAR_UNSUPPORTED' }, pattern)
  t.end()
})
