import t from 'tap'
import {
  type Body,
  type ContentNode,
  forkNode,
  genNode,
  inputNode,
  joinNode,
  jsonNode,
  programIr,
  refNode,
  repeatNode,
  selectNode,
  textNode,
  turnNode,
  whenNode,
} from '../../frontend/ir/node.js'
import { sentence, verify } from '../../frontend/ir/verify.js'

const say = (...content: ContentNode[]) => turnNode('user', content)
const answer = (...content: ContentNode[]) => turnNode('assistant', content)
const inputs = { photo: 'image', text: 'text' } as const
const gen = answer(genNode('answer'))
const yesNo = answer(selectNode('related', ['yes', 'no']))

/** The one sentence that is said about a program. */
function said(body: Body): string[] {
  return verify(programIr('judge', inputs, body)).map(issue => sentence('judge', issue))
}

t.test('a sound program has no issues', async t => {
  const body = [
    turnNode('system', [textNode('Be brief.')]),
    say(inputNode('photo'), textNode(' Related?')),
    yesNo,
    forkNode('notes', [
      { key: 'a', body: [say(refNode(['related'])), answer(genNode('note'))] },
      { key: 'b', body: [answer(genNode('note'))] },
    ]),
    say(joinNode('notes', [{ key: 'a', content: [refNode(['notes', 'a', 'note'])] }])),
    whenNode('related', [
      { choice: 'yes', body: [answer(genNode('why'))] },
      { choice: 'no', body: [answer(genNode('why'))] },
    ]),
    say(refNode(['why'])),
    repeatNode('tips', 3, { capture: 'more', is: 'no' }, [[answer(genNode('tip'), selectNode('more', ['yes', 'no']))]]),
    say(joinNode('tips', [{ key: '2', content: [refNode(['tips', '2', 'tip'])] }])),
  ]
  t.same(said(body), [])
})

