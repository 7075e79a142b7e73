/** Facts about model families and architectures, as data: adding one that fits the same graphs is adding a row. */
export interface FamilyFacts {
  /** Used when config.json does not say. */
  readonly imageTokenId: number
  /** Used when config.json does not say; null: the family knows no video. */
  readonly videoTokenId: number | null
  /** Whether the checkpoint has a learned row-end vector. */
  readonly hasNewline: boolean
}

export const FAMILIES: Readonly<Record<string, FamilyFacts>> = {
  llava: { imageTokenId: 32000, videoTokenId: null, hasNewline: false },
  llava_next: { imageTokenId: 32000, videoTokenId: null, hasNewline: true },
  llava_next_video: { imageTokenId: 32001, videoTokenId: 32000, hasNewline: true },
}

/** `model_type` of checkpoints of the original code, and the text architecture each stands for. */
export const ORIGINAL_MODEL_TYPES: Readonly<Record<string, string>> = {
  llava: 'llama',
  llava_llama: 'llama',
  llava_mistral: 'mistral',
  llava_qwen: 'qwen2',
}

/** 'config' reads the field named in the comment. */
export interface TextFacts {
  /** The values that transformers assumes for absent fields. null: as the heads. */
  readonly defaults: {
    readonly vocab_size: number
    readonly hidden_size: number
    readonly intermediate_size: number
    readonly num_hidden_layers: number
    readonly num_attention_heads: number
    readonly num_key_value_heads: number | null
    readonly max_position_embeddings: number
    readonly rms_norm_eps: number
    readonly bos_token_id: number | null
    readonly eos_token_id: number | null
  }
  /** Bias of q, k and v; 'config': `attention_bias`. */
  readonly qkvBias: boolean | 'config'
  /** Bias of the attention's output; 'config': `attention_bias`. */
  readonly outputBias: boolean | 'config'
  /** Bias inside the feed-forward block; 'config': `mlp_bias`. */
  readonly mlpBias: boolean | 'config'
  /**
   * Which layers see only the last `sliding_window` positions: none, all, or, where `use_sliding_window` is set,
   * those from `max_window_layers` on. `layer_types`, where present, decides instead.
   */
  readonly window: 'none' | 'all' | 'upper'
  /** Used when `sliding_window` is absent (null there means none). */
  readonly defaultWindow: number | null
}

export const TEXT_ARCHITECTURES: Readonly<Record<string, TextFacts>> = {
  // Vicuna, LLaMA 2 and 3, and Yi are all of this one.
  llama: {
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      intermediate_size: 11008,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: null,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-6,
      bos_token_id: 1,
      eos_token_id: 2,
    },
    qkvBias: 'config',
    outputBias: 'config',
    mlpBias: 'config',
    window: 'none',
    defaultWindow: null,
  },
  mistral: {
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      max_position_embeddings: 131072,
      rms_norm_eps: 1e-6,
      bos_token_id: 1,
      eos_token_id: 2,
    },
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    window: 'all',
    defaultWindow: 4096,
  },
  qwen2: {
    defaults: {
      vocab_size: 151936,
      hidden_size: 4096,
      intermediate_size: 22016,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 32,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      bos_token_id: null,
      eos_token_id: null,
    },
    qkvBias: true,
    outputBias: false,
    mlpBias: false,
    window: 'upper',
    defaultWindow: 4096,
  },
}

/** No model has nearly as many blocks: a larger count is damage, and would fill the memory with names before it is noticed. */
export const MAX_LAYERS = 1000

export type Activation = 'quick_gelu' | 'gelu' | 'gelu_tanh'

/** Spellings of `hidden_act` and `projector_hidden_act`. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  quick_gelu: 'quick_gelu',
  gelu: 'gelu',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
}

export interface VisionFacts {
  readonly defaults: {
    readonly hidden_size: number
    readonly intermediate_size: number
    readonly num_hidden_layers: number
    readonly num_attention_heads: number
    readonly image_size: number
    readonly patch_size: number
    readonly hidden_act: string
    readonly layer_norm_eps: number
  }
  /** A learned row in front of the patches. */
  readonly classRow: boolean
  readonly patchBias: boolean
  /** A norm between the embeddings and the first block (spelled pre_layrnorm in the weights). */
  readonly normBefore: boolean
}

export const VISION_ARCHITECTURES: Readonly<Record<string, VisionFacts>> = {
  clip_vision_model: {
    defaults: {
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      image_size: 224,
      patch_size: 32,
      hidden_act: 'quick_gelu',
      layer_norm_eps: 1e-5,
    },
    classRow: true,
    patchBias: false,
    normBefore: true,
  },
  siglip_vision_model: {
    defaults: {
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      image_size: 224,
      patch_size: 16,
      hidden_act: 'gelu_pytorch_tanh',
      layer_norm_eps: 1e-6,
    },
    classRow: false,
    patchBias: true,
    normBefore: false,
  },
}

const CLIP_LARGE = {
  model_type: 'clip_vision_model',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  patch_size: 14,
}

/** Towers that original checkpoints name without describing them; also what transformers assumes when `vision_config` is absent. */
export const KNOWN_TOWERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'clip-vit-large-patch14': { ...CLIP_LARGE, image_size: 224 },
  'clip-vit-large-patch14-336': { ...CLIP_LARGE, image_size: 336 },
  'siglip-so400m-patch14-384': {
    model_type: 'siglip_vision_model',
    hidden_size: 1152,
    intermediate_size: 4304,
    num_hidden_layers: 27,
    num_attention_heads: 16,
    image_size: 384,
    patch_size: 14,
  },
}

/** A row of one of the tables; a name that every object inherits (`constructor`) is no row. */
export function lookUp<Row>(table: Readonly<Record<string, Row>>, name: string): Row | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
