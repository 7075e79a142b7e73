import { createHash } from 'node:crypto'
import { EngineError } from '../protocol/error.js'
import type { PromptSegment } from '../protocol/segment.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import { type AddedToken, AddedTokenFinder, contentOf, readAddedTokens } from './added-tokens.js'
import { TextPipeline } from './pipeline.js'
import { type Spelling, spelledBytes, spellingOf } from './token-bytes.js'

type Json = Readonly<Record<string, unknown>>

/** What the tokenizer must know of the checkpoint beside its own two files. */
export interface TokenizerFacts {
  readonly path: string
  readonly imageTokenId: number
  /** Only of models that take video. */
  readonly videoTokenId?: number
  readonly eosIds: readonly number[]
  /** Text after a picture is cut as if it began a string, as the first authors' code did. Default false: as tokenizer.json says. */
  readonly freshAfterImage?: boolean
}

export interface EncodeOptions {
  /** Put the ids around the text that the checkpoint wants (start of sequence). Default true. */
  readonly addSpecialTokens?: boolean
  /** Recognise special tokens in the text. Default false: a user's text never becomes one. */
  readonly allowSpecial?: boolean
}

/** A prompt in ids. Each picture is one id, the image token's, at the positions listed in order. */
export interface EncodedPrompt {
  readonly ids: number[]
  readonly imagePositions: number[]
}

const TURN_ENDS = ['<|im_end|>', '<|eot_id|>', '<end_of_turn>']

/** Throws MODEL_CORRUPT when the file is no tokenizer, MODEL_UNSUPPORTED when it is of a kind that is not known. */
export function loadTokenizer(tokenizer: Json, config: Json | null, facts: TokenizerFacts): Tokenizer {
  if (typeof tokenizer.model !== 'object' || tokenizer.model === null) {
    throw new EngineError('MODEL_CORRUPT', { path: facts.path, what: 'tokenizer.json has no "model".' })
  }
  const spelling = spellingOf(tokenizer.decoder)
  if (spelling === null) {
    const what = `its tokenizer decodes by ${JSON.stringify(tokenizer.decoder ?? null)}; ByteLevel, Metaspace, Replace of "▁" and WordPiece are known.`
    throw new EngineError('MODEL_UNSUPPORTED', { path: facts.path, what })
  }
  try {
    return new Tokenizer(tokenizer, config ?? {}, facts, spelling)
  } catch (cause) {
    if (EngineError.isInstance(cause)) throw cause
    const what = `its tokenizer.json cannot be used: ${(cause as Error).message}`
    throw new EngineError('MODEL_UNSUPPORTED', { path: facts.path, what }, { cause })
  }
}

export class Tokenizer implements Vocabulary {
  readonly id: string
  readonly size: number
  readonly stopIds: readonly number[]
  /** Bytes of the longest spelling: no token stands for more of a text. */
  readonly longestToken: number
  readonly #facts: TokenizerFacts
  readonly #pipeline: TextPipeline
  readonly #added: ReadonlyMap<number, AddedToken>
  readonly #finder: AddedTokenFinder
  readonly #before: readonly number[]
  readonly #after: readonly number[]
  readonly #bytes: readonly (Uint8Array | null)[]

