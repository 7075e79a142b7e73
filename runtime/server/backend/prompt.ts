import type { ContentPart, ImageSource, Message, Prompt, VideoSource } from '../../protocol/backend.js'
import { Fields, invalid, quote } from '../fields.js'
import { withoutUndefined } from '../sampling.js'

/** A prompt off the wire. Throws REQUEST_INVALID. */
export function readPrompt(fields: Fields): Prompt {
  const prompt = readKind(fields)
  fields.finish()
  return prompt
}

function readKind(fields: Fields): Prompt {
  const kind = fields.choice('kind', ['chat', 'raw', 'tokens'])
  switch (kind) {
    case 'chat': {
      const messages = items(fields, 'messages').map(readMessage)
      if (fields.raw('continuation') === undefined) return { kind, messages }
      return { kind, messages, continuation: items(fields, 'continuation').map(readPart) }
    }
    case 'raw':
      return {
        kind,
        parts: items(fields, 'parts').map(readPart),
        ...withoutUndefined({ addSpecialTokens: fields.flag('addSpecialTokens') }),
      }
    case 'tokens': {
      const ids = fields.integers('ids', { min: 0 })
      if (ids === undefined) throw invalid(`"${fields.path('ids')}" is missing.`, fields.path('ids'))
      return {
        kind,
        ids,
        ...(fields.raw('images') !== undefined && { images: items(fields, 'images').map(readImage) }),
        ...(fields.raw('videos') !== undefined && { videos: items(fields, 'videos').map(readVideo) }),
      }
    }
    default:
      throw invalid(`"${fields.path('kind')}" is missing.`, fields.path('kind'))
  }
}

function items(fields: Fields, name: string): Fields[] {
  const list = fields.list(name)
  if (list === undefined) throw invalid(`"${fields.path(name)}" is missing.`, fields.path(name))
  return list.map((item, index) => new Fields(item, `${fields.path(name)}[${index}]`))
}

function readMessage(fields: Fields): Message {
  const role = fields.choice('role', ['system', 'user', 'assistant'])
  if (role === undefined) throw invalid(`"${fields.path('role')}" is missing.`, fields.path('role'))
  const content = items(fields, 'content').map(readPart)
  fields.finish()
  return { role, content }
}

function readPart(fields: Fields): ContentPart {
  const part = readPartKind(fields)
  fields.finish()
  return part
}

function readPartKind(fields: Fields): ContentPart {
  const kind = fields.choice('kind', ['text', 'image', 'video', 'generated'])
  if (kind === undefined) throw invalid(`"${fields.path('kind')}" is missing.`, fields.path('kind'))
  if (kind === 'image') return { kind, image: readImage(new Fields(fields.raw('image') ?? null, fields.path('image'))) }
  if (kind === 'video') return { kind, video: readVideo(new Fields(fields.raw('video') ?? null, fields.path('video'))) }
  const text = fields.text('text')
  if (text === undefined) throw invalid(`"${fields.path('text')}" is missing.`, fields.path('text'))
  if (kind === 'text') return { kind, text }
  const tokenIds = fields.integers('tokenIds', { min: 0 })
  if (tokenIds === undefined) throw invalid(`"${fields.path('tokenIds')}" is missing.`, fields.path('tokenIds'))
  return { kind, text, tokenIds }
}

/** A file, or the frames of one. */
function readVideo(fields: Fields): VideoSource {
  const frames = fields.integer('frames', { min: 1 })
  if (fields.raw('pictures') === undefined) return { ...readImage(fields), ...withoutUndefined({ frames }) }
  const pictures = items(fields, 'pictures').map(readImage)
  const label = fields.text('label')
  fields.finish()
  return { pictures, ...withoutUndefined({ label }) }
}

function readImage(fields: Fields): ImageSource {
  const bytes = fields.raw('bytes')
  if (!(bytes instanceof Uint8Array)) {
    throw invalid(
      `"${fields.path('bytes')}" must be bytes ({"$bytes": base64} in JSON); got ${quote(bytes)}.`,
      fields.path('bytes'),
    )
  }
  const label = fields.text('label')
  fields.finish()
  return { bytes, ...withoutUndefined({ label }) }
}
