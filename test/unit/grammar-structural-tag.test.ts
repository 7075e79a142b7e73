import t from 'tap'
import { compileGrammar, type Grammar, type GrammarSpecification } from '../../runtime/grammar/index.js'
import { byteVocabulary, makeRandom, syntheticVocabulary } from '../support/vocabularies.js'

const tag = {
  structures: [
    {
      begin: '<function=add>',
      schema: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false },
      end: '</function>',
    },
    { begin: '<function=now>', schema: { type: 'null' }, end: '</function>' },
  ],
  triggers: ['<function='],
} as const

function takes(grammar: Grammar, text: string): boolean {
  let state = grammar.root
  for (const byte of Buffer.from(text)) state = grammar.store.derivative(state, byte)
  return grammar.store.isNullable(state)
}

t.test('text is free until a trigger, which must become one of its structures', async t => {
  const grammar = compileGrammar({ structuralTag: tag }, byteVocabulary)
  const good = [
    '',
    'plain "text" <b> é\n',
    '<functio',
    'see <function=add>{"a":1}</function> and <function=now>null</function>!',
    '<<function=now>null</function>',
  ]
  for (const text of good) t.equal(takes(grammar, text), true, text)
  const bad = [
    '<function=',
    '<function=sub>',
    '<function=add>{"a":"x"}</function>',
    '<function=now>null',
    '<function=now>null</function><function=x',
  ]
  for (const text of bad) t.equal(takes(grammar, text), false, text)
  t.equal(grammar.store.derivative(grammar.root, 0xff), grammar.store.fail, 'free text is well-formed UTF-8')
})

t.test('triggers may share beginnings and endings', async t => {
  const structures = [
    { begin: '[a]', schema: { const: 1 }, end: ';' },
    { begin: '[ab]', schema: { const: 2 }, end: ';' },
    { begin: '{b]', schema: { const: 3 }, end: ';' },
  ]
  const grammar = compileGrammar({ structuralTag: { structures, triggers: ['[a', '{b'] } }, byteVocabulary)
  for (const text of ['[a]1;', '[ab]2;x', '[[ab]2;{b]3;', '[', '{[a]1;']) t.equal(takes(grammar, text), true, text)
  for (const text of ['[a]2;', '[ab]1;', '[ax', '{b']) t.equal(takes(grammar, text), false, text)
})

t.test('what can never fire, or leads nowhere, is refused', async t => {
  const [structure] = tag.structures
  const cases: [GrammarSpecification, RegExp][] = [
    [{ structuralTag: { structures: [structure], triggers: ['<tool'] } }, /begins with none of the triggers/],
    [
      { structuralTag: { structures: [structure], triggers: ['<function=', '<tool'] } },
      /begins none of the structures/,
    ],
    [{ structuralTag: { structures: [structure], triggers: ['<f', '<function='] } }, /can never be reached/],
    [{ structuralTag: { structures: [structure], triggers: [''] } }, /is empty/],
    [{ structuralTag: { structures: [], triggers: ['<f'] } }, /at least one structure/],
    [{ kind: 'structural-tag', structures: 'x' as never, triggers: ['<f'] }, /list/],
  ]
  for (const [specification, message] of cases)
    t.throws(() => compileGrammar(specification, byteVocabulary), { code: 'GRAMMAR_INVALID', message })
})

t.test('the reasoning gate leaves the text free up to its mark, and rules what follows', async t => {
  const grammar = compileGrammar({ choices: ['yes', 'no'] }, byteVocabulary, { reasoningEnd: '</think>' })
  for (const text of ['</think>yes', 'hm, </thin </ </think>no']) t.equal(takes(grammar, text), true, text)
  for (const text of ['', 'yes', '</think>', '</think>maybe', '</think></think>yes'])
    t.equal(takes(grammar, text), false, text)
})

t.test('the gate may stand in the constraint, in either form, and what comes before it is not validated', async t => {
  for (const specification of [
    { choices: ['yes'], reasoningEnd: '!' },
    { kind: 'choices', choices: ['yes'], reasoningEnd: '!' },
  ] as const) {
    const grammar = compileGrammar(specification, byteVocabulary)
    t.equal(takes(grammar, 'hm!yes'), true)
    t.equal(takes(grammar, 'yes'), false)
  }
  t.throws(() => compileGrammar({ choices: ['yes'], reasoningEnd: '' }, byteVocabulary), { code: 'GRAMMAR_INVALID' })
  const checked = compileGrammar(
    { jsonSchema: { type: 'array', uniqueItems: true }, unsupported: 'validate', reasoningEnd: '!' },
    byteVocabulary,
  )
  t.same(checked.validate!('[1,1]!["a"]'), [])
  t.match(checked.validate!('hm![1,1]'), [{ keyword: 'uniqueItems' }])
})

t.test('a walk inside the masks keeps every tag whole', async t => {
  const random = makeRandom(41)
  const vocabulary = syntheticVocabulary(1_000)
  const grammar = compileGrammar({ structuralTag: { ...tag, triggers: ['<'] } }, vocabulary)
  for (let round = 0; round < 10; round++) {
    const matcher = grammar.matcher()
    const bytes: number[] = []
    const row = new Int32Array((vocabulary.size + 31) >>> 5)
    const push = (id: number): void => {
      matcher.accept(id)
      bytes.push(...vocabulary.bytes(id)!)
    }
    for (let step = 0; step < 40; step++) {
      matcher.fillMask(row)
      const legal = Array.from({ length: vocabulary.size }, (_, id) => id).filter(
        id => ((row[id >>> 5]! >>> (id & 31)) & 1) === 1 && vocabulary.bytes(id) !== null,
      )
      const opening = legal.find(id => vocabulary.bytes(id)![0] === 0x3c)
      push(opening !== undefined && random() < 0.3 ? opening : legal[Math.floor(random() * legal.length)]!)
    }
    for (const id of matcher.shortestCompletion()) push(id)
    const rest = Buffer.from(bytes)
      .toString()
      .replaceAll(/<function=(add>\{"a":[-+.\deE]+\}|now>null)<\/function>/g, '')
    t.notMatch(rest, /</)
  }
})

t.test('specifications of the wrong shape are refused in words', async t => {
  const wrong = [
    null,
    7,
    {},
    { kind: 'poem' },
    { regex: 3 },
    { choices: [] },
    { choices: [1] },
    { jsonSchema: 'x' },
    { jsonSchema: {}, propertyOrder: 'up' },
  ]
  for (const specification of wrong)
    t.throws(
      () => compileGrammar(specification as never, byteVocabulary),
      { code: 'GRAMMAR_INVALID' },
      JSON.stringify(specification),
    )
})
