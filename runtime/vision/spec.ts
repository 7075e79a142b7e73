import { EngineError } from '../protocol/error.js'
import { isObject, readNumbers, readPinpoints, refuseUnknown } from './spec-fields.js'

/** Where `orig` (the first authors' code) and `hf` (the converted checkpoints' code) disagree, the checkpoint's own side is followed. */
export type Profile = 'orig' | 'hf'
export type AspectMode = 'square' | 'pad' | 'anyres'
export type MergeType = 'flat' | 'spatial' | 'spatial_unpad' | 'spatial_maxpool2x2'
export type Orientation = 'apply' | 'ignore'

export interface Size {
  readonly width: number
  readonly height: number
}

/** All that preprocessing, planning and packing depend on. Plain data: it goes to the workers as it is. Sizes in pixels. */
export interface VisionSpec {
  readonly profile: Profile
  /** Side S of the square that the tower takes. */
  readonly tileSize: number
  /** Features along one side of a tile; a tile has side * side, and one more where the class token is kept. */
  readonly side: number
  readonly featuresPerTile: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly rescale: number
  /** `square`: the picture alone, by `fit`. `pad`: onto a square of `padColour` first. `anyres`: tiles over the best grid. */
  readonly aspect: AspectMode
  /** `crop`: shortest edge to S, then the centre, as for CLIP. `squash`: both sides to S, as for SigLIP. */
  readonly fit: 'crop' | 'squash'
  readonly padColour: readonly number[]
  /** Canvas sizes in the checkpoint's order, which decides ties. Empty unless `anyres`. */
  readonly pinpoints: readonly Size[]
  /** Bound N of `anyres_max_N`: a larger map is reduced to about N tiles' worth of features. */
  readonly maxTiles: number | null
  readonly merge: MergeType
  /** Whether rows of an unpadded map end with the model's image_newline. */
  readonly newline: boolean
  /** Place of the whole picture squeezed to one tile, among the views and in the features. */
  readonly base: 'first' | 'last' | 'none'
  /** EXIF orientation. `hf` turns pictures upright as its loader does, `orig` shows them as stored. */
  readonly orientation: Orientation
}

/** The part of the runner's model description that matters here; `files` are the checkpoint's JSON files, parsed. */
export interface VisionFacts {
  readonly path: string
  readonly family: string
  readonly vision: { readonly tileSize: number; readonly patchSize: number; readonly featuresPerTile: number }
  readonly files: {
    readonly config: Readonly<Record<string, unknown>>
    readonly preprocessor: Readonly<Record<string, unknown>> | null
  }
}

/**
 * Choices over the checkpoint's own. `hd` is 1.5-HD: the grids of `highDefinitionPinpoints` and the whole picture last;
 * rows of the map end with image_newline where the checkpoint has that vector.
 */
export interface VisionOverrides {
  readonly profile?: Profile
  readonly aspect?: 'square' | 'pad' | 'hd'
  readonly pinpoints?: readonly Size[]
  readonly base?: 'first' | 'last'
  readonly orientation?: Orientation
}

const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
/** SigLIP's mean and standard deviation. */
const HALVES = [0.5, 0.5, 0.5]
const FAMILIES = ['llava', 'llava_next', 'llava_next_video', 'llava_llama', 'llava_mistral', 'llava_mpt', 'llava_qwen']

/** How the checkpoint wants its pictures. Throws MODEL_UNSUPPORTED that names the field it cannot honour. */
export function visionSpec(facts: VisionFacts, choices: VisionOverrides = {}): VisionSpec {
  const { aspect: chosenAspect, ...others } = choices
  const isHd = chosenAspect === 'hd'
  const overrides = isHd
    ? ({ pinpoints: highDefinitionPinpoints(facts.vision.tileSize), base: 'last', ...others } as const)
    : others
  const refuse = (what: string): never => {
    throw new EngineError('MODEL_UNSUPPORTED', { path: facts.path, what: `${what}.` })
  }
  refuseUnknown('model_type', facts.family, FAMILIES, refuse)
  const { config, preprocessor } = facts.files
  const tower = config.mm_vision_tower ?? config.mm_hidden_size
  const original = config.vision_config === undefined && tower !== undefined
  const profile = overrides.profile ?? (original ? 'orig' : 'hf')
  const side = Math.floor(facts.vision.tileSize / facts.vision.patchSize)
  const extra = facts.vision.featuresPerTile - side * side
  if (extra !== 0 && extra !== 1) {
    refuse(`a tile yields ${facts.vision.featuresPerTile} features, and a grid of ${side} x ${side} was expected`)
  }

  const towerType = isObject(config.vision_config) ? config.vision_config.model_type : tower
  const isSiglip = /siglip/i.test(String(towerType))
  const pixels = readPixels(preprocessor ?? {}, facts.vision.tileSize, isSiglip, refuse)
  const layout = original ? readOriginal(config, refuse) : readConverted(facts.family, config, preprocessor ?? {})
  const single = isHd ? undefined : chosenAspect
  const aspect = overrides.pinpoints === undefined ? (single ?? layout.aspect) : 'anyres'
  if (aspect === 'anyres' && extra === 1) refuse('tiles of a grid cannot be joined when each keeps its class token')
  const pinpoints =
    aspect === 'anyres'
      ? (overrides.pinpoints ??
        readPinpoints(
          config.image_grid_pinpoints ?? preprocessor?.image_grid_pinpoints,
          facts.vision.tileSize,
          profile,
          refuse,
        ))
      : []
  const highDefinition = overrides.pinpoints !== undefined && layout.aspect !== 'anyres'

  return {
    profile,
    tileSize: facts.vision.tileSize,
    side,
    featuresPerTile: facts.vision.featuresPerTile,
    ...pixels,
    aspect,
    padColour: pixels.mean.map(mean => Math.trunc(mean * 255)),
    pinpoints,
    maxTiles: aspect === 'anyres' ? layout.maxTiles : null,
    merge: highDefinition ? 'spatial_unpad' : layout.merge,
    newline: (highDefinition && !isHd) || layout.newline,
    base: layout.base === 'none' ? 'none' : (overrides.base ?? 'first'),
    orientation: overrides.orientation ?? (profile === 'hf' ? 'apply' : 'ignore'),
  }
}

