import type { ContentPart, ImageSource, Prompt } from '../../protocol/backend.js'
import { EngineError } from '../../protocol/error.js'
import { invalid, isRecord, quote } from '../fields.js'

/** Where a picture stands in the text of a native request. */
export const IMAGE_MARKER = '<image>'

/**
 * Text with its pictures in the places of the markers; without any marker they come first.
 * Throws IMAGE_COUNT_MISMATCH when there are markers and their number is not that of the pictures.
 */
export function placeImages(text: string, images: readonly ImageSource[]): Prompt {
  const pieces = text.split(IMAGE_MARKER)
  const placeholders = pieces.length - 1
  if (placeholders !== images.length && !(placeholders === 0 && images.length > 0)) {
    throw new EngineError('IMAGE_COUNT_MISMATCH', { placeholders, images: images.length, param: 'image_data' })
  }
  const picture = (image: ImageSource): ContentPart => ({ kind: 'image', image })
  const parts: ContentPart[] = placeholders === 0 ? images.map(picture) : []
  for (const [index, piece] of pieces.entries()) {
    if (placeholders > 0 && index > 0) parts.push(picture(images[index - 1]!))
    if (piece !== '' || pieces.length === 1) parts.push({ kind: 'text', text: piece })
  }
  return { kind: 'raw', parts }
}

/**
 * The pictures of each of `count` requests, as SGLang spreads them: one picture serves all requests of a list, a list
 * has an item a request, an item may be a list. For a single request a flat list is that request's pictures.
 */
export function spreadImages(value: unknown, count: number, isSingle: boolean): readonly (readonly string[])[] {
  if (value === undefined) return Array.from({ length: count }, () => [])
  if (!Array.isArray(value)) {
    const image = imageText(value, 'image_data')
    return Array.from({ length: count }, () => [image])
  }
  if (isSingle) {
    const isNested = value.length === 1 && Array.isArray(value[0])
    return [imageTexts(isNested ? value[0] : value, 'image_data')]
  }
  if (value.length === 0) return Array.from({ length: count }, () => [])
  if (value.length !== count) {
    throw invalid(`"image_data" has ${value.length} items for ${count} requests; send one each.`, 'image_data')
  }
  return value.map((item, index) => {
    const param = `image_data[${index}]`
    if (item === null) return []
    return Array.isArray(item) ? imageTexts(item, param) : [imageText(item, param)]
  })
}

function imageTexts(items: readonly unknown[], param: string): readonly string[] {
  return items.filter(item => item !== null).map((item, index) => imageText(item, `${param}[${index}]`))
}

function imageText(item: unknown, param: string): string {
  const text = isRecord(item) ? item.url : item
  if (typeof text === 'string') return text
  throw invalid(`"${param}" must be base64 text, a data: URI or {"url": ...}; got ${quote(item)}.`, param)
}
