import t from 'tap'
import { isKnownFormat } from '../../runtime/grammar/json-schema/formats/index.js'
import { JsonLanguage } from '../support/json-language.js'

interface Examples {
  readonly valid: readonly string[]
  readonly invalid: readonly string[]
}

const FORMATS: Readonly<Record<string, Examples>> = {
  date: {
    valid: ['2024-02-29', '2000-02-29', '1999-12-31', '0000-01-01'],
    invalid: [
      '2023-02-29',
      '1900-02-29',
      '2024-04-31',
      '2024-13-01',
      '2024-00-10',
      '24-01-01',
      '2024-1-1',
      '2024-01-01 ',
    ],
  },
  time: {
    valid: ['08:30:06Z', '08:30:06.283185z', '12:00:00+00:20', '23:59:60Z', '01:29:60+01:30', '15:59:60.5-08:00'],
    invalid: ['24:00:00Z', '08:30:06', '22:59:60Z', '23:59:60+01:00', '08:60:00Z', '08:30:06+24:00', '08:30:61Z'],
  },
  'date-time': {
    valid: ['1963-06-19T08:30:06.283185Z', '1998-12-31T23:59:60Z', '2024-02-29t00:00:00-11:59'],
    invalid: ['1990-02-31T15:59:59Z', '1963-06-19 08:30:06Z', '1963-06-19T08:30:06', '1998-12-31T22:59:60Z'],
  },
  duration: {
    valid: ['P4DT12H30M5S', 'P1Y2M3D', 'PT0S', 'P2W', 'P1M2D', 'PT1M2S'],
    invalid: ['P', 'PT', 'P1Y2D', 'PT1H2S', 'P1Y2W', 'P2D1Y', 'PT0.5S', '-P1D', 'P1S'],
  },
  email: {
    valid: ['joe.bloggs@example.com', '"joe bloggs"@example.com', 'a@b', 'x+y=z@[127.0.0.1]', 'x@[IPv6:::1]'],
    invalid: ['joe', '.a@b.c', 'a.@b.c', 'a..b@c.d', 'a@b_c.d', 'a@[127.0.0.300]', 'a b@c.d', `${'a'.repeat(65)}@b.c`],
  },
  'idn-email': { valid: ['실례@실례.테스트', 'δοκιμή@example.com'], invalid: ['2962', 'user＠example.com', 'a@〮실'] },
  hostname: {
    valid: ['www.example.com', 'a--b.com', '1host', 'x', 'X.yn.xn.com', 'a'.repeat(63)],
    invalid: ['', '.a', 'a.', '-a', 'a-', 'a_b', 'xn--x', 'XN--abc', 'a'.repeat(64), `${'a'.repeat(63)}.`.repeat(4)],
  },
  'idn-hostname': {
    valid: ['실례.테스트', 'l·l', 'α͵β', 'א׳ב', '・ぁ', 'क्‍ष', 'hostname', 'a。b'],
    invalid: ['〮실례', 'a·l', 'α͵S', '・', '0a.א', 'aא', 'क‍ष', '-a', 'a..b', 'ü'.repeat(60)],
  },
  ipv4: { valid: ['0.0.0.0', '255.255.255.255'], invalid: ['256.1.1.1', '1.2.3', '01.2.3.4', '1.2.3.4.5', '1.2.3.4 '] },
  ipv6: {
    valid: ['::', '::1', '1::', '1:2:3:4:5:6:7:8', '::ffff:192.168.0.1', '1::d6:192.168.0.1', '1:2:3:4:5:6:7::'],
    invalid: [':::', '1', '1::2::3', '12345::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1.2.3', '[::1]', '::%1'],
  },
  uri: {
    valid: [
      'http://foo.bar/?baz=qux#quux',
      'urn:a:b',
      'mailto:a@b.c',
      'ldap://[2001:db8::7]/c=GB?x',
      'http://a@b:80/%20',
    ],
    invalid: [
      '//foo.bar',
      '/abc',
      'http:// x',
      'http://a/%6G',
      '1http://a',
      'http://[::1',
      'http://a/ñ',
      'http://a:b/',
      'a^b:c',
    ],
  },
  'uri-reference': {
    valid: ['', '/abc', '//a', '?q', '#f', './a:b', 'http://a'],
    invalid: ['\\x', '#a\\b', '1:b', '/%zz', '/[x]'],
  },
  iri: { valid: ['http://ƒøø.ßår/?∂=π#π', 'urn:é'], invalid: ['/é', 'é', 'http://2001:0db8:85a3::7334'] },
  'iri-reference': { valid: ['âππ', '#ƒ', '//ƒøø'], invalid: ['\\é', '#ƒ\\'] },
  'uri-template': {
    valid: ['', '{a}', 'x/{a:3}{?b*,c}', '{+v}'],
    invalid: ['{', '{}', 'a}', '{a:0}', '{a,}', 'a b', '{a:10000}'],
  },
  uuid: {
    valid: ['2EB8AA08-aa98-11ea-b4aa-73b441d16380', '00000000-0000-0000-0000-000000000000'],
    invalid: ['2eb8aa08-aa98-11ea-b4aa-73b441d1638', '2eb8aa08aa9811eab4aa73b441d16380', 'urn:uuid:x'],
  },
  'json-pointer': { valid: ['', '/a/~0b/~1', '/ "\\', '//'], invalid: ['a', '#/a', '/~', '/~2'] },
  'relative-json-pointer': { valid: ['0', '1#', '12/a~1b'], invalid: ['', '/a', '01', '1##', '-1', '1~'] },
  regex: {
    valid: ['([abc])+\\s+$', '^(?:a|b){2,5}?[^\\d-]$', '', '[a-z\\]]', '(?<n>x)', '(?=a)b', '\\u0041'],
    invalid: ['^(abc]', '(', '[', 'a**', '\\a', '(?P<n>x)', 'a{2,1}', '[z-a]', '\\'],
  },
}

for (const [format, { valid, invalid }] of Object.entries(FORMATS)) {
  t.test(`format ${format}`, t => {
    t.ok(isKnownFormat(format))
    const language = new JsonLanguage({ type: 'string', format })
    for (const value of valid) t.ok(language.acceptsValue(value), `takes ${JSON.stringify(value)}`)
    for (const value of invalid) t.notOk(language.acceptsValue(value), `refuses ${JSON.stringify(value)}`)
    t.end()
  })
}

t.test('formats speak of strings alone, and meet other keywords', t => {
  t.ok(new JsonLanguage({ format: 'date' }).accepts('12'))
  const language = new JsonLanguage({ type: 'string', format: 'email', pattern: '@example\\.org$', maxLength: 15 })
  t.ok(language.acceptsValue('abc@example.org'))
  t.notOk(language.acceptsValue('abcd@example.org'))
  t.notOk(language.acceptsValue('abc@example.com'))
  t.ok(new JsonLanguage({ type: 'string', not: { format: 'ipv4' } }).acceptsValue('1.2.3.400'))
  t.notOk(new JsonLanguage({ type: 'string', not: { format: 'ipv4' } }).acceptsValue('1.2.3.4'))
  t.end()
})
