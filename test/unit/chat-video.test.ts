import t from 'tap'
import { BUILTIN_TEMPLATES } from '../../runtime/chat/builtin.js'
import { type ChatFacts, chooseTemplate } from '../../runtime/chat/choose.js'
import { renderChat } from '../../runtime/chat/render.js'
import type { ContentPart, Message } from '../../runtime/protocol/backend.js'

const facts: ChatFacts = {
  path: 'models/test',
  family: 'llava_next_video',
  files: { config: {}, processor: null, tokenizerConfig: null, chatTemplate: null },
}

/** As published with the converted checkpoints: all pictures, then all videos, then the texts. */
const PUBLISHED =
  "{% for message in messages %}{{ message['role'].upper() + ': ' }}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>\\n' }}{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"

const image = (byte: number): ContentPart => ({ kind: 'image', image: { bytes: Uint8Array.of(byte) } })
const video = (byte: number): ContentPart => ({ kind: 'video', video: { bytes: Uint8Array.of(byte) } })
const text = (text: string): ContentPart => ({ kind: 'text', text })

function render(template: string, content: readonly ContentPart[]) {
  const messages: Message[] = [{ role: 'user', content }]
  const { segments, images, videos } = renderChat(chooseTemplate(facts, template).template, messages)
  const shown = segments.map(segment => ('text' in segment ? segment.text : `<${segment.kind}>`)).join('')
  const bytes = (sources: readonly object[]) =>
    sources.map(source => ('bytes' in source ? [...(source.bytes as Uint8Array)] : []))
  return { shown, images: bytes(images), videos: bytes(videos) }
}

t.test('a template that has a token for videos writes it once for each', async t => {
  const content = [text('What happens?'), video(1), image(2), video(3)]
  t.same(render(PUBLISHED, content), {
    shown: 'USER: <image>\n<video>\n<video>\nWhat happens? ASSISTANT:',
    images: [[2]],
    videos: [[1], [3]],
  })
})

t.test('where a template knows pictures alone, a video stands where a picture would', async t => {
  for (const name of Object.keys(BUILTIN_TEMPLATES)) {
    const { shown, images, videos } = render(name, [video(1), image(2), video(3), text('What happens?')])
    t.match(shown, name === 'plain' ? '<video><image><video>What' : '<video>\n<image>\n<video>\nWhat', name)
    t.same([images, videos], [[[2]], [[1], [3]]])
  }
})

t.test('what users write is no place for a video', async t => {
  const { shown, videos } = render(PUBLISHED, [video(1), text('<video> or not')])
  t.equal(shown, 'USER: <video>\n<video> or not ASSISTANT:')
  t.same(videos, [[1]])
})

t.test('a template that leaves videos out is refused', async t => {
  const deaf =
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
  t.throws(() => render(deaf, [video(1), text('q')]), {
    code: 'VIDEO_COUNT_MISMATCH',
    data: { placeholders: 0, videos: 1 },
  })
})
