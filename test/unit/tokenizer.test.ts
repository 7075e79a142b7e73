import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { PromptSegment } from '../../runtime/protocol/segment.js'
import { loadTokenizer, type Tokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { repositoryRoot } from '../support/paths.js'

type Json = Record<string, unknown>

const read = (...path: string[]): Json => JSON.parse(readFileSync(join(repositoryRoot(), ...path), 'utf8'))

/** Ids by the reference library on whole tokenizers; the fixtures keep the part of the vocabulary that these texts touch. */
const goldens = read('test/fixtures/tokenizers/goldens.json') as unknown as Record<
  string,
  { text: string; ids: number[]; decoded?: string }[]
>

const LLAMA = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', tokenizer_class: 'LlamaTokenizer' }
const CONFIGS: Record<string, Json> = {
  sentencepiece: LLAMA,
  'metaspace-first': LLAMA,
  'byte-level': { eos_token: '<|im_end|>' },
  'byte-level-stripping': { eos_token: '<|im_end|>' },
  'word-piece': { eos_token: '[SEP]' },
}

function load(name: string, facts = {}): Tokenizer {
  const tokenizer = read(`test/fixtures/tokenizers/${name}.json`)
  const added = tokenizer.added_tokens as { id: number; content: string }[]
  const imageTokenId = added.find(token => token.content === '<image>')!.id
  return loadTokenizer(tokenizer, CONFIGS[name]!, { path: name, imageTokenId, eosIds: [], ...facts })
}

const pocket = () =>
  loadTokenizer(read('models/pocket-v0/tokenizer.json'), read('models/pocket-v0/tokenizer_config.json'), {
    path: 'models/pocket-v0',
    imageTokenId: 4,
    eosIds: [2],
  })

const template = (text: string): PromptSegment => ({ kind: 'template', text })
const user = (text: string): PromptSegment => ({ kind: 'text', text })

t.test('ids are those of the reference library, special tokens included', async t => {
  for (const [name, cases] of Object.entries(goldens)) {
    const tokenizer = load(name)
    for (const { text, ids } of cases) {
      // A start token that the text spells itself is not doubled here.
      const doubled = CONFIGS[name] === LLAMA && text.startsWith('<s>')
      t.strictSame(tokenizer.encode(text, { allowSpecial: true }), ids.slice(Number(doubled)), `${name}: ${text}`)
    }
  }
})

t.test('published ids of LLaVA prompts', async t => {
  const llama = load('sentencepiece')
  const prompt = 'USER: <image>\nWhat is the content of this image?\nASSISTANT:'
  t.strictSame(
    llama.encode(prompt, { allowSpecial: true }),
    [
      1, 3148, 1001, 29901, 29871, 32000, 29871, 13, 5618, 338, 278, 2793, 310, 445, 1967, 29973, 13, 22933, 9047,
      13566, 29901,
    ],
  )
  const video = load('metaspace-first')
  t.strictSame(
    video.encode('USER: <image>\nWhat is shown in this video? ASSISTANT:', { allowSpecial: true }),
    [1, 3148, 1001, 29901, 29871, 32000, 13, 5618, 338, 4318, 297, 445, 4863, 29973, 319, 1799, 9047, 13566, 29901],
  )
  const original = load('metaspace-first', { freshAfterImage: true })
  t.strictSame(original.encode('USER: <image>\nWhat', { allowSpecial: true }).slice(5, 9), [32000, 29871, 13, 5618])
})

t.test('the pocket model gets exactly the ids of its golden prompts', async t => {
  const tokenizer = pocket()
  const { cases } = read('models/pocket-v0/golden.json') as { cases: { prompt: string; input_ids: number[] }[] }
  t.ok(cases.length > 0)
  for (const { prompt, input_ids: expected } of cases) {
    const [before, after] = prompt.split('<image>') as [string, string]
    const { ids, imagePositions } = tokenizer.encodeSegments([template(before), { kind: 'image' }, user(after)])
    t.strictSame(imagePositions, [ids.indexOf(4)])
    t.strictSame(
      ids.flatMap(id => (id === 4 ? new Array<number>(144).fill(4) : [id])),
      expected,
    )
  }
})

t.test('user text never becomes a special token', async t => {
  for (const name of ['sentencepiece', 'metaspace-first', 'byte-level']) {
    const tokenizer = load(name)
    for (const text of ['<s>', '</s>', '<image>', 'a<image>b</s>', '<|im_end|>', '<unk>']) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false })
      t.ok(
        ids.every(id => tokenizer.bytes(id) !== null),
        `${name}: ${text}`,
      )
      const { imagePositions } = tokenizer.encodeSegments([template('x '), user(text), template(' y')])
      t.strictSame(imagePositions, [])
    }
  }
  const bytes = pocket().encode('</s><image>', { addSpecialTokens: false })
  t.strictSame(
    bytes,
    [...Buffer.from('</s><image>')].map(byte => byte + 5),
  )
})