const RULES: Readonly<Record<string, { readonly body: Body; readonly says: string }>> = {
  'a reference to what no earlier turn generates': {
    body: [say(textNode('Q')), yesNo, say(textNode('Q')), say(refNode(['notes'])), answer(genNode('notes'))],
    says: 'program "judge", turn 4 (user): refers to "notes", which no earlier turn generates; so far: "related".',
  },
  'a reference before anything is generated': {
    body: [say(refNode(['x'])), gen],
    says: 'program "judge", turn 1 (user): refers to "x", which no earlier turn generates; nothing is generated so far.',
  },
  'a reference to what one case captures': {
    body: [
      yesNo,
      whenNode('related', [
        { choice: 'yes', body: [gen] },
        { choice: 'no', body: [] },
      ]),
      say(refNode(['answer'])),
    ],
    says: 'program "judge", turn 3 (user): refers to "answer", which is generated only when "related" is "yes".',
  },
  'a reference to a whole fork': {
    body: [forkNode('f', [{ key: 'a', body: [gen] }]), say(refNode(['f']))],
    says: 'program "judge", turn 2 (user): refers to "f", a fork; join(...) makes text of it.',
  },
  'a reference into a round': {
    body: [repeatNode('r', 2, null, [[gen]]), say(refNode(['r', '0', 'answer']))],
    says: 'program "judge", turn 2 (user): refers to "r.0.answer", a round that may not run; join(...) takes the rounds that did.',
  },
  'a branch that looks into its neighbour': {
    body: [
      forkNode('f', [
        { key: 'a', body: [gen] },
        { key: 'b', body: [say(refNode(['f', 'a', 'answer'])), gen] },
      ]),
    ],
    says: 'program "judge", turn 2 (user): refers to "f", which no earlier turn generates; nothing is generated so far.',
  },
  'a name twice': {
    body: [gen, say(textNode('Q')), gen],
    says: 'program "judge", turn 3 (assistant): captures "answer" again; every capture needs a name of its own.',
  },
  'a branch that takes an outer name': {
    body: [gen, forkNode('f', [{ key: 'a', body: [gen] }])],
    says: 'program "judge", turn 2 (assistant): captures "answer" again; every capture needs a name of its own.',
  },
  'a name that is no name': {
    body: [answer(genNode('a.b'))],
    says: 'program "judge", turn 1 (assistant): the gen is named "a.b"; a name is letters, digits, "_" and "-", not first a digit.',
  },
  'generation in a user turn': {
    body: [say(genNode('x'))],
    says: 'program "judge", turn 1 (user): generates "x"; only an assistant turn can generate.',
  },
  'a picture in an answer': {
    body: [answer(inputNode('photo'), genNode('x'))],
    says: 'program "judge", turn 1 (assistant): shows the image "photo"; pictures belong into user turns, an answer holds none.',
  },
  'an input that is not declared': {
    body: [say(inputNode('phto')), gen],
    says: 'program "judge", turn 1 (user): uses the input "phto"; the program has "photo", "text".',
  },
  'an empty turn': {
    body: [say(textNode('')), gen],
    says: 'program "judge", turn 1 (user): says nothing; drop the turn or give it text.',
  },
  'a late system turn': {
    body: [gen, turnNode('system', [textNode('Be brief.')])],
    says: 'program "judge", turn 2 (system): comes too late; a system turn can only be the first turn.',
  },
  'no choices': {
    body: [answer(selectNode('s', []))],
    says: 'program "judge", turn 1 (assistant): select "s": there are no choices; give at least one.',
  },
  'an empty choice': {
    body: [answer(selectNode('s', ['a', '']))],
    says: 'program "judge", turn 1 (assistant): select "s": a choice is empty; every choice needs text.',
  },
  'a choice twice': {
    body: [answer(selectNode('s', ['a', 'b', 'a']))],
    says: 'program "judge", turn 1 (assistant): select "s": the choice "a" comes twice; choices must differ.',
  },
  'a schema that nothing satisfies': {
    body: [answer(jsonNode('j', false))],
    says: 'program "judge", turn 1 (assistant): json "j": the schema is false, which no value satisfies.',
  },
  'an unknown whitespace style': {
    body: [answer(jsonNode('j', true, { whitespace: { max: -1 } }))],
    says: 'program "judge", turn 1 (assistant): json "j": whitespace is {"max":-1}; it must be "compact", "spaced", { indent: n } or { max: n }.',
  },
  'a regex flag': {
    body: [answer(genNode('g', {}, { kind: 'regex', pattern: 'a', flags: 'giu' }))],
    says: 'program "judge", turn 1 (assistant): gen "g": the regex has the flags "i"; only d, g, u and v, which change no match, may stand.',
  },
  'an option out of range': {
    body: [answer(genNode('g', { temperature: -1 }))],
    says: 'program "judge", turn 1 (assistant): gen "g": temperature is -1; it must be a number, 0 or more.',
  },
  'crossed token limits': {
    body: [answer(genNode('g', { minTokens: 9, maxTokens: 3 }))],
    says: 'program "judge", turn 1 (assistant): gen "g": minTokens is 9, more than maxTokens, which is 3.',
  },
  'negative logprobs': {
    body: [answer(genNode('g', {}, null, -1))],
    says: 'program "judge", turn 1 (assistant): gen "g": logprobs is -1; it must be a whole number, 0 or more.',
  },
  'a fork without branches': {
    body: [gen, forkNode('f', [])],
    says: 'program "judge", fork "f": has no branches; a fork needs at least one.',
  },
  'two branches with one key': {
    body: [
      forkNode('f', [
        { key: 'a', body: [gen] },
        { key: 'a', body: [gen] },
      ]),
    ],
    says: 'program "judge", fork "f": has two branches with the key "a"; the keys must differ.',
  },
  'a key with a dot': {
    body: [forkNode('f', [{ key: 'a.b', body: [gen] }])],
    says: 'program "judge", fork "f": has the key "a.b"; a key is text without a dot.',
  },
  'a question about a gen': {
    body: [gen, whenNode('answer', [{ choice: 'yes', body: [] }])],
    says: 'program "judge", when "answer": asks about "answer", which is a gen; only a select can be asked about.',
  },
  'a question about nothing': {
    body: [gen, whenNode('x', [])],
    says: 'program "judge", when "x": asks about "x", which no earlier turn generates; so far: "answer".',
  },
  'a missing case': {
    body: [yesNo, whenNode('related', [{ choice: 'yes', body: [] }])],
    says: 'program "judge", when "related": has no case for "no"; where nothing is to be done, give it [].',
  },
  'a case too many': {
    body: [
      yesNo,
      whenNode('related', [
        { choice: 'yes', body: [] },
        { choice: 'no', body: [] },
        { choice: 'maybe', body: [] },
      ]),
    ],
    says: 'program "judge", when "related": has a case for "maybe", which is no choice; there are "yes", "no".',
  },
  'too many rounds': {
    body: [repeatNode('r', 1001, null, [[gen]])],
    says: 'program "judge", repeat "r": atMost is 1001; it must be a whole number from 1 to 1000.',
  },
  'an end that no round reaches': {
    body: [repeatNode('r', 2, { capture: 'more', is: 'no' }, [[gen]])],
    says: 'program "judge", repeat "r": ends on "more", which its rounds do not generate as text; they have "answer".',
  },
  'an end that is no choice': {
    body: [repeatNode('r', 2, { capture: 'related', is: 'maybe' }, [[yesNo]])],
    says: 'program "judge", repeat "r": ends when "related" is "maybe", which is no choice; there are "yes", "no".',
  },
  'a join of a gen': {
    body: [gen, say(joinNode('answer', []))],
    says: 'program "judge", turn 2 (user): joins "answer", which is a gen; only a fork or repeat can be joined.',
  },
  'a join of a branch that is not there': {
    body: [forkNode('f', [{ key: 'a', body: [gen] }]), say(joinNode('f', [{ key: 'b', content: [textNode('x')] }]))],
    says: 'program "judge", turn 2 (user): joins "f.b"; "f" has "a".',
  },
  'a join that generates': {
    body: [forkNode('f', [{ key: 'a', body: [gen] }]), say(joinNode('f', [{ key: 'a', content: [genNode('x')] }]))],
    says: 'program "judge", turn 2 (user): joins "f" with a gen inside; an item holds text, inputs and references.',
  },
  'a join of what a branch does not capture': {
    body: [
      forkNode('f', [{ key: 'a', body: [gen] }]),
      say(joinNode('f', [{ key: 'a', content: [refNode(['f', 'a', 'x'])] }])),
    ],
    says: 'program "judge", turn 2 (user): refers to "f.a.x", which is not captured there.',
  },
  'a program that generates nothing': {
    body: [say(textNode('Hello'))],
    says: 'program "judge": generates nothing; some assistant turn must hold a slot.',
  },
}

