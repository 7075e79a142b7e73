/**
 * The only contract between the runner and the kernel workers. Requests are a union on `op`; `ReplyOf` types the
 * answer. Workers never throw: a failure comes back as data and the runner makes an error of it. Messages are small
 * plain objects; whatever is large lives in memory that both sides see and is named by a TensorHandle.
 */
export const KERNEL_PROTOCOL_VERSION = 1

export type Device = 'cpu' | 'webgpu'
/** 'c-api': the shared library through its C API, memory in place. 'node': onnxruntime-node's own API, copying. 'auto': the first that can be reached. */
export type Binding = 'auto' | 'c-api' | 'node'
/**
 * Of the weights; activations between products are float32. int8 and int4 round the language model's weights in blocks
 * of 32; int8x8 rounds each output's weights, and each row of activations, to 8 bits by one scale.
 */
export type Precision = 'float32' | 'int8' | 'int8x8' | 'int4'

/** Memory that runner and workers both see. The owner allocates; the writer is named where the region is declared. */
export type RegionName = 'control' | 'logits' | 'features' | 'pixels'

/** A tensor by place instead of by value. Shapes in elements, offset in bytes from the start of the region. */
export interface TensorHandle {
  readonly device: Device
  readonly region: RegionName
  readonly offset: number
  readonly type: 'float32' | 'int32'
  readonly shape: readonly number[]
}

/** Sizes that fix the key/value memory and the control block. All counts in tokens, slots or pages; see layout.ts. */
export interface DecoderGeometry {
  readonly numSlots: number
  /** Most tokens a slot holds: the context length this engine serves. */
  readonly slotCapacity: number
  /** Slots have addresses for more than there is memory for; it comes as they are written. Default: false. */
  readonly isLazy?: boolean
  readonly numPages: number
  readonly pageSize: number
  /** Most tokens of one prefill chunk. */
  readonly maxChunk: number
  /** Rows of the logits region. */
  readonly maxLogitRows: number
}

export interface SessionOptions {
  readonly device: Device
  readonly binding: Binding
  readonly precision: Precision
  /** Intra-op threads of ONNX Runtime. */
  readonly threads: number
  /** Where built graphs are kept, by content hash. */
  readonly cachePath: string
}

/** What the runtime must know of a checkpoint. Token counts in tokens, sizes in elements. */
export interface ModelInfo {
  readonly path: string
  /** Digest of configuration and weights, 32 hex digits: part of every picture's key. */
  readonly fingerprint: string
  /** `model_type` of config.json: llava, llava_next, llava_next_video. */
  readonly family: string
  readonly text: {
    readonly architecture: string
    /** Width of the logits; may exceed the tokenizer's size. */
    readonly vocabRows: number
    readonly hiddenSize: number
    readonly numLayers: number
    readonly numHeads: number
    readonly numKvHeads: number
    readonly headDim: number
    /** Positions the model was made for, after RoPE scaling. */
    readonly contextLength: number
    readonly bosId: number | null
    readonly eosIds: readonly number[]
  }
  readonly vision: {
    /** Side of the square tile in pixels. */
    readonly tileSize: number
    readonly patchSize: number
    /** Rows that one tile yields after feature selection. */
    readonly featuresPerTile: number
  }
  readonly imageTokenId: number
  /** Present for models that take video: frames yield fewer rows than tiles. */
  readonly video?: {
    readonly tokenId: number
    /** Rows that one frame yields after pooling, newlines not counted. */
    readonly featuresPerFrame: number
  }
  /** The checkpoint's JSON files, parsed: the runtime reads preprocessing and templates from them. Absent files are null. */
  readonly files: {
    readonly config: Readonly<Record<string, unknown>>
    readonly generation: Readonly<Record<string, unknown>> | null
    readonly preprocessor: Readonly<Record<string, unknown>> | null
    readonly processor: Readonly<Record<string, unknown>> | null
    readonly tokenizerConfig: Readonly<Record<string, unknown>> | null
    /** Text of chat_template.jinja or the template of chat_template.json, when the checkpoint has it beside tokenizer_config.json. */
    readonly chatTemplate: string | null
  }
}

/** Bytes of weights; what a session needs besides (copies it lays out for the processor, activations) comes on top. */
export interface ModelMemory {
  readonly decoderBytes: number
  readonly visionBytes: number
  /** The embedding rows, kept in the type they are stored in. */
  readonly embeddingBytes: number
}

/** A checkpoint at a glance. */
export interface ModelSummary {
  /** As ModelInfo has it. */
  readonly family: string
  /** Whose files: transformers' or those of the original code. */
  readonly layout: 'hugging-face' | 'original'
  readonly textArchitecture: string
  readonly visionArchitecture: string
  /** Numbers that are used; blocks of the tower beyond the selected output are not counted. */
  readonly parameters: { readonly text: number; readonly vision: number; readonly projector: number }
  readonly contextLength: number
  readonly tokensPerTile: number
  /** null: no video. */
  readonly tokensPerFrame: number | null
  readonly kvBytesPerToken: number
  readonly memory: Readonly<Record<Precision, ModelMemory>>
}

