import type { ContentPart, Message, Prompt, Role } from '../../protocol/backend.js'
import { Fields, invalid, quote } from '../fields.js'
import type { ReadImage } from '../images.js'

const ROLES: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/** The `messages` of a chat request as a prompt; with `continue_final_message` the last answer is gone on with. */
export async function readChatPrompt(body: Fields, readImage: ReadImage): Promise<Prompt> {
  const list = body.list('messages')
  if (list === undefined) throw invalid('"messages" is missing.', 'messages')
  if (list.length === 0) throw invalid('"messages" must hold at least one message.', 'messages')
  const isContinued = body.flag('continue_final_message') ?? false
  const messages: Message[] = []
  for (const [index, value] of list.entries()) {
    messages.push(await readMessage(new Fields(value, `messages[${index}]`), readImage))
  }
  if (!isContinued) return { kind: 'chat', messages }
  const last = messages.at(-1)!
  if (last.role !== 'assistant') {
    throw invalid(
      `"continue_final_message" wants the last message to be the assistant's; it is the ${last.role}'s.`,
      'continue_final_message',
    )
  }
  return { kind: 'chat', messages: messages.slice(0, -1), continuation: last.content }
}

async function readMessage(fields: Fields, readImage: ReadImage): Promise<Message> {
  const name = fields.text('role')
  const role = name === undefined || !Object.hasOwn(ROLES, name) ? undefined : ROLES[name]
  if (role === undefined) {
    throw invalid(
      `"${fields.path('role')}" must be "system", "developer", "user" or "assistant"; got ${quote(name)}.`,
      fields.path('role'),
    )
  }
  fields.text('name')
  fields.refuse('tool_calls', 'this server calls no tools')
  const content = fields.raw('content')
  fields.finish(new Set(['refusal', 'annotations']))
  if (typeof content === 'string') return { role, content: [{ kind: 'text', text: content }] }
  if (!Array.isArray(content)) {
    throw invalid(
      `"${fields.path('content')}" must be a string or a list of parts; got ${quote(content)}.`,
      fields.path('content'),
    )
  }
  const parts: ContentPart[] = []
  for (const [index, value] of content.entries()) {
    parts.push(await readPart(new Fields(value, `${fields.path('content')}[${index}]`), role, readImage))
  }
  return { role, content: parts }
}

async function readPart(fields: Fields, role: Role, readImage: ReadImage): Promise<ContentPart> {
  const type = fields.choice('type', ['text', 'image_url', 'video_url'])
  if (type === undefined) throw invalid(`"${fields.path('type')}" is missing.`, fields.path('type'))
  if (type === 'text') {
    const text = fields.text('text')
    fields.finish()
    if (text === undefined) throw invalid(`"${fields.path('text')}" is missing.`, fields.path('text'))
    return { kind: 'text', text }
  }
  if (role !== 'user') {
    throw invalid(
      `"${fields.path('type')}" is "${type}" in a message of the ${role}; pictures belong to the user's messages.`,
      fields.path('type'),
    )
  }
  const url = readUrl(fields, type)
  fields.choice('modalities', ['image', 'multi-images', 'video'])
  const frames = type === 'video_url' ? fields.integer('num_frames', { min: 1 }) : undefined
  fields.finish()
  const source = await readImage(url, fields.path(`${type}.url`))
  if (type === 'image_url') return { kind: 'image', image: source }
  return { kind: 'video', video: { ...source, ...(frames !== undefined && { frames }) } }
}

/** `{url, detail}`, or the URL alone as some clients send it. `detail` asks for nothing that this family of models has. */
function readUrl(fields: Fields, name: 'image_url' | 'video_url'): string {
  const value = fields.raw(name)
  if (typeof value === 'string') return value
  const media = fields.object(name)
  const url = media?.text('url')
  media?.choice('detail', ['auto', 'low', 'high'])
  media?.finish()
  if (url === undefined) throw invalid(`"${fields.path(`${name}.url`)}" is missing.`, fields.path(`${name}.url`))
  return url
}
