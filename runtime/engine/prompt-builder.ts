import { renderChat } from '../chat/render.js'
import type { ChatTemplate } from '../chat/template.js'
import type { ContentPart, ImageSource, Prompt } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { PromptSegment } from '../protocol/segment.js'
import type { ImageSpan } from '../scheduler/sequence.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { measureImage } from '../vision/decode.js'
import { type ImageKeyTable, imageKey } from '../vision/key.js'
import { type ImagePlan, planImage } from '../vision/plan.js'
import type { VisionSpec } from '../vision/spec.js'

/** A picture of a prompt, planned but not decoded. */
export interface PlannedPicture {
  /** 128-bit key of bytes, preprocessing and model, 32 hex digits. */
  readonly key: string
  readonly bytes: Uint8Array
  readonly label: string
  readonly plan: ImagePlan
}

/** A prompt as the cache sees it. */
export interface BuiltPrompt {
  /** Token ids, and for every row of a picture the picture's negative number. */
  readonly elements: Int32Array
  readonly spans: readonly ImageSpan[]
  readonly pictures: readonly PlannedPicture[]
}

/** A prompt in ids, one id for each picture, before pictures are expanded. */
export interface PromptIds {
  readonly ids: readonly number[]
  readonly images: readonly ImageSource[]
}

export interface PromptBuilderOptions {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly spec: VisionSpec
  /** Mixed into every picture's key; see runtime/vision/key.ts. */
  readonly fingerprint: string
  readonly imageTokenId: number
  readonly keys: ImageKeyTable
  readonly pixelLimit: number
}

/** Plans that are remembered by the picture's key; a plan is a few kilobytes at most. */
const REMEMBERED_PLANS = 1024

/** Requests' prompts -> elements. Pictures are hashed and measured by their headers; none is decoded here. */
export class PromptBuilder {
  readonly #options: PromptBuilderOptions
  readonly #plans = new Map<string, ImagePlan>()

  constructor(options: PromptBuilderOptions) {
    this.#options = options
  }

  /** Ids of the prompt, followed by those of `ending` as if it stood in the same text. */
  encode(prompt: Prompt, ending = ''): PromptIds {
    const { tokenizer, template } = this.#options
    if (prompt.kind === 'tokens') {
      return { ids: [...prompt.ids, ...tokenizer.encodeContinuation(ending)], images: prompt.images ?? [] }
    }
    if (prompt.kind === 'chat') {
      // The ending is what the open turn says next, so the template's own space before an answer applies to it.
      const said: ContentPart[] = ending === '' ? [] : [{ kind: 'text', text: ending }]
      const { segments, images } = renderChat(template, prompt.messages, [...(prompt.continuation ?? []), ...said])
      return { ids: tokenizer.encodeSegments(segments).ids, images }
    }
    const segments = prompt.parts.map((part): PromptSegment => {
      if (part.kind === 'image') return { kind: 'image' }
      return part.kind === 'text' ? { kind: 'template', text: part.text } : { kind: 'tokens', ids: part.tokenIds }
    })
    if (ending !== '') segments.push({ kind: 'text', text: ending })
    const images = prompt.parts.flatMap(part => (part.kind === 'image' ? [part.image] : []))
    const addSpecialTokens = prompt.addSpecialTokens ?? true
    return { ids: tokenizer.encodeSegments(segments, { addSpecialTokens }).ids, images }
  }

  /** Puts the pictures' rows in place of their ids. Throws IMAGE_COUNT_MISMATCH, IMAGE_UNREADABLE, IMAGE_TOO_LARGE. */
  async build({ ids, images }: PromptIds): Promise<BuiltPrompt> {
    const pictures = await Promise.all(images.map((image, index) => this.#plan(image, index)))
    const widths = this.#placeholderWidths(ids, pictures)
    const elements: number[] = []
    const spans: ImageSpan[] = []
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at]!
      if (id !== this.#options.imageTokenId) {
        elements.push(this.#checkId(id))
        continue
      }
      const picture = pictures[spans.length]!
      spans.push({ key: picture.key, start: elements.length, count: picture.plan.tokens })
      const element = -this.#options.keys.intern(picture.key)
      for (let row = 0; row < picture.plan.tokens; row++) elements.push(element)
      at += widths[spans.length - 1]! - 1
    }
    return { elements: Int32Array.from(elements), spans, pictures }
  }

  async #plan(image: ImageSource, index: number): Promise<PlannedPicture> {
    const { spec, fingerprint, pixelLimit } = this.#options
    const label = image.label ?? `picture ${index + 1}`
    const key = imageKey(image.bytes, fingerprint)
    let plan = this.#plans.get(key)
    if (!plan) {
      const size = await measureImage(image.bytes, { label, pixelLimit, orientation: spec.orientation })
      plan = planImage(size, spec)
      if (this.#plans.size >= REMEMBERED_PLANS) this.#plans.delete(this.#plans.keys().next().value!)
      this.#plans.set(key, plan)
    }
    return { key, bytes: image.bytes, label, plan }
  }

  /** How many image ids stand for each picture: one, or as many as it has rows when the ids came expanded. */
  #placeholderWidths(ids: readonly number[], pictures: readonly PlannedPicture[]): number[] {
    const placeholders = ids.reduce((count, id) => count + Number(id === this.#options.imageTokenId), 0)
    if (placeholders === pictures.length) return pictures.map(() => 1)
    const rows = pictures.map(picture => picture.plan.tokens)
    if (this.#isExpanded(ids, rows)) return rows
    throw new EngineError('IMAGE_COUNT_MISMATCH', { placeholders, images: pictures.length })
  }

  /** Whether the image ids stand in runs of these lengths; pictures that follow each other share a run. */
  #isExpanded(ids: readonly number[], rows: readonly number[]): boolean {
    const { imageTokenId } = this.#options
    let at = 0
    for (const count of rows) {
      at = ids.indexOf(imageTokenId, at)
      if (at < 0) return false
      for (const end = at + count; at < end; at++) if (ids[at] !== imageTokenId) return false
    }
    return !ids.includes(imageTokenId, at)
  }

  #checkId(id: number): number {
    if (Number.isSafeInteger(id) && id >= 0 && id < this.#options.tokenizer.size) return id
    const what = `Token ids must be whole numbers from 0 to ${this.#options.tokenizer.size - 1}; ${id} came.`
    throw new EngineError('REQUEST_INVALID', { what })
  }
}