/** How rows of numbers compare with those expected. */
export interface Agreement {
  /** Largest difference; null where there are not as many numbers as expected. */
  readonly largest: number | null
  /** Root mean square of the differences over that of the numbers expected. */
  readonly relative: number | null
  /** Rows whose largest number stands in the same place. */
  readonly agreeing: number
  readonly rows: number
}

/** What a trial of the graphs came to. */
export interface ModelVerification {
  readonly binding: 'c-api' | 'node'
  /** Projected rows of a picture against plain arithmetic in double precision. */
  readonly features: Agreement
  /** Logits of a short prompt with rows of a picture, likewise. */
  readonly logits: Agreement
  /** That prompt in pieces, and in a step of two sequences, against one pass. */
  readonly pieces: Agreement
  /** Against the numbers of the folder's `golden.json`; null without one. */
  readonly golden: { readonly features: Agreement; readonly logits: Agreement } | null
}

/** One picture for the vision encoder. */
export interface EncodeItem {
  /** [tiles, 3, tileSize, tileSize] float32 in `pixels`, normalised. */
  readonly pixels: TensorHandle
  /**
   * Which row of the projected tiles (row-major over [tiles * featuresPerTile]) becomes row i of the features; -1 is the
   * model's image_newline vector. null: all rows in order.
   */
  readonly gather: readonly number[] | null
  /**
   * With this, `gather` names `taps` rows for each row of the features, four by default: their elementwise maximum, or
   * their sum with weights (as many for each row).
   */
  readonly combine?: { readonly taps?: number } & (
    | { readonly kind: 'max' }
    | { readonly kind: 'blend'; readonly weights: readonly number[] }
  )
  /** The tiles are frames of a video, pooled to `featuresPerFrame` rows each. Default false; only for models whose tower pools. */
  readonly pooled?: boolean
  /** [rows, hiddenSize] float32 in `features`; written by the vision worker. */
  readonly features: TensorHandle
}

/** What the system that a worker runs on can do. */
export interface SystemInfo {
  /** Memory comes when it is written and can be given back, so that slots may have more addresses than memory. */
  readonly takesMemoryBack: boolean
}

export type KernelRequest =
  | { readonly op: 'system' }
  | { readonly op: 'inspect'; readonly path: string }
  | { readonly op: 'describe'; readonly path: string }
  | { readonly op: 'verify'; readonly path: string; readonly session: SessionOptions }
  | {
      readonly op: 'load-decoder'
      readonly path: string
      readonly session: SessionOptions
      readonly geometry: DecoderGeometry
      /** Which tokens count when a decode runs several steps: ids below the size that are not forbidden; of equal logits the lowest id. Default: all. */
      readonly greedy?: { readonly vocabularySize: number; readonly forbidden: readonly number[] }
      /** control: runner writes plans. logits: decoder writes. features: decoder only reads. kv: decoder reads and writes, layout in layout.ts. */
      readonly memory: {
        readonly control: SharedArrayBuffer
        readonly logits: SharedArrayBuffer
        readonly features: SharedArrayBuffer
        /** Two buffers a layer: slots, then pages. */
        readonly kv: readonly { readonly slots: SharedArrayBuffer; readonly pages: SharedArrayBuffer }[]
      }
    }
  /** Runs the plan that stands in the control block. */
  | { readonly op: 'step' }
  | {
      readonly op: 'load-vision'
      readonly path: string
      readonly session: SessionOptions
      readonly memory: { readonly pixels: SharedArrayBuffer; readonly features: SharedArrayBuffer }
    }
  /** Tiles of all items go through the tower in one run. */
  | { readonly op: 'encode'; readonly items: readonly EncodeItem[] }
  /** Frees sessions; the worker can load again. */
  | { readonly op: 'release' }

export type KernelOp = KernelRequest['op']

export interface LoadReport {
  /** The binding that 'auto' came to. */
  readonly binding: 'c-api' | 'node'
  readonly loadMs: number
  /** Whether the graph came from the disk cache. */
  readonly cached: boolean
}

interface Replies {
  system: SystemInfo
  inspect: ModelInfo
  describe: ModelSummary
  verify: ModelVerification
  'load-decoder': LoadReport
  step: { readonly forwardMs: number }
  'load-vision': LoadReport
  encode: { readonly encodeMs: number; readonly tiles: number }
  release: null
}

export type ReplyOf<Op extends KernelOp> = Replies[Op]

export type KernelReply<Op extends KernelOp = KernelOp> =
  | { readonly ok: true; readonly value: ReplyOf<Op> }
  | { readonly ok: false; readonly error: KernelError }

/** `code` is one of runtime/protocol/error.ts: MODEL_NOT_FOUND, MODEL_UNSUPPORTED, MODEL_CORRUPT, KERNEL_FAILED. */
export interface KernelError {
  readonly code: string
  readonly data: Readonly<Record<string, unknown>>
  readonly message: string
  readonly stack?: string
}
