import fc from 'fast-check'
import t from 'tap'
import { encodeOptions } from '../../runtime/engine/options.js'
import type { PromptIds } from '../../runtime/engine/prompt-builder.js'
import { makeVocabulary } from '../support/vocabularies.js'

const PIECES = ['a', 'b', 'ab', 'ba', 'abb', ' ', ' a', ' b', 'aa', 'é', '世', 'b ', 'a世']
const vocabulary = makeVocabulary(
  [...PIECES, ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), null],
  [PIECES.length + 256],
)

/** Cuts prompt and ending as one text, so that tokens reach across the border as they do in a real tokenizer. */
const encoder =
  (prompt: string, images: PromptIds['images'] = []) =>
  (ending: string): PromptIds => ({ ids: vocabulary.encodeContinuation(prompt + ending), images })

const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '世', '😀'), minLength: 1, maxLength: 7 })

t.test('prefix and option together are the tokens of prompt and choice as one text', async t => {
  fc.assert(
    fc.property(text, fc.uniqueArray(text, { minLength: 1, maxLength: 6 }), (prompt, choices) => {
      const encode = encoder(`<${prompt}`)
      const { prefix, options, continuations } = encodeOptions(choices, encode)
      const promptIds = encode('').ids
      for (const [index, { choice, ids }] of options.entries()) {
        const whole = encode(choice).ids
        t.equal(choice, choices[index])
        t.ok(ids.length > 0)
        t.same([...prefix.ids, ...ids], whole)
        const continuation = continuations[index]!
        if (continuation) t.same([...promptIds, ...continuation], whole)
        else t.notSame(whole.slice(0, promptIds.length), promptIds)
      }
      const canShareMore = options.every(({ ids }) => ids.length > 1 && ids[0] === options[0]!.ids[0])
      t.notOk(choices.length > 1 && canShareMore, 'what all options share is part of the prefix')
    }),
    { numRuns: 300 },
  )
})

t.test('a single option keeps the prompt as it is and is scored whole', async t => {
  const { prefix, options } = encodeOptions(['abb 世x'], encoder('<'))
  t.same(prefix.ids, vocabulary.encodeContinuation('<'))
  t.same(options[0]!.ids, vocabulary.encodeContinuation('abb 世x'))
  t.ok(options[0]!.ids.length > 2)
})

t.test('an option that changes the last token of the prompt is compared from that token on', async t => {
  const { prefix, options, continuations } = encodeOptions(['b', 'x'], encoder('<a'))
  t.same(prefix.ids, vocabulary.encodeContinuation('<'))
  t.same(options[0]!.ids, vocabulary.encodeContinuation('ab'))
  t.same(options[1]!.ids, vocabulary.encodeContinuation('ax'))
  t.same(continuations, [null, vocabulary.encodeContinuation('x')])
})

t.test('an option that begins another one keeps a token of its own', async t => {
  const { options } = encodeOptions(['x', 'xyz', 'xy'], encoder('<'))
  t.same(
    options.map(({ ids }) => ids.length),
    [1, 3, 2],
  )
})

t.test('pictures of the prompt stay with the prefix', async t => {
  const images = [{ bytes: Uint8Array.of(1) }]
  t.equal(encodeOptions(['x', 'y'], encoder('<', images)).prefix.images, images)
})

t.test('choices that cannot be told apart or scored are refused', async t => {
  const refuse = (choices: readonly unknown[], message: RegExp, prompt = '<') =>
    t.throws(() => encodeOptions(choices as string[], encoder(prompt)), { code: 'REQUEST_INVALID', message })
  refuse([], /at least one choice/)
  refuse(['a', ''], /not empty/)
  const many = Array.from({ length: 1025 }, (_, index) => `choice ${index}`)
  refuse(many, /at most 1024 choices; 1025 came/)
  refuse(['a', 3], /must be a text/)
  refuse(['a', 'b', 'a'], /"a" stands twice/)
  refuse(['a', 'b'], /prompt of at least one token/, '')
})
