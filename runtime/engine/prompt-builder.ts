import { renderChat } from '../chat/render.js'
import type { ChatTemplate } from '../chat/template.js'
import type { ContentPart, ImageSource, Prompt, VideoSource } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { PromptSegment } from '../protocol/segment.js'
import type { ImageSpan } from '../scheduler/sequence.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { VideoClip } from '../vision/clip-store.js'
import { measureImage } from '../vision/decode.js'
import { type ImageKeyTable, imageKey } from '../vision/key.js'
import { type ImagePlan, planImage } from '../vision/plan.js'
import type { VisionSpec } from '../vision/spec.js'
import { countOf, findRuns, type Run } from './placeholders.js'
import type { PlannedPicture } from './planned-picture.js'
import type { VideoPlanner } from './video-planner.js'

/** A prompt as the cache sees it. */
export interface BuiltPrompt {
  /** Token ids, and for every row of a picture the picture's negative number. */
  readonly elements: Int32Array
  readonly spans: readonly ImageSpan[]
  /** By span: pictures and frames of videos. */
  readonly pictures: readonly PlannedPicture[]
}

/** A prompt in ids, one id for each picture or video, before they are expanded. */
export interface PromptIds {
  readonly ids: readonly number[]
  readonly images: readonly ImageSource[]
  readonly videos?: readonly VideoSource[]
}

/** What a model that takes video needs for it. */
export interface BuilderVideo {
  readonly tokenId: number
  readonly planner: VideoPlanner
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
  /** `model_type` of the checkpoint, for messages. */
  readonly family: string
  /** UTF-16 units that no text within the context exceeds. Default: none is refused before it is tokenized. */
  readonly longestText?: number
  /** Only of models that take video. */
  readonly video?: BuilderVideo
}

/** Plans that are remembered by the picture's key; a plan is a few kilobytes at most. */
const REMEMBERED_PLANS = 1024

/**
 * Requests' prompts -> elements. Pictures are hashed and measured by their headers; none is decoded here. A video is
 * decoded when its frames are not remembered, since their pixels are what they are known by.
 */
export class PromptBuilder {
  readonly #options: PromptBuilderOptions
  readonly #plans = new Map<string, ImagePlan>()

  constructor(options: PromptBuilderOptions) {
    this.#options = options
  }

  /**
   * Ids of the prompt, followed by those of `ending` as if it stood in the same text. Throws VIDEO_UNSUPPORTED, and
   * REQUEST_INVALID for a text that cannot fit whatever its tokens: megabytes would be tokenized on the engine's thread.
   */
  encode(prompt: Prompt, ending = ''): PromptIds {
    const { tokenizer, template, longestText = Number.POSITIVE_INFINITY } = this.#options
    const length = textLength(prompt)
    if (length > longestText) {
      const what = `The prompt's text has ${length} characters; one of over ${longestText} cannot fit into the context, whatever it says.`
      throw new EngineError('REQUEST_INVALID', { what })
    }
    if (prompt.kind === 'tokens') {
      const { images = [], videos = [] } = prompt
      this.#requireVideo(videos)
      return { ids: [...prompt.ids, ...tokenizer.encodeContinuation(ending)], images, videos }
    }
    if (prompt.kind === 'chat') {
      // The ending is what the open turn says next, so the template's own space before an answer applies to it.
      const said: ContentPart[] = ending === '' ? [] : [{ kind: 'text', text: ending }]
      const continuation = [...(prompt.continuation ?? []), ...said]
      const { segments, images, videos } = renderChat(template, prompt.messages, continuation)
      this.#requireVideo(videos)
      return { ids: tokenizer.encodeSegments(segments).ids, images, videos }
    }
    const videos = prompt.parts.flatMap(part => (part.kind === 'video' ? [part.video] : []))
    this.#requireVideo(videos)
    const segments = prompt.parts.map((part): PromptSegment => {
      if (part.kind === 'image' || part.kind === 'video') return { kind: part.kind }
      return part.kind === 'text' ? { kind: 'template', text: part.text } : { kind: 'tokens', ids: part.tokenIds }
    })
    if (ending !== '') segments.push({ kind: 'text', text: ending })
    const images = prompt.parts.flatMap(part => (part.kind === 'image' ? [part.image] : []))
    const addSpecialTokens = prompt.addSpecialTokens ?? true
    return { ids: tokenizer.encodeSegments(segments, { addSpecialTokens }).ids, images, videos }
  }

