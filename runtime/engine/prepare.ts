import type { EngineModel } from '../protocol/engine.js'
import { EngineError } from '../protocol/error.js'
import type { EncodeJob, VisionEncoder } from '../runner/vision-encoder.js'
import type { ClipStore } from '../vision/clip-store.js'
import type { NormaliseRequest, PreprocessRequest } from '../vision/messages.js'
import type { Packing } from '../vision/packing.js'
import type { VisionSpec } from '../vision/spec.js'
import type { FeatureService, PictureOwner } from './feature-service.js'
import type { PictureSource, PlannedPicture } from './planned-picture.js'
import type { BuiltPrompt, PromptBuilder, PromptIds } from './prompt-builder.js'

/** A prompt whose pictures are registered; to be released when its request ends. */
export interface PreparedPrompt {
  readonly prompt: BuiltPrompt
  readonly owner: PictureOwner
}

export interface PromptPreparerOptions {
  readonly builder: PromptBuilder
  readonly features: FeatureService
  readonly encoder: VisionEncoder
  readonly spec: VisionSpec
  /** Where the pixels of frames are; only of models that take video. */
  readonly frames?: { readonly clips: ClipStore; readonly spec: VisionSpec }
  readonly contextLength: number
  readonly pixelLimit: number
}

/** Ids -> a prompt that fits the context, with its pictures known to the feature service. */
export class PromptPreparer {
  readonly #options: PromptPreparerOptions

  constructor(options: PromptPreparerOptions) {
    this.#options = options
  }

  /**
   * @param room tokens that must be left after the prompt.
   * @throws EngineError REQUEST_TOO_LONG, REQUEST_INVALID, and what building the prompt throws.
   */
  async prepare(ids: PromptIds, room: number, onFailure: (error: EngineError) => void): Promise<PreparedPrompt> {
    const { builder, features, contextLength } = this.#options
    const prompt = await builder.build(ids, room)
    const promptTokens = prompt.elements.length
    if (promptTokens === 0) throw new EngineError('REQUEST_INVALID', { what: 'The prompt is empty.' })
    const imageTokens = prompt.spans.reduce((sum, span) => sum + span.count, 0)
    if (promptTokens + room > contextLength) {
      throw new EngineError('REQUEST_TOO_LONG', { promptTokens, imageTokens, contextLength })
    }
    if (imageTokens > features.capacity) {
      const what = `The pictures have ${imageTokens} rows of features and the feature cache holds ${features.capacity}; a larger featureCacheBytes would take them.`
      throw new EngineError('REQUEST_INVALID', { what })
    }
    const owner: PictureOwner = { onFailure, imageEncodes: 0, featureHits: 0 }
    for (const picture of prompt.pictures) features.register(this.#encodable(picture), owner)
    return { prompt, owner }
  }

  /**
   * Starts encoding what the cached prefix does not cover, so that it is under way while the request waits.
   * @returns pictures that the prefix covers whole.
   */
  prefetch({ prompt, owner }: PreparedPrompt, cachedLength: number): number {
    const missing = prompt.spans.filter(span => span.start + span.count > cachedLength)
    for (const span of missing) this.#options.features.prefetch(span.key, owner)
    return prompt.spans.length - missing.length
  }

  release({ prompt, owner }: PreparedPrompt): void {
    for (const picture of prompt.pictures) this.#options.features.unregister(picture.key, owner)
  }

  #encodable({ key, label, plan, source }: PlannedPicture) {
    const { packing, views, tokens } = plan
    const pooled = source.kind === 'frame' && source.pooled
    return {
      key,
      rows: tokens,
      encode: async (row: number): Promise<void> => {
        const preprocess = await this.#pixelsOf(source, label)
        await this.#options.encoder.encode({
          tiles: views,
          rowsOf: rowsOf(packing),
          pooled,
          row,
          rows: tokens,
          preprocess,
        })
      },
    }
  }

  /** Frames whose tiles are no longer kept are decoded once more, before they take up memory for pixels. */
  async #pixelsOf(source: PictureSource, label: string): Promise<EncodeJob['preprocess']> {
    const { spec, frames, pixelLimit } = this.#options
    if (source.kind === 'picture') {
      const request = { op: 'preprocess', bytes: source.bytes, spec, label, pixelLimit } as const
      return (pixels, offset): PreprocessRequest => ({ ...request, pixels, offset })
    }
    if (frames === undefined) throw new Error('a frame is to be encoded by an engine that was made without video')
    const tiles = await frames.clips.tiles(source.clip)
    const request = { op: 'normalise', tiles, tile: source.index, spec: frames.spec } as const
    return (pixels, offset): NormaliseRequest => ({ ...request, pixels, offset })
  }
}

/** The id that the row of a picture or a frame at `position` has in the prompt written out. */
export function placeholderAt(
  { spans, pictures }: BuiltPrompt,
  position: number,
  { imageTokenId, videoTokenId = imageTokenId }: Pick<EngineModel, 'imageTokenId' | 'videoTokenId'>,
): number {
  const at = spans.findIndex(({ start, count }) => position >= start && position < start + count)
  return pictures[at]?.source.kind === 'frame' ? videoTokenId : imageTokenId
}

/** How the vision worker lays the rows out, in its own words. */
function rowsOf(packing: Packing): EncodeJob['rowsOf'] {
  if (packing.kind === 'gather') return { gather: packing.rows }
  const { rows: gather, ...combine } = packing
  return { gather, combine }
}
