import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { TextStream } from '../../runtime/tokenizer/text-stream.js'
import { spelledBytes, spellingOf } from '../../runtime/tokenizer/token-bytes.js'
import { loadTokenizer, type Tokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { repositoryRoot } from '../support/paths.js'

const read = (path: string) => JSON.parse(readFileSync(join(repositoryRoot(), path), 'utf8'))
const fixture = (name: string, imageTokenId: number, config: object): Tokenizer =>
  loadTokenizer(read(`test/fixtures/tokenizers/${name}.json`), { ...config }, { path: name, imageTokenId, eosIds: [] })

const llama = fixture('sentencepiece', 32000, { bos_token: '<s>', eos_token: '</s>' })
const byteLevel = fixture('byte-level', 519, { eos_token: '<|im_end|>' })
const pocket = loadTokenizer(read('models/pocket-v0/tokenizer.json'), read('models/pocket-v0/tokenizer_config.json'), {
  path: 'models/pocket-v0',
  imageTokenId: 4,
  eosIds: [2],
})

const textOf = (tokenizer: Tokenizer, ids: readonly number[]) => {
  const stream = new TextStream(tokenizer)
  return stream.push(ids) + stream.flush()
}

t.test('bytes of tokens, by spelling', async t => {
  t.strictSame([...spelledBytes('Ġé', 'byte-level')], [0x20, 0xe9])
  t.strictSame([...spelledBytes('<0x0A>', 'metaspace')], [10])
  t.equal(Buffer.from(spelledBytes('▁▁the', 'metaspace')).toString(), '  the')
  t.equal(Buffer.from(spelledBytes('##ing', 'word-piece')).toString(), 'ing')
  t.equal(Buffer.from(spelledBytes('word', 'word-piece')).toString(), ' word')
  t.equal(spellingOf(null), null)
  t.equal(spellingOf({ type: 'Replace', pattern: { String: '_' }, content: ' ' }), null)
  t.equal(spellingOf({ type: 'Sequence', decoders: [{ type: 'Metaspace' }, { type: 'Fuse' }] }), 'metaspace')
})

t.test('the pocket vocabulary is one token for each byte, special tokens without any', async t => {
  t.equal(pocket.size, 264)
  t.strictSame([...pocket.stopIds], [2])
  for (let byte = 0; byte < 256; byte++) t.strictSame([...pocket.bytes(byte + 5)!], [byte])
  for (const id of [0, 1, 2, 3, 4, 261, 262, 263, 264, -1]) t.equal(pocket.bytes(id), null)
})

t.test('special tokens have no bytes, added tokens of the text have theirs', async t => {
  t.equal(llama.bytes(1), null)
  t.equal(llama.bytes(32000), null)
  t.equal(byteLevel.bytes(byteLevel.idOf('<|im_end|>')!), null)
  t.equal(Buffer.from(byteLevel.bytes(byteLevel.idOf('<tool>')!)!).toString(), '<tool>')
  t.equal(Buffer.from(byteLevel.bytes(byteLevel.idOf('    ')!)!).toString(), '    ')
  t.strictSame([...byteLevel.stopIds], [byteLevel.idOf('<|im_end|>')])
})

t.test('the text of ids is what the reference library decodes, but for the space that begins a string', async t => {
  const goldens = read('test/fixtures/tokenizers/goldens.json')
  for (const { ids, decoded } of goldens['byte-level']) t.equal(textOf(byteLevel, ids), decoded)
  for (const { text, ids, decoded } of goldens.sentencepiece) {
    const visible = /[<>]|^$/.test(text) ? null : decoded
    if (visible !== null) t.equal(textOf(llama, ids), ` ${visible}`)
  }
})

t.test('any text comes back from its ids, whatever pieces the ids arrive in', async t => {
  for (const [name, tokenizer] of Object.entries({ pocket, byteLevel })) {
    const returns = fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.integer({ min: 1, max: 4 })),
      (text, cuts) => {
        const normal = text.normalize('NFC')
        const ids = tokenizer.encodeContinuation(normal)
        const stream = new TextStream(tokenizer)
        let out = ''
        for (let at = 0, turn = 0; at < ids.length; turn++) {
          const count = cuts[turn % Math.max(1, cuts.length)] ?? 1
          const delta = stream.push(ids.slice(at, at + count))
          if (delta.includes('\ufffd') && !normal.includes('\ufffd')) return false
          out += delta
          at += count
        }
        return out + stream.flush() === normal
      },
    )
    t.doesNotThrow(() => fc.assert(returns, { numRuns: 300, seed: 13 }), name)
  }
})

t.test('half a character is held back until its end comes, or the end of the text', async t => {
  const [first, second, third, fourth] = [...Buffer.from('🙂')].map(byte => byte + 5) as [
    number,
    number,
    number,
    number,
  ]
  const stream = new TextStream(pocket)
  t.equal(stream.push([first]), '')
  t.equal(stream.push([second, third]), '')
  t.equal(stream.push([fourth, 0x41 + 5]), '🙂A')
  t.equal(stream.push([first, second]), '')
  t.equal(stream.flush(), '\ufffd')
  t.equal(stream.push([0x42 + 5]), 'B', 'the stream goes on after a flush')
  t.equal(stream.push([first, 2, 0x43 + 5]), '\ufffdC', 'a broken character shows once the next byte proves it')
  t.equal(new TextStream(pocket).push([0xef, 0xbb, 0xbf].map(byte => byte + 5)), '\ufeff')
})

t.test('a token is displayed alone: broken characters as U+FFFD, special tokens by name', async t => {
  t.equal(pocket.display(0xf0 + 5), '\ufffd')
  t.equal(pocket.display(0x41 + 5), 'A')
  t.equal(pocket.display(2), '</s>')
  t.equal(pocket.display(9999), '')
  t.equal(llama.display(llama.idOf('▁the')!), ' the')
})