/** Grids of 1.5-HD: up to six tiles, 1x1 to 1x6, 2x2, 2x3 and their transposes. */
export function highDefinitionPinpoints(tileSize: number): Size[] {
  const grids: Size[] = []
  for (let columns = 1; columns <= 6; columns++) {
    for (let rows = 1; rows <= 6; rows++) {
      if (columns * rows > 6) continue
      grids.push({ width: columns * tileSize, height: rows * tileSize })
    }
  }
  return grids
}

interface Layout {
  readonly aspect: AspectMode
  readonly maxTiles: number | null
  readonly merge: MergeType
  readonly newline: boolean
  readonly base: 'first' | 'none'
}

function readConverted(
  family: string,
  config: Readonly<Record<string, unknown>>,
  preprocessor: Readonly<Record<string, unknown>>,
): Layout {
  if (family === 'llava') {
    // In the processors of the later families `do_pad` means the padding of a batch, not of a picture.
    const aspect = preprocessor.do_pad === true ? 'pad' : 'square'
    return { aspect, maxTiles: null, merge: 'flat', newline: false, base: 'first' }
  }
  const newline = config.use_image_newline_parameter !== false
  return { aspect: 'anyres', maxTiles: null, merge: 'spatial_unpad', newline, base: 'first' }
}

function readOriginal(config: Readonly<Record<string, unknown>>, refuse: (what: string) => never): Layout {
  const ratio = config.image_aspect_ratio ?? 'square'
  const bound = /^anyres(?:_max_(\d+))?$/.exec(String(ratio))
  if (bound === null) refuseUnknown('image_aspect_ratio', ratio, ['square', 'pad', 'anyres', 'anyres_max_N'], refuse)
  const written = String(config.mm_patch_merge_type ?? 'flat')
  const merge = written.replace(/_nobase$/, '')
  const known = ['flat', 'spatial', 'spatial_unpad', 'spatial_maxpool2x2']
  refuseUnknown('mm_patch_merge_type', merge, known, refuse)
  return {
    aspect: bound === null ? (ratio as AspectMode) : 'anyres',
    maxTiles: bound?.[1] === undefined ? null : Number(bound[1]),
    merge: merge as MergeType,
    newline: merge === 'spatial_unpad',
    base: written.endsWith('_nobase') ? 'none' : 'first',
  }
}

function readPixels(
  preprocessor: Readonly<Record<string, unknown>>,
  tileSize: number,
  isSiglip: boolean,
  refuse: (what: string) => never,
): Pick<VisionSpec, 'mean' | 'std' | 'rescale' | 'fit'> {
  for (const step of ['do_resize', 'do_rescale', 'do_normalize']) {
    if (preprocessor[step] === false) refuse(`preprocessor_config.json sets ${step} to false; only true is known`)
  }
  const resample = preprocessor.resample ?? 3
  if (resample !== 3) refuse(`preprocessor_config.json sets resample to ${String(resample)}; only 3 (bicubic) is known`)
  for (const field of ['size', 'crop_size']) {
    const value = preprocessor[field]
    const sides = isObject(value) ? Object.values(value) : [value ?? tileSize]
    if (sides.some(side => side !== tileSize)) {
      refuse(
        `preprocessor_config.json sets ${field} to ${JSON.stringify(value)}; the vision tower takes ${tileSize} pixels`,
      )
    }
  }
  const { size } = preprocessor
  const givesBothSides = isObject(size) ? 'height' in size : isSiglip
  if (!givesBothSides && preprocessor.do_center_crop === false) {
    refuse('preprocessor_config.json scales the shortest edge and cuts nothing, which leaves no square')
  }
  return {
    fit: givesBothSides ? 'squash' : 'crop',
    mean:
      readNumbers(preprocessor.image_mean ?? (isSiglip ? HALVES : CLIP_MEAN), 3) ??
      refuse('image_mean is not a list of three numbers'),
    std:
      readNumbers(preprocessor.image_std ?? (isSiglip ? HALVES : CLIP_STD), 3) ??
      refuse('image_std is not a list of three numbers'),
    rescale: typeof preprocessor.rescale_factor === 'number' ? preprocessor.rescale_factor : 1 / 255,
  }
}