  constructor(tokenizer: Json, config: Json, facts: TokenizerFacts, spelling: Spelling) {
    const added = readAddedTokens(tokenizer, config, facts.imageTokenId)
    this.#facts = facts
    this.#pipeline = new TextPipeline(tokenizer, config, added)
    this.#added = new Map(added.map(token => [token.id, token]))
    const unnormalized = added.filter(token => !token.normalized)
    this.#finder = new AddedTokenFinder(unnormalized.map(token => [token.content, token]))
    this.id = createHash('sha256')
      .update(JSON.stringify([tokenizer, config]))
      .digest('hex')
      .slice(0, 32)
    const spellings = this.#pipeline.spellings
    this.size = added.reduce((size, token) => Math.max(size, token.id + 1), spellings.length)
    this.#bytes = Array.from({ length: this.size }, (_, id) => this.#bytesOf(id, spellings[id], spelling))

    const longest = this.#bytes.reduce((most, bytes) => Math.max(most, bytes?.length ?? 0), 1)
    this.longestToken = added.reduce((most, { content }) => Math.max(most, content.length), longest)

    const { before, after } = this.#pipeline.surround()
    const start = this.idOf(contentOf(config.bos_token) ?? '')
    const written = before.map(token => this.#known(token))
    this.#before = wantsStart(config, written.length > 0)
      ? written.length > 0
        ? written
        : start === null
          ? []
          : [start]
      : []
    this.#after = after.map(token => this.#known(token))

    const ends = [contentOf(config.eos_token) ?? '', ...TURN_ENDS].map(token => this.idOf(token))
    this.stopIds = [...new Set([...facts.eosIds, ...ends.filter(id => id !== null)])]
    if (this.stopIds.length === 0) {
      throw new EngineError('MODEL_UNSUPPORTED', { path: facts.path, what: 'it names no end-of-sequence token.' })
    }
  }

  bytes(id: number): Uint8Array | null {
    return this.#bytes[id] ?? null
  }

  /** Id of a token by its spelling, special ones included; null when there is none. */
  idOf(token: string): number | null {
    for (const { content, id } of this.#added.values()) if (content === token) return id
    return this.#pipeline.ids.get(token) ?? null
  }

  /** Text of one token for display: bytes that are no whole character show as U+FFFD, special tokens by their names. */
  display(id: number): string {
    const bytes = this.bytes(id)
    return bytes === null ? (this.#added.get(id)?.content ?? '') : Buffer.from(bytes).toString('utf8')
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const kind = options.allowSpecial === true ? 'template' : 'text'
    const { ids } = this.encodeSegments([{ kind, text }], options)
    return options.addSpecialTokens === false ? ids : [...ids, ...this.#after]
  }

  encodeContinuation(text: string): number[] {
    return this.#encodeRun([{ kind: 'text', text }], null)
  }

  /**
   * Ids of a rendered prompt: those that the whole string would have when no user text spells a special token. The cuts
   * are at special tokens of the template, pictures and exact ids, nowhere else. The start-of-sequence ids come first
   * unless the template wrote them itself; end-of-sequence ids are not added.
   */
  encodeSegments(
    segments: readonly PromptSegment[],
    options: Pick<EncodeOptions, 'addSpecialTokens'> = {},
  ): EncodedPrompt {
    const ids: number[] = []
    let run: TextSegment[] = []
    let section: number | null = 0
    const closeRun = () => {
      for (const id of this.#encodeRun(run, section)) ids.push(id)
      run = []
    }
    for (const segment of segments) {
      if (segment.kind === 'template' || segment.kind === 'text') {
        run.push(segment)
        continue
      }
      if (segment.kind === 'tokens' && segment.ids.length === 0) continue
      closeRun()
      if (segment.kind === 'image' || segment.kind === 'video') {
        ids.push(segment.kind === 'image' ? this.#facts.imageTokenId : this.#videoTokenId)
        section = this.#sectionAfterImage
      } else {
        for (const id of segment.ids) ids.push(id)
        section = null
      }
    }
    closeRun()
    const started = this.#before.every((id, at) => ids[at] === id)
    if (options.addSpecialTokens !== false && !started) ids.unshift(...this.#before)
    return { ids, imagePositions: findImages(ids, this.#facts.imageTokenId) }
  }

  #encodeRun(run: readonly TextSegment[], section: number | null): number[] {
    const bounds: { start: number; end: number }[] = []
    let text = ''
    for (const segment of run) {
      const last = bounds.at(-1)
      const end = text.length + segment.text.length
      if (segment.kind === 'template' && last?.end === text.length) last.end = end
      else if (segment.kind === 'template') bounds.push({ start: text.length, end })
      text += segment.text
    }
    const isTemplate = (start: number, end: number) => bounds.some(bound => bound.start <= start && end <= bound.end)
    let at = section
    const ids: number[] = []
    for (const piece of this.#finder.split(text, isTemplate)) {
      if ('token' in piece) {
        ids.push(piece.token.id)
        at = piece.token.id === this.#facts.imageTokenId ? this.#sectionAfterImage : (at ?? 0) + 1
      } else {
        for (const id of this.#pipeline.encode(piece.text, at)) ids.push(id)
        if (at !== null) at++
      }
    }
    return ids
  }

  get #videoTokenId(): number {
    const { videoTokenId } = this.#facts
    if (videoTokenId === undefined) throw new Error('a prompt has a place for a video, and the model takes none')
    return videoTokenId
  }

  get #sectionAfterImage(): number {
    return this.#facts.freshAfterImage === true ? 0 : 1
  }

  #known(token: string): number {
    const id = this.idOf(token)
    if (id === null) throw new Error(`its post-processor adds ${JSON.stringify(token)}, which is no token`)
    return id
  }

  #bytesOf(id: number, spelling: string | undefined, kind: Spelling): Uint8Array | null {
    const added = this.#added.get(id)
    if (added !== undefined) return added.special ? null : Buffer.from(added.content)
    return spelling === undefined ? null : spelledBytes(spelling, kind)
  }
}

type TextSegment = Extract<PromptSegment, { kind: 'template' | 'text' }>

/** For the Llama classes the configuration decides over tokenizer.json, as their own loader does. */
function wantsStart(config: Json, written: boolean): boolean {
  const decides = /^(Code)?Llama/.test(String(config.tokenizer_class)) && typeof config.add_bos_token === 'boolean'
  return decides ? config.add_bos_token === true : written
}

/** Where the image token stands. */
export function findImages(ids: readonly number[], imageTokenId: number): number[] {
  return ids.flatMap((id, position) => (id === imageTokenId ? [position] : []))
}
