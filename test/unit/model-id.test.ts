import t from 'tap'
import { isCommit, parseModelId } from '../../runtime/models/model-id.js'
import { chooseDescriptions, chooseWeights, findMissing } from '../../runtime/models/needed-files.js'

t.test('an id is org/name with an optional revision', async t => {
  t.match(parseModelId('llava-hf/llava-1.5-7b-hf'), { repository: 'llava-hf/llava-1.5-7b-hf', revision: 'main' })
  t.match(parseModelId('a/b@v1.0'), { repository: 'a/b', revision: 'v1.0', text: 'a/b@v1.0' })
  t.match(parseModelId('a/b@refs/pr/7'), { repository: 'a/b', revision: 'refs/pr/7' })
  t.ok(isCommit('0123456789abcdef0123456789abcdef01234567'))
  t.notOk(isCommit('main'))
})

t.test('paths and what could lead out of a folder are no ids', async t => {
  const others = [
    'pocket',
    './a/b',
    '../a',
    '/a/b',
    'a/b/c',
    'a/..',
    'a/b@../c',
    'a/b@x//y',
    'a/b@x/.y',
    'a/b@',
    'a//b',
  ]
  for (const text of [...others, '~/a', 'a/.b', 'C:\\a\\b', 'a/b--c', 'a/b@-x', 'a b/c', '']) {
    t.equal(parseModelId(text), null, text)
  }
})

t.test('only files that a model is read from are chosen', async t => {
  const names = ['README.md', 'config.json', 'tokenizer.json', 'tokenizer.model', 'chat_template.jinja']
  const weights = ['model.safetensors', 'pytorch_model.bin', 'consolidated.safetensors']
  t.same(chooseDescriptions('a/b', new Set([...names, ...weights])), [
    'config.json',
    'tokenizer.json',
    'chat_template.jinja',
  ])
  t.same(chooseWeights('a/b', null), ['model.safetensors'])
  t.same(
    chooseDescriptions('a/b', new Set(['tokenizer.model', 'config.json', 'model.safetensors.index.json'])),
    ['config.json', 'tokenizer.model', 'model.safetensors.index.json'],
    'the original tokenizer where there is no other',
  )
})

t.test('a repository that holds no readable model is refused with what it has', async t => {
  const choose = (...names: string[]) => chooseDescriptions('a/b', new Set(names))
  t.throws(() => choose('model.safetensors'), { code: 'MODEL_NOT_FOUND', message: /config\.json/ })
  t.throws(() => choose('config.json', 'model.safetensors'), { code: 'MODEL_NOT_FOUND', message: /tokenizer/ })
  t.throws(() => choose('config.json', 'tokenizer.json', 'pytorch_model.bin'), {
    code: 'MODEL_UNSUPPORTED',
    message: /pytorch_model\.bin is not read/,
  })
})

t.test('the index decides the shards, and may not lead elsewhere', async t => {
  const index = (map: unknown) => JSON.stringify({ weight_map: map })
  const shards = { a: 'model-2.safetensors', b: 'model-1.safetensors', c: 'model-2.safetensors' }
  t.same(chooseWeights('a/b', index(shards)), ['model-1.safetensors', 'model-2.safetensors'])
  for (const bad of [
    '{',
    'null',
    index({}),
    index({ a: '../x.safetensors' }),
    index({ a: 3 }),
    index({ a: 'x.bin' }),
  ]) {
    t.throws(() => chooseWeights('a/b', bad), { code: 'MODEL_CORRUPT' }, bad)
  }
})

t.test('what a folder lacks is named', async t => {
  const index = JSON.stringify({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } })
  const basic = ['config.json', 'tokenizer.json']
  t.equal(findMissing('a/b', new Set(), null), 'config.json')
  t.equal(findMissing('a/b', new Set(['config.json']), null), 'tokenizer.json')
  t.equal(findMissing('a/b', new Set(basic), null), 'model.safetensors')
  t.equal(findMissing('a/b', new Set([...basic, 'one.safetensors']), index), 'two.safetensors')
  t.equal(findMissing('a/b', new Set([...basic, 'one.safetensors', 'two.safetensors']), index), null)
})
