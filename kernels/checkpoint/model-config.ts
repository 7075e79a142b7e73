import type { Activation } from './families.js'

/** Rotary position embedding. `factor` and the fields after it matter to scaled types only. */
export interface RopeConfig {
  readonly type: 'default' | 'linear' | 'dynamic' | 'llama3'
  readonly theta: number
  readonly factor: number
  readonly lowFrequencyFactor: number
  readonly highFrequencyFactor: number
  /** Positions of the unscaled model. */
  readonly originalPositions: number
}

export interface TextConfig {
  readonly architecture: string
  /** Rows of the embedding; null: as many as the tensor has. */
  readonly vocabRows: number | null
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly normEpsilon: number
  readonly rope: RopeConfig
  readonly contextLength: number
  readonly qkvBias: boolean
  readonly outputBias: boolean
  readonly mlpBias: boolean
  /** By layer: how many positions it sees, itself included; null: all. */
  readonly windows: readonly (number | null)[]
  /** The head is the embedding. */
  readonly tiedHead: boolean
  readonly bosId: number | null
  readonly eosIds: readonly number[]
}

export interface VisionConfig {
  readonly architecture: string
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly imageSize: number
  readonly patchSize: number
  readonly activation: Activation
  readonly normEpsilon: number
  readonly classRow: boolean
  readonly patchBias: boolean
  readonly normBefore: boolean
  /** Outputs to use: 0 is what enters the first block, n the output of block n. Several are joined along the width. */
  readonly selectedLayers: readonly number[]
  /** Leave the first row out: the class row, or, in a tower without one that is configured so, the first patch. */
  readonly dropFirstRow: boolean
}

export interface ProjectorConfig {
  /** Linear layers, with the activation between them. 0 passes features through. */
  readonly numLayers: number
  readonly bias: boolean
  readonly activation: Activation
}

export interface VideoConfig {
  /** null: the configuration names none. */
  readonly tokenId: number | null
  readonly poolMode: 'average' | 'max' | 'bilinear'
  readonly poolStride: number
  /** Whether the tower's features are pooled, or those that the connector has projected. */
  readonly poolPlace: 'before' | 'after'
}

/** A checkpoint's configuration, the same for every layout it came in. */
export interface ModelConfig {
  readonly family: string
  readonly layout: 'hugging-face' | 'original'
  readonly text: TextConfig
  readonly vision: VisionConfig
  readonly projector: ProjectorConfig
  readonly hasNewline: boolean
  /** null: the configuration names none. */
  readonly imageTokenId: number | null
  readonly video: VideoConfig | null
}

/** Patches along one side of a tile. */
export function patchesPerSide(vision: VisionConfig): number {
  return Math.floor(vision.imageSize / vision.patchSize)
}

/** Rows of one tile inside the tower: patches and the class row. */
export function towerRows(vision: VisionConfig): number {
  return patchesPerSide(vision) ** 2 + (vision.classRow ? 1 : 0)
}

/** Rows that one tile yields. */
export function featureRows(vision: VisionConfig): number {
  return towerRows(vision) - (vision.dropFirstRow ? 1 : 0)
}

/** Rows along one side of a pooled frame: whole squares only, except for the bilinear reduction, which rounds up. */
export function pooledSide(vision: VisionConfig, { poolMode, poolStride }: VideoConfig): number {
  const side = patchesPerSide(vision) / poolStride
  return poolMode === 'bilinear' ? Math.ceil(side) : Math.floor(side)
}

/** Rows that one frame of a video yields, newlines not counted. */
export function frameRows(vision: VisionConfig, video: VideoConfig): number {
  return pooledSide(vision, video) ** 2
}

/** Blocks of the tower that must run; those beyond are neither loaded nor run. */
export function towerDepth(vision: VisionConfig): number {
  return Math.max(...vision.selectedLayers)
}
