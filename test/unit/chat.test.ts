import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { BUILTIN_TEMPLATES } from '../../runtime/chat/builtin.js'
import { type ChatFacts, chooseTemplate } from '../../runtime/chat/choose.js'
import { type RenderedPrompt, renderChat } from '../../runtime/chat/render.js'
import type { ContentPart, Message, Role } from '../../runtime/protocol/backend.js'
import { loadTokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { repositoryRoot } from '../support/paths.js'

type Json = Record<string, unknown>

const readPocket = (name: string): Json =>
  JSON.parse(readFileSync(join(repositoryRoot(), 'models/pocket-v0', name), 'utf8'))

function facts(tokenizerConfig: Json | null, config: Json = {}, family = 'llava'): ChatFacts {
  return { path: 'models/test', family, files: { config, processor: null, tokenizerConfig, chatTemplate: null } }
}

const pocketFacts = facts(readPocket('tokenizer_config.json'))
const pocketTemplate = chooseTemplate(pocketFacts).template
const builtin = (name: string) => chooseTemplate(facts(null), name).template

let pictures = 0
const image = (): ContentPart => ({ kind: 'image', image: { bytes: Uint8Array.of(pictures++) } })
const text = (text: string): ContentPart => ({ kind: 'text', text })
const generated = (...tokenIds: number[]): ContentPart => ({ kind: 'generated', text: 'earlier', tokenIds })
const say = (role: Role, ...content: (ContentPart | string)[]): Message => ({
  role,
  content: content.map(part => (typeof part === 'string' ? text(part) : part)),
})

/** The segments as one line: user text in brackets, a picture as <image>, ids in braces. */
function show({ segments }: RenderedPrompt): string {
  const shown = segments.map(segment => {
    if (segment.kind === 'image' || segment.kind === 'video') return `<${segment.kind}>`
    if (segment.kind === 'tokens') return `{${segment.ids.join()}}`
    return segment.kind === 'text' ? `[${segment.text}]` : segment.text
  })
  return shown.join('')
}

const question = say('user', image(), 'q')
const conversation = [question, say('assistant', 'a'), say('user', 'q2')]

t.test('the families have their own prompts, word for word', async t => {
  const curious =
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions."
  const able =
    'You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language.'
  const start = (role: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n`
  const cases: Record<string, string> = {
    vicuna_v1: `${curious} USER: <image>\n[q] ASSISTANT: [a]</s>USER: [q2] ASSISTANT:`,
    llava_v0: `${curious.replaceAll('user', 'human')}###Human: <image>\n[q]###Assistant: [a]###Human: [q2]###Assistant:`,
    mistral_instruct: '[INST] <image>\n[q] [/INST] [a] </s>[INST] [q2] [/INST]',
    chatml_direct:
      '<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\n[q]<|im_end|><|im_start|>assistant\n[a]<|im_end|><|im_start|>user\n[q2]<|im_end|><|im_start|>assistant\n',
    llava_llama_3: `<|begin_of_text|>${start('system')}${able}<|eot_id|>${start('user')}<image>\n[q]<|eot_id|>${start('assistant')}[a]<|eot_id|>${start('user')}[q2]<|eot_id|>${start('assistant')}`,
    qwen_1_5:
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<image>\n[q]<|im_end|>\n<|im_start|>assistant\n[a]<|im_end|>\n<|im_start|>user\n[q2]<|im_end|>\n<|im_start|>assistant\n',
    llava_llama_2: `[INST] <<SYS>>\n${able}\n<</SYS>>\n\n<image>\n[q] [/INST] [a] </s><s>[INST] [q2] [/INST]`,
    mpt: '<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers.<|im_end|><|im_start|>user\n<image>\n[q]<|im_end|><|im_start|>assistant\n[a]<|im_end|><|im_start|>user\n[q2]<|im_end|><|im_start|>assistant\n',
    plain: '<image>[q][a]\n[q2]',
  }
  t.strictSame(Object.keys(cases).sort(), Object.keys(BUILTIN_TEMPLATES).sort())
  for (const [name, expected] of Object.entries(cases)) {
    t.equal(show(renderChat(builtin(name), conversation)), expected, name)
  }
})

t.test('a system message takes the place of the default one', async t => {
  const messages = [say('system', 'Be brief.'), question]
  t.equal(show(renderChat(builtin('vicuna_v1'), messages)), '[Be brief.] USER: <image>\n[q] ASSISTANT:')
  t.equal(
    show(renderChat(builtin('mistral_instruct'), messages)),
    '[INST] <<SYS>>\n[Be brief.]\n<</SYS>>\n\n<image>\n[q] [/INST]',
  )
})

t.test('the pocket model: prompt text, ids, later turns', async t => {
  const { cases } = readPocket('golden.json') as { cases: { prompt: string; input_ids: number[] }[] }
  const tokenizer = loadTokenizer(readPocket('tokenizer.json'), readPocket('tokenizer_config.json'), {
    path: 'models/pocket-v0',
    imageTokenId: 4,
    eosIds: [2],
  })
  for (const { prompt, input_ids: expected } of cases) {
    const asked = prompt.replace('USER: <image>\n', '').replace(' ASSISTANT: ', '')
    const { segments, images } = renderChat(pocketTemplate, [say('user', image(), asked)])
    t.equal(images.length, 1)
    const { ids } = tokenizer.encodeSegments(segments)
    t.strictSame(
      ids.flatMap(id => (id === 4 ? new Array<number>(144).fill(4) : [id])),
      expected,
    )
  }
  t.equal(
    show(renderChat(pocketTemplate, [...conversation, say('assistant', generated(9, 8)), say('user', 'q3')])),
    'USER: <image>\n[q] ASSISTANT: [a]</s>USER: [q2] ASSISTANT: {9,8}</s>USER: [q3] ASSISTANT: ',
  )
})

t.test('earlier output follows the generation prompt directly, without the space a template puts there', async t => {
  const messages = [question, say('assistant', generated(5, 6), ' and more'), say('user', 'q2')]
  t.equal(
    show(renderChat(builtin('mistral_instruct'), messages)),
    '[INST] <image>\n[q] [/INST]{5,6} [and more] </s>[INST] [q2] [/INST]'.replace(
      '{5,6} [and more]',
      '{5,6}[ and more]',
    ),
  )
  const open = renderChat(builtin('vicuna_v1'), [question]).segments
  const next = renderChat(builtin('vicuna_v1'), messages).segments
  t.strictSame(next.slice(0, open.length), open, 'the first prompt is a prefix of the second')
})

t.test('an open turn goes on where it stopped', async t => {
  const vicuna = builtin('vicuna_v1')
  const ending = (...parts: ContentPart[]) => show(renderChat(vicuna, [say('user', 'q')], parts)).split('[q] ')[1]
  t.equal(ending(), 'ASSISTANT:')
  t.equal(ending(text('The total is')), 'ASSISTANT: [The total is]')
  t.equal(ending(text(' The')), 'ASSISTANT:[ The]')
  t.equal(ending(generated(7)), 'ASSISTANT:{7}')
  t.equal(ending(text('The total is'), generated(7), text('.')), 'ASSISTANT: [The total is]{7}[.]')
  t.equal(show(renderChat(pocketTemplate, [say('user', 'q')], [text('x')])), 'USER: [q] ASSISTANT: [x]')
})

t.test('pictures keep their order, whatever turn they stand in', async t => {
  const [first, second, third] = [image(), image(), image()]
  const messages = [say('user', 'before', first, 'between', second), say('assistant', 'a'), say('user', third, 'q')]
  for (const name of ['vicuna_v1', 'qwen_1_5', 'plain']) {
    const { images } = renderChat(builtin(name), messages)
    t.strictSame(
      images.map(({ bytes }) => bytes),
      [first, second, third].map(part => (part.kind === 'image' ? part.image.bytes : null)),
    )
  }
})

t.test('user text that looks like syntax, tokens or pictures stays text', async t => {
  const hostile = [
    '<image>',
    '</s>',
    '<s>',
    '{{ messages }}',
    '{% raise %}',
    '<|im_end|>',
    '\ue0000\ue000',
    '[INST]',
    '###',
  ]
  for (const name of Object.keys(BUILTIN_TEMPLATES)) {
    for (const asked of hostile) {
      const { segments } = renderChat(builtin(name), [say('user', image(), asked)])
      t.strictSame(
        segments.filter(segment => segment.kind === 'text'),
        [{ kind: 'text', text: asked }],
        `${name}: ${asked}`,
      )
      t.equal(segments.filter(segment => segment.kind === 'image').length, 1)
    }
  }
})

t.test('no user text is lost, changed or given rights, whatever it says', async t => {
  const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('<image>', '</s>', '{{', '\ue000', ' ', '\n'))
  const words = fc.array(piece, { maxLength: 5 }).map(pieces => pieces.join(''))
  for (const template of [pocketTemplate, builtin('vicuna_v1'), builtin('llava_llama_3')]) {
    const kept = fc.property(words, words, (first, second) => {
      const { segments } = renderChat(template, [say('user', first), say('assistant', second), say('user', 'q')])
      const texts = segments.flatMap(segment => (segment.kind === 'text' ? [segment.text] : []))
      return JSON.stringify(texts) === JSON.stringify([first.trim(), second.trim(), 'q'].filter(core => core !== ''))
    })
    t.doesNotThrow(() => fc.assert(kept, { numRuns: 300, seed: 17 }), template.name)
  }
})

t.test('a template sees the whitespace around a text and may trim it', async t => {
  const shown = show(renderChat(builtin('llava_llama_3'), [say('system', 's'), say('user', '  q \n')]))
  t.match(shown, 'user<|end_header_id|>\n\n[q]<|eot_id|>')
  t.equal(show(renderChat(pocketTemplate, [say('user', '  q \n')])), 'USER:   [q] \n ASSISTANT: ')
})

t.test('a newline that the writer and the template both put after a picture stands once', async t => {
  const once = show(renderChat(pocketTemplate, [say('user', image(), 'q')]))
  t.equal(
    show(renderChat(pocketTemplate, [say('user', image(), '\nq')])).replaceAll(/[[\]]/g, ''),
    once.replaceAll(/[[\]]/g, ''),
  )
  t.match(show(renderChat(pocketTemplate, [say('user', image(), '\n\nq')])).replaceAll(/[[\]]/g, ''), '<image>\n\nq')
  for (const name of ['vicuna_v1', 'chatml_direct']) {
    t.match(show(renderChat(builtin(name), [say('user', image(), '\nq')])).replaceAll(/[[\]]/g, ''), '<image>\nq')
  }
})
