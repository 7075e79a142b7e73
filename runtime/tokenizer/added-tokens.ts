/** A token that is found in the text as a whole, before anything else is cut. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Special tokens are recognised in template text only, and are no part of generated text. */
  readonly special: boolean
  /** Matched after normalisation instead of before. */
  readonly normalized: boolean
  readonly singleWord: boolean
  readonly stripLeft: boolean
  readonly stripRight: boolean
}

/** A piece of a run: an added token, or text between them. */
export type Piece = { readonly token: AddedToken } | { readonly text: string }

interface TrieNode {
  token: AddedToken | null
  readonly next: Map<string, TrieNode>
}

/** Finds added tokens, leftmost first and longest at each place. */
export class AddedTokenFinder {
  readonly #root: TrieNode = { token: null, next: new Map() }

  constructor(tokens: readonly (readonly [spelling: string, token: AddedToken])[]) {
    for (const [spelling, token] of tokens) {
      let node = this.#root
      for (const unit of spelling) {
        let child = node.next.get(unit)
        if (child === undefined) {
          child = { token: null, next: new Map() }
          node.next.set(unit, child)
        }
        node = child
      }
      if (node !== this.#root) node.token = token
    }
  }

  /**
   * Cuts the text at added tokens. `isTemplate(start, end)` says whether a stretch lies wholly in template text, where
   * alone special tokens count. Whitespace goes with tokens that strip it.
   */
  split(text: string, isTemplate: (start: number, end: number) => boolean): Piece[] {
    const pieces: Piece[] = []
    let start = 0
    for (let at = 0; at < text.length; ) {
      const match = this.#longest(text, at, isTemplate)
      if (match === null) {
        at++
        continue
      }
      const before = text.slice(start, at)
      pushText(pieces, match.token.stripLeft ? before.trimEnd() : before)
      pieces.push({ token: match.token })
      at = match.end
      if (match.token.stripRight) at = text.length - text.slice(at).trimStart().length
      start = at
    }
    pushText(pieces, text.slice(start))
    return pieces
  }

  #longest(text: string, start: number, isTemplate: (start: number, end: number) => boolean) {
    let node = this.#root
    let found: { token: AddedToken; end: number } | null = null
    for (let end = start; end < text.length; ) {
      const unit = String.fromCodePoint(text.codePointAt(end)!)
      const child = node.next.get(unit)
      if (child === undefined) break
      node = child
      end += unit.length
      const { token } = node
      if (token === null || (token.special && !isTemplate(start, end))) continue
      if (token.singleWord && (isWord(text[start - 1]) || isWord(text[end]))) continue
      found = { token, end }
    }
    return found
  }
}

function pushText(pieces: Piece[], text: string): void {
  if (text !== '') pieces.push({ text })
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character)
}

type Entry = Readonly<Record<string, unknown>>

/** The added tokens of a checkpoint. Tokens that either file calls special are special, and so is the image token. */
export function readAddedTokens(tokenizer: Entry, config: Entry, imageTokenId: number): AddedToken[] {
  const decoder = Object.entries((config.added_tokens_decoder ?? {}) as Record<string, Entry>)
  const flagged = new Set(decoder.filter(([, token]) => token.special === true).map(([id]) => Number(id)))
  const fields = ['bos_token', 'eos_token', 'pad_token', 'unk_token', 'image_token']
  const named = new Set(fields.map(field => contentOf(config[field])))
  return listTokens(tokenizer, decoder, named).map(token => {
    const id = Number(token.id)
    const content = String(token.content)
    const special = token.special === true || flagged.has(id) || named.has(content) || id === imageTokenId
    return {
      id,
      content,
      special,
      // Special tokens are matched as written: their places are known only before normalisation.
      normalized: token.normalized === true && !special,
      singleWord: token.single_word === true,
      stripLeft: token.lstrip === true,
      stripRight: token.rstrip === true,
    }
  })
}

/** Those of tokenizer.json, and those that only the configuration lists or names: its own loader adds them too. */
function listTokens(tokenizer: Entry, decoder: [string, Entry][], named: ReadonlySet<string | null>): Entry[] {
  const tokens = [...((tokenizer.added_tokens ?? []) as Entry[])]
  const isNew = (content: unknown) => !tokens.some(token => token.content === content)
  for (const [id, token] of decoder) if (isNew(token.content)) tokens.push({ ...token, id: Number(id) })
  const vocabulary = ((tokenizer.model ?? {}) as { vocab?: Entry }).vocab ?? {}
  for (const content of named) {
    const id = content === null ? undefined : vocabulary[content]
    if (typeof id === 'number' && isNew(content)) tokens.push({ id, content })
  }
  return tokens
}

/** A token field is its text, or an object that holds it. */
export function contentOf(field: unknown): string | null {
  if (typeof field === 'string') return field
  if (typeof field !== 'object' || field === null) return null
  const { content } = field as { content?: unknown }
  return typeof content === 'string' ? content : null
}
