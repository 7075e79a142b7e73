import type { ContentPart, ImageSource, Message } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { PromptSegment } from '../protocol/segment.js'
import { Sentinels } from './sentinel.js'
import type { ChatTemplate, TemplateContent, TemplateMessage } from './template.js'

export interface RenderedPrompt {
  readonly segments: readonly PromptSegment[]
  /** The picture of each `image` segment, in their order. */
  readonly images: readonly ImageSource[]
}

/**
 * The prompt that asks for the next assistant turn, or goes on with one that is open. Users' texts come back as `text`
 * segments and earlier output as ids. Throws TEMPLATE_FAILED when the template refuses the messages or leaves one of
 * their texts out, IMAGE_COUNT_MISMATCH when it makes another number of places than there are pictures.
 */
export function renderChat(
  template: ChatTemplate,
  messages: readonly Message[],
  continuation: readonly ContentPart[] = [],
): RenderedPrompt {
  const sentinels = new Sentinels([...messages, { role: 'assistant', content: continuation }], template.text)
  const closed = new Set<number>()
  const input = messages.map((message): TemplateMessage => {
    const before = sentinels.hidden.length
    const content = hideContent(message, template, sentinels)
    const end = sentinels.hidden.length
    if (message.role === 'assistant' && end > before) closed.add(end - 1)
    return { role: message.role, content }
  })
  const pieces = sentinels.split(template.render(input, true))
  requireAll(
    sentinels,
    pieces.flatMap(piece => ('hidden' in piece ? [piece.hidden] : [])),
  )

  const segments: PromptSegment[] = []
  for (const [at, piece] of pieces.entries()) {
    if ('hidden' in piece) {
      const thing = sentinels.hidden[piece.hidden]!
      segments.push(thing.kind === 'tokens' ? { kind: 'tokens', ids: thing.ids } : thing)
      continue
    }
    let text = piece.template
    const previous = pieces[at - 1]
    const next = pieces[at + 1]
    if (previous !== undefined && 'hidden' in previous && closed.has(previous.hidden)) text = closeTurn(text, template)
    if (next !== undefined && 'hidden' in next && leadsTurn(sentinels, next.hidden)) text = dropGlue(text, template)
    pushTemplate(segments, text, template.imageToken)
  }
  pushContinuation(segments, continuation, template)
  return { segments, images: matchImages(segments, messages, continuation) }
}

/** Texts that touch become one, since templates may put something between the parts of a list. */
function hideContent(message: Message, template: ChatTemplate, sentinels: Sentinels): TemplateContent {
  const parts: ({ type: 'text'; text: string } | { type: 'image' })[] = []
  const texts = message.content.map((part, index): string => {
    if (part.kind === 'image') return ''
    const leadsTurn = index === 0 && message.role === 'assistant'
    if (part.kind === 'generated') return sentinels.hide({ kind: 'tokens', ids: part.tokenIds, leadsTurn })
    const first = message.content[index - 1]?.kind !== 'text' && message.content[index - 1]?.kind !== 'generated'
    const last = message.content[index + 1]?.kind !== 'text' && message.content[index + 1]?.kind !== 'generated'
    return sentinels.hideText(part.text, { first, last })
  })
  if (!template.takesParts[message.role]) {
    const images = message.content.filter(part => part.kind === 'image')
    return images.map(() => `${sentinels.hide({ kind: 'image' })}\n`).join('') + texts.join('')
  }
  for (const [index, part] of message.content.entries()) {
    const previous = parts.at(-1)
    if (part.kind === 'image') parts.push({ type: 'image' })
    else if (previous?.type === 'text') previous.text += texts[index]!
    else parts.push({ type: 'text', text: texts[index]! })
  }
  return parts
}

function requireAll(sentinels: Sentinels, shown: readonly number[]): void {
  const present = new Set(shown)
  const missing = sentinels.hidden.findIndex((_, index) => !present.has(index))
  if (missing < 0) return
  const thing = sentinels.hidden[missing]!
  const quoted = thing.kind === 'text' ? JSON.stringify(thing.text.slice(0, 40)) : 'earlier output'
  throw new EngineError('TEMPLATE_FAILED', { what: `it leaves out a part of the messages (${quoted}).` })
}

function leadsTurn(sentinels: Sentinels, index: number): boolean {
  const thing = sentinels.hidden[index]!
  return thing.kind === 'tokens' && thing.leadsTurn
}

/** Earlier output followed the generation prompt directly: whatever the template puts between is part of the output's own first token. */
function dropGlue(text: string, template: ChatTemplate): string {
  return template.glue !== '' && text.endsWith(template.glue) ? text.slice(0, -template.glue.length) : text
}

function closeTurn(text: string, template: ChatTemplate): string {
  const end = template.closeTurnsWith
  return end === null || text.trimStart().startsWith(end) ? text : end + text.trimStart()
}

function pushTemplate(segments: PromptSegment[], text: string, imageToken: string): void {
  for (const [index, between] of text.split(imageToken).entries()) {
    if (index > 0) segments.push({ kind: 'image' })
    if (between !== '') segments.push({ kind: 'template', text: between })
  }
}

/** A text written for the open turn gets the space that the template would put before it, unless it brings its own. */
function pushContinuation(segments: PromptSegment[], parts: readonly ContentPart[], template: ChatTemplate): void {
  const first = parts[0]
  if (first?.kind === 'text' && /^\S/.test(first.text) && template.glue !== '') {
    segments.push({ kind: 'template', text: template.glue })
  }
  for (const part of parts) {
    if (part.kind === 'image') segments.push({ kind: 'image' })
    else if (part.kind === 'generated') segments.push({ kind: 'tokens', ids: part.tokenIds })
    else if (part.text !== '') segments.push({ kind: 'text', text: part.text })
  }
}

function matchImages(
  segments: readonly PromptSegment[],
  messages: readonly Message[],
  continuation: readonly ContentPart[],
): ImageSource[] {
  const all = [...messages.flatMap(message => message.content), ...continuation]
  const images = all.flatMap(part => (part.kind === 'image' ? [part.image] : []))
  const placeholders = segments.filter(segment => segment.kind === 'image').length
  if (placeholders !== images.length) {
    throw new EngineError('IMAGE_COUNT_MISMATCH', { placeholders, images: images.length })
  }
  return images
}