  /**
   * Puts the rows of pictures and frames in place of their ids.
   * @param room tokens that must be left after a prompt with videos.
   * @throws EngineError IMAGE_COUNT_MISMATCH, IMAGE_UNREADABLE, IMAGE_TOO_LARGE, and the codes of videos.
   */
  async build({ ids, images, videos = [] }: PromptIds, room = 1): Promise<BuiltPrompt> {
    const { imageTokenId, video } = this.#options
    const pictures = await Promise.all(images.map((image, index) => this.#plan(image, index)))
    const imageRows = pictures.map(({ plan }) => plan.tokens)
    const runs = [...this.#imageRuns(ids, imageRows)]
    const groups: PlannedPicture[][] = pictures.map(picture => [picture])
    if (video !== undefined) {
      const clips = videos.map((source, index) => video.planner.describe(source, index))
      const otherTokens = ids.filter(id => id !== imageTokenId && id !== video.tokenId).length
      runs.push(...this.#videoRuns(ids, clips, video))
      video.planner.checkFit(clips, otherTokens + sum(imageRows), room)
      groups.push(...(await Promise.all(clips.map(clip => video.planner.plan(clip)))))
    }
    return this.#expand(ids, new Map(runs.map((run, at) => [run.start, { ...run, pictures: groups[at]! }])))
  }

  #imageRuns(ids: readonly number[], rows: readonly number[]): Run[] {
    const { imageTokenId } = this.#options
    const runs = findRuns(ids, imageTokenId, rows)
    if (runs !== null) return runs
    const placeholders = countOf(ids, imageTokenId)
    throw new EngineError('IMAGE_COUNT_MISMATCH', { placeholders, images: rows.length })
  }

  #videoRuns(ids: readonly number[], clips: readonly VideoClip[], { tokenId, planner }: BuilderVideo): Run[] {
    const rows = clips.map(clip => planner.tokens(clip))
    const runs = findRuns(ids, tokenId, rows)
    if (runs !== null) return runs
    throw new EngineError('VIDEO_COUNT_MISMATCH', { placeholders: countOf(ids, tokenId), videos: clips.length })
  }

  /** @param places by the position of their first id: pictures, or the frames of a video. */
  #expand(
    ids: readonly number[],
    places: ReadonlyMap<number, Run & { readonly pictures: readonly PlannedPicture[] }>,
  ): BuiltPrompt {
    const elements: number[] = []
    const spans: ImageSpan[] = []
    const pictures: PlannedPicture[] = []
    for (let at = 0; at < ids.length; at++) {
      const place = places.get(at)
      if (place === undefined) {
        elements.push(this.#checkId(ids[at]!))
        continue
      }
      for (const picture of place.pictures) {
        const { key, plan } = picture
        pictures.push(picture)
        spans.push({ key, start: elements.length, count: plan.tokens })
        const element = -this.#options.keys.intern(key)
        for (let row = 0; row < plan.tokens; row++) elements.push(element)
      }
      at += place.length - 1
    }
    return { elements: Int32Array.from(elements), spans, pictures }
  }

  #requireVideo(videos: readonly VideoSource[]): void {
    const { family, video } = this.#options
    if (videos.length > 0 && video === undefined) throw new EngineError('VIDEO_UNSUPPORTED', { family })
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
    return { key, label, plan, source: { kind: 'picture', bytes: image.bytes } }
  }

  #checkId(id: number): number {
    if (Number.isSafeInteger(id) && id >= 0 && id < this.#options.tokenizer.size) return id
    const what = `Token ids must be whole numbers from 0 to ${this.#options.tokenizer.size - 1}; ${id} came.`
    throw new EngineError('REQUEST_INVALID', { what })
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** UTF-16 units of all text in a prompt. */
function textLength(prompt: Prompt): number {
  if (prompt.kind === 'tokens') return 0
  const parts =
    prompt.kind === 'raw'
      ? prompt.parts
      : [...prompt.messages.flatMap(message => message.content), ...(prompt.continuation ?? [])]
  return parts.reduce((length, part) => length + (part.kind === 'text' ? part.text.length : 0), 0)
}
