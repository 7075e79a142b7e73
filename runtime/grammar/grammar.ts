import type { JsonSchema } from '../protocol/backend.js'
import type { Vocabulary } from '../protocol/vocabulary.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import { ForcedText } from './forced-text.js'
import type { SchemaIssue } from './json-schema/issues.js'
import { JsonValidator, type Violation } from './json-schema/validator.js'
import { MaskCache } from './mask-cache.js'
import { Matcher, type MatcherParts } from './matcher.js'
import { partialValue } from './partial-value.js'
import { MaskMaker } from './token-mask.js'
import { tokenTrieOf } from './token-trie.js'

const sharedMasks = new WeakMap<object, MaskCache>()

export interface GrammarParts {
  readonly store: ExpressionStore
  readonly root: ExpressionId
  readonly issues?: readonly SchemaIssue[]
  /** Needed where there are issues: what a finished text is validated against. */
  readonly schema?: JsonSchema
  /** The value begins after the first of this mark. */
  readonly reasoningEnd?: string
}

/** A compiled constraint over one vocabulary. Its matchers share derivatives and masks, and may be used by turns in any order. */
export class Grammar {
  readonly root: ExpressionId
  readonly store: ExpressionStore
  readonly vocabulary: Vocabulary
  /** Keywords of a JSON schema that the masks leave out; the finished value must be validated when there are any. */
  readonly issues: readonly SchemaIssue[]
  /** What a finished text breaks of its schema, by JSON pointer; null where the masks enforce all of it. */
  readonly validate: ((text: string) => readonly Violation[]) | null
  readonly #parts: MatcherParts

  /** `masks`: where its masks are kept; by default one cache of 64 MB for each vocabulary. */
  constructor(
    { store, root, issues = [], schema, reasoningEnd }: GrammarParts,
    vocabulary: Vocabulary,
    masks?: MaskCache,
  ) {
    const trie = tokenTrieOf(vocabulary)
    let cache = masks ?? sharedMasks.get(trie)
    if (cache === undefined) {
      cache = new MaskCache()
      sharedMasks.set(trie, cache)
    }
    this.root = root
    this.issues = issues
    this.validate = issues.length > 0 && schema !== undefined ? makeValidator(schema, reasoningEnd) : null
    this.store = store
    this.vocabulary = vocabulary
    this.#parts = {
      store,
      root,
      vocabulary,
      trie,
      masks: new MaskMaker(store, trie, vocabulary.stopIds, cache),
      forced: new ForcedText(store, trie, vocabulary),
    }
  }

  /** A fresh matcher at the start of the text. */
  matcher(): Matcher {
    return new Matcher(this.#parts)
  }

  /** Makes the first mask, so that the first token finds it and a grammar that is too complex for it is found out early. */
  warm(): void {
    this.#parts.masks.mask(this.root)
  }

  /** Rough memory held without masks, in bytes; grows as texts visit new states. */
  get byteLength(): number {
    return this.store.bytes
  }

  /** So many states were visited that a new text could meet the budget: compile it again instead of using it for long. */
  get isWorn(): boolean {
    return this.store.size * 2 > this.store.limits.maxExpressions
  }
}

function makeValidator(schema: JsonSchema, reasoningEnd: string | undefined): (text: string) => readonly Violation[] {
  const validator = new JsonValidator(schema)
  return whole => {
    const mark = reasoningEnd === undefined ? -1 : whole.indexOf(reasoningEnd)
    const text = mark < 0 ? whole : whole.slice(mark + reasoningEnd!.length)
    // A text that was cut off by its token budget is no JSON; that is for the finish reason to tell.
    if (!partialValue(text).complete) return []
    return validator.validate(JSON.parse(text))
  }
}
