import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { type AddedToken, AddedTokenFinder } from './added-tokens.js'

type Json = Readonly<Record<string, unknown>>

/** Normaliser, pre-tokenizer and model of a tokenizer.json, without its added tokens: those are cut out before. */
export class TextPipeline {
  readonly #start: HuggingFaceTokenizer
  readonly #middle: HuggingFaceTokenizer
  readonly #idOf: ReadonlyMap<string, number>
  readonly #unknown: number | undefined
  readonly #normalizedTokens: AddedTokenFinder
  readonly #wordStart: RegExp | null

  /** Throws what the tokenizer library throws on a file it cannot use. */
  constructor(tokenizer: Json, config: Json, added: readonly AddedToken[]) {
    const empty = { type: 'BPE', vocab: {}, merges: [] }
    this.#start = new HuggingFaceTokenizer(completed(tokenizer), config)
    this.#middle = new HuggingFaceTokenizer(
      { ...completed(withoutPrefixSpace(tokenizer) as Json), model: empty },
      config,
    )
    const model = this.#start.model!
    this.#idOf = model.tokens_to_ids
    this.#unknown = model.unk_token_id
    this.#wordStart = findWordStart(tokenizer, model.vocab)
    const normalized = added.filter(token => token.normalized)
    this.#normalizedTokens = new AddedTokenFinder(
      normalized.map(token => [this.#start.normalizer?.normalize(token.content) ?? token.content, token]),
    )
  }

  /** Spellings by id; ids without a token are holes. */
  get spellings(): readonly (string | undefined)[] {
    return this.#start.model!.vocab
  }

  get ids(): ReadonlyMap<string, number> {
    return this.#idOf
  }

  /** Ids put before and after a text that stands alone. */
  surround(): { readonly before: string[]; readonly after: string[] } {
    const marker = '\u{10ffff}'
    const tokens = this.#start.post_processor?.post_process([marker], null, true).tokens ?? [marker]
    const at = tokens.indexOf(marker)
    return { before: tokens.slice(0, at), after: tokens.slice(at + 1) }
  }

  /**
   * Ids of text without special tokens. `section` counts the pieces since the string began, which some vocabularies
   * treat apart; null is text that continues other text, with no space of its own in front.
   */
  encode(text: string, section: number | null): number[] {
    const stage = section === null ? this.#middle : this.#start
    const normalized = stage.normalizer === null ? text : stage.normalizer.normalize(text)
    return this.#normalizedTokens
      .split(normalized, () => false)
      .flatMap(piece => {
        if ('token' in piece) return [piece.token.id]
        const options = { section_index: section ?? undefined }
        const stretches = stage.pre_tokenizer?.pre_tokenize(piece.text, options) ?? [piece.text]
        const start = this.#wordStart
        const words = start === null ? stretches : stretches.flatMap((stretch: string) => stretch.split(start))
        return this.#start.model!._call(words).map((token: string) => this.#idOf.get(token) ?? this.#unknown ?? -1)
      })
      .filter(id => id >= 0)
  }
}

/**
 * SentencePiece takes a whole text as one word, which makes a long prompt slow. Where no token holds a space after
 * another character, none can reach into the next word, and cutting before spaces gives the same ids. Null where some
 * token does, or where unknown characters would be fused across words.
 */
function findWordStart(tokenizer: Json, spellings: readonly (string | undefined)[]): RegExp | null {
  const { type, byte_fallback: byteFallback } = tokenizer.model as Json
  const reaches = spellings.some(spelling => spelling !== undefined && /[^▁]▁/.test(spelling))
  return type === 'BPE' && byteFallback === true && !reaches ? /(?<=[^▁])(?=▁)/ : null
}

function completed(tokenizer: Json): Json {
  const absent = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  const stages = { ...absent, ...tokenizer, added_tokens: [] }
  return { ...stages, pre_tokenizer: withPrependScheme(stages.pre_tokenizer) }
}

/** Older files say `add_prefix_space` where newer ones say `prepend_scheme`; the library knows the newer word alone. */
function withPrependScheme(node: unknown): unknown {
  return mapNodes(node, stage =>
    stage.type === 'Metaspace' && stage.prepend_scheme === undefined && stage.add_prefix_space === false
      ? { ...stage, prepend_scheme: 'never' }
      : stage,
  )
}

/** The same file for text in the middle: nothing puts a space in front. */
function withoutPrefixSpace(tokenizer: Json): unknown {
  const change = (stage: Json): Json => {
    if (stage.type === 'Prepend') return { type: 'Sequence', normalizers: [] }
    if (stage.type === 'Metaspace') return { ...stage, prepend_scheme: 'never', add_prefix_space: false }
    return stage.type === 'ByteLevel' ? { ...stage, add_prefix_space: false } : stage
  }
  return {
    ...tokenizer,
    normalizer: mapNodes(tokenizer.normalizer ?? null, change),
    pre_tokenizer: mapNodes(tokenizer.pre_tokenizer ?? null, change),
  }
}

/** Applies `change` to a stage and to the stages of a sequence. */
function mapNodes(node: unknown, change: (stage: Json) => Json): unknown {
  if (typeof node !== 'object' || node === null) return node
  const stage = { ...(node as Json) }
  for (const list of ['normalizers', 'pretokenizers']) {
    const members = stage[list]
    if (Array.isArray(members)) Object.assign(stage, { [list]: members.map(member => mapNodes(member, change)) })
  }
  return change(stage)
}
