/**
 * One internal naming for all layouts in which LLaVA checkpoints come:
 *
 *   text.embed_tokens.weight, text.layers.{i}.*, text.norm.weight, head.weight
 *   vision.embeddings.*, vision.pre_layrnorm.*, vision.encoder.layers.{i}.*
 *   projector.{n}.weight, projector.{n}.bias, newline
 *
 * The part behind the prefix keeps the spelling that all layouts share. Order matters: the first rule that fits wins.
 */
interface NameRule {
  readonly pattern: RegExp
  /** What the match becomes; null leaves the tensor out. */
  readonly becomes: string | ((...match: string[]) => string) | null
}

export const NAME_RULES: readonly NameRule[] = [
  // A stray copy of the connector that video checkpoints of the original code carry.
  { pattern: /^model\.vision_resampler\..*$/, becomes: null },
  // Tables that older transformers stored although they follow from the configuration.
  { pattern: /^.*(?:\.position_ids|\.rotary_emb\.inv_freq)$/, becomes: null },
  // Hugging Face old, new, and the tower with or without its inner `vision_model.`; original code: doubled prefix.
  { pattern: /^(?:model\.)?vision_tower\.(?:vision_tower\.)?(?:vision_model\.)?(.*)$/, becomes: 'vision.$1' },
  { pattern: /^(?:model\.)?multi_modal_projector\.linear_1\.(.*)$/, becomes: 'projector.0.$1' },
  { pattern: /^(?:model\.)?multi_modal_projector\.linear_2\.(.*)$/, becomes: 'projector.1.$1' },
  { pattern: /^(?:model\.)?image_newline$/, becomes: 'newline' },
  { pattern: /^(?:model\.)?language_model\.(?:model\.)?lm_head\.(.*)$/, becomes: 'head.$1' },
  { pattern: /^language_model\.model\.(.*)$/, becomes: 'text.$1' },
  { pattern: /^model\.language_model\.(.*)$/, becomes: 'text.$1' },
  { pattern: /^lm_head\.(.*)$/, becomes: 'head.$1' },
  // The original code: one linear layer, or a Sequential whose even members are the linear layers.
  { pattern: /^model\.mm_projector\.(weight|bias)$/, becomes: 'projector.0.$1' },
  {
    pattern: /^model\.mm_projector\.(\d*[02468])\.(.*)$/,
    becomes: (_, index, rest) => `projector.${Number(index) / 2}.${rest}`,
  },
  { pattern: /^model\.((?:embed_tokens|layers|norm)\..*)$/, becomes: 'text.$1' },
]

/** A CLIP or SigLIP checkpoint beside the model: its tower only. */
export const TOWER_RULES: readonly NameRule[] = [
  { pattern: /^.*\.position_ids$/, becomes: null },
  { pattern: /^vision_model\.(.*)$/, becomes: 'vision.$1' },
  { pattern: /^((?:embeddings|pre_layrnorm|encoder|post_layernorm)\..*)$/, becomes: 'vision.$1' },
]

/** The internal name of a stored tensor, or null for one that no graph needs. */
export function internalName(stored: string, rules: readonly NameRule[]): string | null {
  const rule = rules.find(({ pattern }) => pattern.test(stored))
  if (rule === undefined || rule.becomes === null) return null
  return typeof rule.becomes === 'string'
    ? stored.replace(rule.pattern, rule.becomes)
    : stored.replace(rule.pattern, rule.becomes)
}

/** The names that a checkpoint of the layout may have given to a tensor: what NAME_RULES and TOWER_RULES read, backwards. */
export function storedNames(internal: string, layout: 'hugging-face' | 'original'): readonly string[] {
  const [, part = internal, rest = ''] = /^(text|head|vision|projector\.\d+)\.(.*)$/.exec(internal) ?? []
  const linear = Number(part.split('.')[1] ?? 0)
  const original: Readonly<Record<string, readonly string[]>> = {
    text: [`model.${rest}`],
    head: [`lm_head.${rest}`],
    // The second is that of a tower in a folder of its own.
    vision: [`model.vision_tower.vision_tower.vision_model.${rest}`, `vision_model.${rest}`],
    projector: [`model.mm_projector.${2 * linear}.${rest}`, ...(linear === 0 ? [`model.mm_projector.${rest}`] : [])],
    newline: ['model.image_newline'],
  }
  const current: Readonly<Record<string, readonly string[]>> = {
    text: [`language_model.model.${rest}`, `model.language_model.${rest}`],
    head: [`language_model.lm_head.${rest}`, `lm_head.${rest}`],
    vision: ['vision_tower.vision_model.', 'model.vision_tower.vision_model.', 'model.vision_tower.'].map(
      at => at + rest,
    ),
    projector: ['', 'model.'].map(at => `${at}multi_modal_projector.linear_${linear + 1}.${rest}`),
    newline: ['image_newline', 'model.image_newline'],
  }
  return (layout === 'original' ? original : current)[part.split('.')[0]!] ?? [internal]
}