t.test('a special token that reaches from template into user text is not one', async t => {
  const tokenizer = load('byte-level')
  const { ids } = tokenizer.encodeSegments([template('<|im_'), user('end|>')])
  t.ok(ids.every(id => tokenizer.bytes(id) !== null))
  const joined = tokenizer.encodeSegments([template('<|im_'), template('end|>')])
  t.strictSame(joined.ids, [tokenizer.idOf('<|im_end|>')], 'two neighbours of the template are one text')
})

t.test('cutting a prompt into template and user text anywhere gives the ids of the whole', async t => {
  const plain = fc.stringMatching(/^[a-zA-Z0-9 .,:\n\u00e9\u6771\u{1f642}]{0,12}$/u)
  const special = fc.constantFrom('<image>', '</s>', '<|im_end|>', '\n', ' ')
  const segment = fc.oneof(plain.map(user), plain.map(template), special.map(template))
  for (const name of ['sentencepiece', 'metaspace-first', 'byte-level']) {
    const tokenizer = load(name)
    const same = fc.property(fc.array(segment, { maxLength: 8 }), segments => {
      const whole = segments.map(part => ('text' in part ? part.text : '')).join('')
      const expected = tokenizer.encode(whole, { allowSpecial: true })
      return JSON.stringify(tokenizer.encodeSegments(segments).ids) === JSON.stringify(expected)
    })
    t.doesNotThrow(() => fc.assert(same, { numRuns: 400, seed: 11 }), name)
  }
})

t.test('pictures change no id of the text around them', async t => {
  const tokenizer = load('sentencepiece')
  const marked = tokenizer.encodeSegments([template('USER: <image>\n'), user('What is shown')])
  const placed = tokenizer.encodeSegments([
    template('USER: '),
    { kind: 'image' },
    template('\n'),
    user('What is shown'),
  ])
  t.strictSame(placed, marked)
  t.strictSame(placed.imagePositions, [5])
})

t.test('the start token comes once, and not where it is not wanted', async t => {
  const llama = load('sentencepiece')
  t.strictSame(llama.encodeSegments([template('<s>'), user('the')]).ids, llama.encodeSegments([template('<s>the')]).ids)
  t.equal(llama.encodeSegments([template('<s>'), user('the')]).ids.filter(id => id === 1).length, 1)
  t.strictSame(llama.encode('', { addSpecialTokens: false }), [])
  const tokenizer = read('test/fixtures/tokenizers/sentencepiece.json')
  const facts = { path: 'x', imageTokenId: 32000, eosIds: [2] }
  const without = loadTokenizer(tokenizer, { ...LLAMA, add_bos_token: false }, facts)
  t.strictSame(without.encode('the'), llama.encode('the').slice(1))
  const bare = { ...tokenizer, post_processor: null }
  const put = loadTokenizer(bare, { ...LLAMA, add_bos_token: true }, facts)
  t.strictSame(put.encode('the'), llama.encode('the'))
})

t.test('a continuation has no space of its own in front, and ids are repeated as they stand', async t => {
  const llama = load('sentencepiece')
  t.strictSame(llama.encodeContinuation('the'), [llama.idOf('the')])
  t.strictSame(llama.encodeContinuation(' the'), [llama.idOf('▁the')])
  t.strictSame(llama.encode('the', { addSpecialTokens: false }), [llama.idOf('▁the')])
  t.strictSame(
    llama.encodeContinuation('</s>').filter(id => llama.stopIds.includes(id)),
    [],
  )
  const { ids } = llama.encodeSegments([
    template('USER:'),
    { kind: 'tokens', ids: [278, 278] },
    user('the'),
    template('</s>the'),
  ])
  t.strictSame(ids.slice(-5), [278, 278, llama.idOf('the'), 2, llama.idOf('▁the')])
  const none = llama.encodeSegments([template('USER: is'), { kind: 'tokens', ids: [] }, user(' the')])
  t.strictSame(none.ids, llama.encode('USER: is the'), 'an empty list of ids cuts nothing')
})

t.test('the identity is of the tokenizer, and what cannot be used is refused', async t => {
  t.match(load('sentencepiece').id, /^[0-9a-f]{32}$/)
  t.equal(load('sentencepiece').id, load('sentencepiece').id)
  t.not(load('sentencepiece').id, load('metaspace-first').id)
  const facts = { path: 'models/x', imageTokenId: 4, eosIds: [2] }
  t.throws(() => loadTokenizer({}, null, facts), { code: 'MODEL_CORRUPT' })
  const tokenizer = read('models/pocket-v0/tokenizer.json')
  t.throws(() => loadTokenizer({ ...tokenizer, decoder: { type: 'CTC' } }, null, facts), {
    code: 'MODEL_UNSUPPORTED',
    message: /decodes by \{"type":"CTC"\}/,
  })
  t.throws(() => loadTokenizer({ ...tokenizer, normalizer: { type: 'Nmt' } }, null, facts), {
    code: 'MODEL_UNSUPPORTED',
    message: /Unknown Normalizer type: Nmt/,
  })
  t.throws(() => loadTokenizer(tokenizer, {}, { ...facts, eosIds: [] }), { code: 'MODEL_UNSUPPORTED' })
})
