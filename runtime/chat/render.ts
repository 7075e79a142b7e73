import type { ContentPart, ImageSource, Message, VideoSource } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { PromptSegment } from '../protocol/segment.js'
import { Sentinels } from './sentinel.js'
import type { ChatTemplate, TemplateContent, TemplateMessage } from './template.js'

export interface RenderedPrompt {
  readonly segments: readonly PromptSegment[]
  /** The picture of each `image` segment, in their order. */
  readonly images: readonly ImageSource[]
  /** The video of each `video` segment, in their order. */
  readonly videos: readonly VideoSource[]
}

/**
 * The prompt that asks for the next assistant turn, or goes on with one that is open. Users' texts come back as `text`
 * segments and earlier output as ids. Throws TEMPLATE_FAILED when the template refuses the messages or leaves one of
 * their texts out, IMAGE_COUNT_MISMATCH or VIDEO_COUNT_MISMATCH when it makes another number of places than there are
 * pictures or videos.
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
    pushTemplate(segments, text, template)
  }
  pushContinuation(segments, continuation, template)
  return matchMedia(segments, [...messages.flatMap(message => message.content), ...continuation], template)
}

/**
 * Templates put a newline after a picture, and so does who writes one in front of a question. Models were trained with
 * one: the template's stays.
 */
function dropDoubledNewline(text: string, before: ContentPart | undefined, template: ChatTemplate): string {
  const followsPlace = before?.kind === 'image' || before?.kind === 'video'
  return followsPlace && template.endsPlaceWithNewline && text.startsWith('\n') ? text.slice(1) : text
}

/** Texts that touch become one, since templates may put something between the parts of a list. */
function hideContent(message: Message, template: ChatTemplate, sentinels: Sentinels): TemplateContent {
  const parts: ({ type: 'text'; text: string } | { type: PlaceKind })[] = []
  const texts = message.content.map((part, index): string => {
    if (part.kind === 'image' || part.kind === 'video') return ''
    const leadsTurn = index === 0 && message.role === 'assistant'
    if (part.kind === 'generated') return sentinels.hide({ kind: 'tokens', ids: part.tokenIds, leadsTurn })
    const isText = (neighbour: ContentPart | undefined) => neighbour?.kind === 'text' || neighbour?.kind === 'generated'
    const ends = { first: !isText(message.content[index - 1]), last: !isText(message.content[index + 1]) }
    return sentinels.hideText(dropDoubledNewline(part.text, message.content[index - 1], template), ends)
  })
  if (!template.takesParts[message.role]) {
    const places = message.content.flatMap(part => placeOf(part, template) ?? [])
    return places.map(kind => `${sentinels.hide({ kind })}\n`).join('') + texts.join('')
  }
  for (const [index, part] of message.content.entries()) {
    const previous = parts.at(-1)
    const place = placeOf(part, template)
    if (place !== null) parts.push({ type: place })
    else if (previous?.type === 'text') previous.text += texts[index]!
    else parts.push({ type: 'text', text: texts[index]! })
  }
  return parts
}

type PlaceKind = 'image' | 'video'

/** What the template is told of a picture or a video; null for what is neither. */
function placeOf(part: ContentPart, template: ChatTemplate): PlaceKind | null {
  if (part.kind === 'video') return template.marksVideos ? 'video' : 'image'
  return part.kind === 'image' ? 'image' : null
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

function pushTemplate(segments: PromptSegment[], text: string, template: ChatTemplate): void {
  for (const [index, between] of text.split(template.imageToken).entries()) {
    if (index > 0) segments.push({ kind: 'image' })
    const pieces = template.marksVideos ? between.split(template.videoToken) : [between]
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) segments.push({ kind: 'video' })
      if (piece !== '') segments.push({ kind: 'template', text: piece })
    }
  }
}

/** A text written for the open turn gets the space that the template would put before it, unless it brings its own. */
function pushContinuation(segments: PromptSegment[], parts: readonly ContentPart[], template: ChatTemplate): void {
  const first = parts[0]
  if (first?.kind === 'text' && /^\S/.test(first.text) && template.glue !== '') {
    segments.push({ kind: 'template', text: template.glue })
  }
  for (const part of parts) {
    const place = placeOf(part, template)
    if (place !== null) segments.push({ kind: place })
    else if (part.kind === 'generated') segments.push({ kind: 'tokens', ids: part.tokenIds })
    else if (part.kind === 'text' && part.text !== '') segments.push({ kind: 'text', text: part.text })
  }
}

/** Pictures and videos with their places. Where the template knows pictures alone, places go to both in their order. */
function matchMedia(
  segments: readonly PromptSegment[],
  parts: readonly ContentPart[],
  template: ChatTemplate,
): RenderedPrompt {
  const images = parts.flatMap(part => (part.kind === 'image' ? [part.image] : []))
  const videos = parts.flatMap(part => (part.kind === 'video' ? [part.video] : []))
  const places = segments.filter(segment => segment.kind === 'image' || segment.kind === 'video')
  const count = (kind: PlaceKind) => places.filter(place => place.kind === kind).length
  const placesForVideos = template.marksVideos ? count('video') : count('image') - images.length
  const placesForImages = template.marksVideos || videos.length === 0 ? count('image') : images.length
  if (placesForImages !== images.length) {
    throw new EngineError('IMAGE_COUNT_MISMATCH', { placeholders: placesForImages, images: images.length })
  }
  if (placesForVideos !== videos.length) {
    throw new EngineError('VIDEO_COUNT_MISMATCH', { placeholders: placesForVideos, videos: videos.length })
  }
  if (template.marksVideos || videos.length === 0) return { segments, images, videos }
  const kinds = parts.flatMap(part => (part.kind === 'image' || part.kind === 'video' ? [part.kind] : []))
  const isPlace = new Set<PromptSegment>(places)
  return {
    segments: segments.map(segment => (isPlace.has(segment) ? { kind: kinds.shift()! } : segment)),
    images,
    videos,
  }
}
