import fc from 'fast-check'
import t from 'tap'
import { assistant, fork, gen, input, program, select, system, user } from '../../frontend/index.js'
import { type Body, inputNode, mergeTexts, textNode, turnNode } from '../../frontend/ir/node.js'
import { constantPrefix, sharedPrefix } from '../../frontend/ir/prefix.js'

const text = (value: string) => ({ kind: 'text', text: value })
const input_ = (name: string) => ({ kind: 'input', name })

t.test('a constant prefix ends at the first thing that may differ', async t => {
  const { body } = program('p', { photo: input.image(), question: input.text() }, ({ photo, question }) => [
    system`Be brief.`,
    user`Look: ${photo} ${question} Well?`,
    assistant`${gen('x')}`,
  ]).toJSON()
  const first = { kind: 'turn', role: 'system', content: [text('Be brief.')] }
  const second = (...content: object[]) => ({ kind: 'turn', role: 'user', content })
  t.same(constantPrefix(body, new Set()), [first, second(text('Look: '))])
  t.same(constantPrefix(body, new Set(['photo'])), [first, second(text('Look: '), input_('photo'), text(' '))])
  t.same(constantPrefix(body, new Set(['photo', 'question'])), body.slice(0, 2))
})

t.test('an answer ends it, even a constant one', async t => {
  const { body } = program('p', {}, () => [user`A`, assistant`B`, user`C`, assistant`${select('s', ['a'])}`]).toJSON()
  t.same(constantPrefix(body, new Set()), body.slice(0, 1))
})

t.test('branches share what they begin with, down to the character', async t => {
  const branches = (...bodies: Body[]) => sharedPrefix(bodies)
  const say = (...content: Parameters<typeof turnNode>[1][number][]) => turnNode('user', content)
  const photo = inputNode('photo')
  t.same(branches([say(photo, textNode(' Read a'))], [say(photo, textNode(' Read b'))]), [
    { role: 'user', content: [input_('photo'), text(' Read ')] },
  ])
  t.same(branches([say(photo)], [say(textNode('x'))]), [])
  t.same(branches([], [say(photo)]), [])
  t.same(branches([say(photo), say(textNode('a'))], [say(photo), say(textNode('ab'))]), [
    { role: 'user', content: [input_('photo')] },
    { role: 'user', content: [text('a')] },
  ])
  t.same(branches([say(textNode('a'))], [turnNode('system', [textNode('a')])]), [])
  t.same(branches([say(textNode('\u{1F600}'))], [say(textNode('\u{1F601}'))]), [], 'no half characters')
})

t.test('the shared prefix is a prefix of every branch, whatever they say', async t => {
  const turns = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { maxLength: 3 })
  const law = fc.property(fc.array(turns, { minLength: 1, maxLength: 4 }), branches => {
    const bodies = branches.map(texts => texts.map(each => turnNode('user', [textNode(each)])))
    const shared = sharedPrefix(bodies).map(({ content }) =>
      content.map(part => ('text' in part ? part.text : '')).join(''),
    )
    const isPrefix = branches.every(texts =>
      shared.every((each, index) =>
        index === shared.length - 1 ? texts[index]?.startsWith(each) : texts[index] === each,
      ),
    )
    const whole = branches[0]!.join('|')
    const areEqual = branches.every(texts => texts.join('|') === whole)
    return isPrefix && (!areEqual || shared.join('|') === whole)
  })
  t.doesNotThrow(() => fc.assert(law))
})

t.test('merging texts keeps what is said', async t => {
  t.same(mergeTexts([textNode('a'), textNode(''), textNode('b'), inputNode('x'), textNode('')]), [
    text('ab'),
    input_('x'),
  ])
  t.same(fork('f', ['a'], () => [user`${''}${'a'}${'b'}`]).ir.branches[0]?.body, [turnNode('user', [textNode('ab')])])
})
