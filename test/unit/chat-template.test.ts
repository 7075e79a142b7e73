import t from 'tap'
import { type ChatFacts, chooseTemplate } from '../../runtime/chat/choose.js'
import { renderChat } from '../../runtime/chat/render.js'
import type { ContentPart, Message } from '../../runtime/protocol/backend.js'

type Json = Record<string, unknown>

function facts(config: Json, tokenizerConfig: Json | null = null, family = 'llava_llama'): ChatFacts {
  return { path: 'models/test', family, files: { config, processor: null, tokenizerConfig, chatTemplate: null } }
}

const user = (...content: (ContentPart | string)[]): Message => ({
  role: 'user',
  content: content.map(part => (typeof part === 'string' ? { kind: 'text', text: part } : part)),
})
const assistant = (text: string): Message => ({ role: 'assistant', content: [{ kind: 'text', text }] })
const picture: ContentPart = { kind: 'image', image: { bytes: Uint8Array.of(1) } }

const LLAMA_TOKENS = { bos_token: '<s>', eos_token: { content: '</s>' } }

/** Rendered with the brackets of hidden texts left out. */
function render(chosen: { template: Parameters<typeof renderChat>[0] }, messages: Message[]): string {
  const { segments } = renderChat(chosen.template, messages)
  return segments.map(segment => ('text' in segment ? segment.text : `<${segment.kind}>`)).join('')
}

t.test("the text model decides where the checkpoint's own template is missing", async t => {
  const cases: [ChatFacts, string, string][] = [
    [facts({ _name_or_path: 'liuhaotian/llava-v1.5-7b' }), 'vicuna_v1', 'builtin'],
    [facts({ mm_projector_type: 'linear', _name_or_path: 'LLaVA-7B-v0' }), 'llava_v0', 'builtin'],
    [facts({}, null, 'llava_mistral'), 'mistral_instruct', 'builtin'],
    [facts({}, null, 'llava_mpt'), 'mpt', 'builtin'],
    [facts({ model_type: 'llava_qwen', vocab_size: 152064 }, null, 'llava_qwen'), 'qwen_1_5', 'builtin'],
    [
      facts({ text_config: { model_type: 'llama', vocab_size: 128320 } }, null, 'llava_next'),
      'llava_llama_3',
      'builtin',
    ],
    [facts({}, { added_tokens_decoder: { 7: { content: '<|im_end|>' } } }), 'chatml_direct', 'builtin'],
    [facts({ _name_or_path: 'llava-llama-2-13b-chat' }), 'llava_llama_2', 'builtin'],
    [facts({ text_config: { model_type: 'llama' } }, null, 'llava'), 'vicuna_v1', 'guess'],
  ]
  for (const [given, name, source] of cases) {
    const chosen = chooseTemplate(given)
    t.strictSame([chosen.template.name, chosen.source], [name, source])
    t.equal(chosen.warning !== undefined, source === 'guess')
  }
  t.strictSame(chooseTemplate(facts({ mm_projector_type: 'linear' })).template.stop, ['###'])
})

t.test(
  "the checkpoint's own template comes first: the file beside, then the configuration, the named default among several",
  async t => {
    const own = { chat_template: 'C{{ messages[0].content[0].text }}' }
    t.equal(render(chooseTemplate(facts({}, own)), [user('q')]), 'Cq')
    const beside = facts({}, own)
    const file = { ...beside, files: { ...beside.files, chatTemplate: 'F{{ messages[0].content[0].text }}' } }
    t.equal(render(chooseTemplate(file), [user('q')]), 'Fq')
    const several = [
      { name: 'rag', template: 'R' },
      { name: 'default', template: 'D{{ messages[0].content[0].text }}' },
    ]
    t.equal(render(chooseTemplate(facts({}, { chat_template: several })), [user('q')]), 'Dq')
  },
)

t.test('templates that take one text get pictures as lines before it', async t => {
  const lines = "{% for m in messages %}{{ m.role|upper + ': ' + m['content'] + '\\n' }}{% endfor %}"
  const chosen = chooseTemplate(facts({}, { chat_template: lines }))
  t.strictSame(chosen.template.takesParts, { user: false, system: false, assistant: false })
  t.equal(render(chosen, [user('look', picture), assistant('a')]), 'USER: <image>\nlook\nASSISTANT: a\n')
})

t.test('a mistyped end of sequence is read as the right one', async t => {
  const mistyped =
    "{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + '<\\\\s> ' }}{% endif %}{% endfor %}"
  const chosen = chooseTemplate(facts({}, { ...LLAMA_TOKENS, chat_template: mistyped }))
  t.match(chosen.warning, /spells the end of sequence/)
  t.equal(render(chosen, [user('q'), assistant('a'), user('q2')]), '[INST] q [/INST] a</s> [INST] q2 [/INST]')
})

t.test('assistant turns that a template leaves open are closed', async t => {
  const unended =
    "{% for m in messages %}{{ m.role|upper + ': ' }}{% for c in m.content %}{{ '<image>\\n' if c.type == 'image' else c.text + ' ' }}{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
  const chosen = chooseTemplate(facts({}, { ...LLAMA_TOKENS, chat_template: unended }))
  t.match(chosen.warning, /ends no assistant turn/)
  t.equal(
    render(chosen, [user(picture, 'q'), assistant('a'), user('q2')]),
    'USER: <image>\nq ASSISTANT: a</s>USER: q2 ASSISTANT:',
  )
  const chatml =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
  t.equal(chooseTemplate(facts({}, { ...LLAMA_TOKENS, chat_template: chatml })).warning, undefined)
})

t.test('a template may be given: by name or as text', async t => {
  t.strictSame(chooseTemplate(facts({}), 'plain').source, 'builtin')
  const given = chooseTemplate(facts({}), '{{ messages[0].content[0].text }}!')
  t.equal(given.source, 'given')
  t.equal(render(given, [user('q')]), 'q!')
  t.throws(() => chooseTemplate(facts({}), 'vicuna_v9'), {
    code: 'TEMPLATE_FAILED',
    message: /no template "vicuna_v9"; built in are vicuna_v1, llava_v0/,
  })
})

t.test('what a template refuses, drops or miscounts is an error', async t => {
  const rendering = (text: string, messages: Message[]) => () =>
    renderChat(chooseTemplate(facts({}), text).template, messages)
  t.throws(rendering("{{ raise_exception('roles must alternate') }}", [user('q')]), {
    code: 'TEMPLATE_FAILED',
    message: /roles must alternate/,
  })
  t.throws(rendering('{{ messages[0].role }}', [user('a question')]), {
    code: 'TEMPLATE_FAILED',
    message: /leaves out .*"a question"/,
  })
  const withoutPictures = '{% for c in messages[0].content %}{{ c.text }}{% endfor %}'
  t.throws(rendering(withoutPictures, [user(picture, 'q')]), {
    code: 'IMAGE_COUNT_MISMATCH',
    data: { placeholders: 0, images: 1 },
  })
  t.throws(() => chooseTemplate(facts({}), '{% for %}'), { code: 'TEMPLATE_FAILED' })
})