for (const [rule, { body, says }] of Object.entries(RULES)) {
  t.test(`refuses ${rule}`, async t => t.same(said(body), [says]))
}

t.test('names and defaults of the program are checked too', async t => {
  const issues = verify(programIr('', { 'a b': 'text' }, [gen], { topP: 2 }))
  t.same(
    issues.map(({ message }) => message),
    [
      'the program needs a name',
      'the input is named "a b"; a name is letters, digits, "_" and "-", not first a digit',
      'topP is 2; it must be a number over 0 and at most 1',
    ],
  )
})

t.test('an option that does not exist is named', async t => {
  const [issue] = verify(programIr('p', {}, [gen], { temprature: 1 } as object))
  t.match(issue?.message, /^"temprature" is no sampling option; there are maxTokens, /)
})

t.test('turns are counted through all branches, as explain() counts them', async t => {
  const twoBranches = forkNode('f', [
    { key: 'a', body: [say(textNode('1')), answer(genNode('x'))] },
    { key: 'b', body: [say(textNode('3')), answer(genNode('x'))] },
  ])
  t.match(said([twoBranches, say(genNode('y'))]), [/turn 5 \(user\)/])
})

t.test('a name that is something else in each case of a when is nothing to go on with', async t => {
  const cases = (yes: Body, no: Body, ...after: Body) =>
    said([
      yesNo,
      whenNode('related', [
        { choice: 'yes', body: yes },
        { choice: 'no', body: no },
      ]),
      ...after,
    ])
  const x = answer(genNode('x'))
  const chosen = answer(selectNode('x', ['yes', 'no']))
  const forked = (key: string) => forkNode('x', [{ key, body: [answer(genNode('note'))] }])
  const elsewhere = /^program "judge", .*"x", which is generated only when .*each time as something else/
  t.match(
    cases(
      [chosen],
      [x],
      whenNode('x', [
        { choice: 'yes', body: [] },
        { choice: 'no', body: [] },
      ]),
    )[0],
    elsewhere,
  )
  t.match(cases([x], [forked('a')], say(refNode(['x'])))[0], elsewhere)
  const joined = say(joinNode('x', [{ key: 'a', content: [refNode(['x', 'a', 'note'])] }]))
  t.match(cases([forked('a')], [forked('b')], joined)[0], elsewhere)
  t.same(cases([forked('a')], [forked('a')], joined), [])
  t.same(cases([x], [answer(genNode('x'))], say(refNode(['x']))), [])
})
