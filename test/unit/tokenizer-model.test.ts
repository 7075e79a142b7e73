import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readFields } from '../../runtime/tokenizer/protobuf-fields.js'
import { convertSentencePiece } from '../../runtime/tokenizer/sentencepiece.js'
import { loadTokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { repositoryRoot } from '../support/paths.js'

const fixture = (name: string) => readFileSync(join(repositoryRoot(), 'test/fixtures/tokenizers', name))
const facts = { path: 'models/test', imageTokenId: 520, eosIds: [2] }
const config = { bos_token: '<s>', eos_token: '</s>' }

t.test('a tokenizer.model gives the ids that its own library gives', async t => {
  const tokenizer = loadTokenizer(convertSentencePiece(fixture('small.model'), 'models/test'), config, facts)
  const goldens: { text: string; ids: number[] }[] = JSON.parse(fixture('small-goldens.json').toString())
  t.ok(goldens.length > 5)
  for (const { text, ids } of goldens) t.strictSame(tokenizer.encode(text), ids, text)
  t.equal(tokenizer.size, 520)
  t.equal(tokenizer.bytes(1), null)
  t.strictSame([...tokenizer.bytes(3 + 10)!], [10])
})

t.test('special tokens of a tokenizer.model are not read out of user text', async t => {
  const tokenizer = loadTokenizer(convertSentencePiece(fixture('small.model'), 'models/test'), config, facts)
  t.strictSame(tokenizer.encode('a</s>', { allowSpecial: true }).at(-1), 2)
  t.notOk(tokenizer.encode('a</s>').includes(2))
})

t.test('tokens that only the configuration lists are added', async t => {
  const added = { 520: { content: '<image>', special: true }, 521: { content: '<tag>', special: false } }
  const listing = { ...config, added_tokens_decoder: added }
  const tokenizer = loadTokenizer(convertSentencePiece(fixture('small.model'), 'models/test'), listing, facts)
  t.equal(tokenizer.size, 522)
  t.equal(tokenizer.bytes(520), null)
  t.ok(tokenizer.encode('a<tag>').includes(521))
  t.notOk(tokenizer.encode('a<image>').includes(520))
  t.ok(tokenizer.encode('a<image>', { allowSpecial: true }).includes(520))
})

t.test('other kinds of models are refused, damaged ones named', async t => {
  const piece = [0x0a, 3, 0x0a, 1, 0x61]
  const pairs = [0x12, 2, 0x18, 2]
  const cases: [number[], RegExp][] = [
    [piece, /tokenizer\.model is of type 1; 2 \(byte pairs\) is known/],
    [[...piece, ...pairs], /removes extra spaces/],
    [[...piece, ...pairs, 0x1a, 5, 0x20, 0, 0x12, 1, 9], /character map/],
  ]
  for (const [bytes, message] of cases) {
    const convert = () => convertSentencePiece(Uint8Array.from(bytes), 'models/test')
    t.throws(convert, { code: 'MODEL_UNSUPPORTED', message })
  }
  const whole = fixture('small.model')
  t.throws(() => convertSentencePiece(whole.subarray(0, whole.length - 9), 'models/test'), { code: 'MODEL_CORRUPT' })
  t.throws(() => convertSentencePiece(Buffer.from('not a model'), 'models/test'), { code: 'MODEL_CORRUPT' })
  t.throws(() => convertSentencePiece(new Uint8Array(), 'models/test'), { code: 'MODEL_CORRUPT', message: /no pieces/ })
})

t.test('fields of a message, by wire type', async t => {
  const message = Uint8Array.of(
    0x08,
    0x96,
    0x01,
    0x15,
    0,
    0,
    0x80,
    0x3f,
    0x1a,
    2,
    7,
    8,
    0x21,
    0,
    0,
    0,
    0,
    0,
    0,
    0xf0,
    0x3f,
  )
  t.strictSame(
    [...readFields(message)].map(({ number, value }) => [number, typeof value === 'number' ? value : [...value]]),
    [
      [1, 150],
      [2, 1],
      [3, [7, 8]],
      [4, 1],
    ],
  )
  t.throws(() => [...readFields(Uint8Array.of(0x0b))], /wire type 3/)
  t.throws(() => [...readFields(Uint8Array.of(0x0a, 5, 1))], /runs over the end/)
  t.throws(() => [...readFields(new Uint8Array(12).fill(0xff))], /more than ten bytes/)
})
