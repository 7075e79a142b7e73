import type { ContentPart, ImageSource, Prompt, VideoSource } from '../../protocol/backend.js'
import { EngineError } from '../../protocol/error.js'
import { invalid, isRecord, quote } from '../fields.js'

/** Where a picture or a video stands in the text of a native request. */
const IMAGE_MARKER = '<image>'
const VIDEO_MARKER = '<video>'

/**
 * Text with its pictures and videos in the places of their markers; those of a kind without any marker come first.
 * Throws IMAGE_COUNT_MISMATCH or VIDEO_COUNT_MISMATCH when there are markers of a kind, and not as many as of the kind.
 */
export function placeMedia(text: string, images: readonly ImageSource[], videos: readonly VideoSource[] = []): Prompt {
  const pictures = images.map((image): ContentPart => ({ kind: 'image', image }))
  const films = videos.map((video): ContentPart => ({ kind: 'video', video }))
  // Without videos their marker is text like any other: most models have no token for it.
  const pieces = text.split(videos.length > 0 ? /(<image>|<video>)/ : /(<image>)/)
  const imagePlaces = count(pieces, IMAGE_MARKER)
  const videoPlaces = videos.length > 0 ? count(pieces, VIDEO_MARKER) : 0
  if (imagePlaces !== images.length && imagePlaces > 0) {
    throw new EngineError('IMAGE_COUNT_MISMATCH', {
      placeholders: imagePlaces,
      images: images.length,
      param: 'image_data',
    })
  }
  if (videoPlaces !== videos.length && videoPlaces > 0) {
    throw new EngineError('VIDEO_COUNT_MISMATCH', {
      placeholders: videoPlaces,
      videos: videos.length,
      param: 'video_data',
    })
  }
  const first = [...(imagePlaces === 0 ? pictures.splice(0) : []), ...(videoPlaces === 0 ? films.splice(0) : [])]
  const rest = pieces.flatMap((piece, index): ContentPart[] => {
    if (index % 2 === 1) return [piece === IMAGE_MARKER ? pictures.shift()! : films.shift()!]
    return piece === '' && pieces.length > 1 ? [] : [{ kind: 'text', text: piece }]
  })
  return { kind: 'raw', parts: [...first, ...rest] }
}

/**
 * The pictures (or videos, by `name`) of each of `count` requests, as SGLang spreads them: one serves all requests of a
 * list, a list has an item a request, an item may be a list. For a single request a flat list is that request's own.
 */
export function spreadMedia(
  name: 'image_data' | 'video_data',
  value: unknown,
  count: number,
  isSingle: boolean,
): readonly (readonly string[])[] {
  if (value === undefined) return Array.from({ length: count }, () => [])
  if (!Array.isArray(value)) {
    const reference = referenceOf(value, name)
    return Array.from({ length: count }, () => [reference])
  }
  if (isSingle) {
    const isNested = value.length === 1 && Array.isArray(value[0])
    return [referencesOf(isNested ? value[0] : value, name)]
  }
  if (value.length === 0) return Array.from({ length: count }, () => [])
  if (value.length !== count) {
    throw invalid(`"${name}" has ${value.length} items for ${count} requests; send one each.`, name)
  }
  return value.map((item, index) => {
    const param = `${name}[${index}]`
    if (item === null) return []
    return Array.isArray(item) ? referencesOf(item, param) : [referenceOf(item, param)]
  })
}

function count(pieces: readonly string[], marker: string): number {
  return pieces.filter(piece => piece === marker).length
}

function referencesOf(items: readonly unknown[], param: string): readonly string[] {
  return items.filter(item => item !== null).map((item, index) => referenceOf(item, `${param}[${index}]`))
}

function referenceOf(item: unknown, param: string): string {
  const text = isRecord(item) ? item.url : item
  if (typeof text === 'string') return text
  throw invalid(`"${param}" must be base64 text, a data: URI or {"url": ...}; got ${quote(item)}.`, param)
}
