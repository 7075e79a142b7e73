import type { ExpressionId, ExpressionStore } from './expression.js'
import { JsonLayout, type Whitespace } from './json-layout.js'
import { numberText } from './json-number.js'
import { complementRanges, type Range } from './utf8-ranges.js'

export { JsonLayout, type Whitespace } from './json-layout.js'

/** Code points that stand in a JSON string only as an escape (RFC 8259 section 7). */
export const ESCAPED_ONLY: readonly Range[] = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]

/**
 * The pieces of JSON text (RFC 8259) as expressions of one store. Strings are exact: every escape, every character,
 * well-formed UTF-8. Escaped surrogates must come in pairs; a lone one has no meaning in Unicode and is refused.
 */
export class JsonText {
  readonly layout: JsonLayout
  readonly quote: ExpressionId
  /** One character that stands for itself. */
  readonly plainCharacter: ExpressionId
  /** One character written as an escape; a pair of escaped surrogates is one character. */
  readonly escape: ExpressionId
  /** Either of them: one character (code point) of a string, as lengths count. */
  readonly character: ExpressionId
  readonly digit: ExpressionId
  /** Any number that a double can hold: see number-language.ts. */
  readonly number: ExpressionId
  readonly #store: ExpressionStore
  readonly #values = new Map<number, ExpressionId>()

  constructor(store: ExpressionStore, whitespace: Whitespace = 'compact') {
    this.#store = store
    this.layout = new JsonLayout(store, whitespace)
    this.quote = store.literal('"')
    this.plainCharacter = store.codePoints(complementRanges(ESCAPED_ONLY))
    this.escape = makeEscape(store)
    this.character = store.choice([this.plainCharacter, this.escape])
    store.markStringCharacter(this.character)
    this.digit = store.byteClass([[0x30, 0x39]])
    this.number = numberText(store)
  }

  /** A string of `min` to `max` characters, quotes included. */
  string(min = 0, max = Number.POSITIVE_INFINITY): ExpressionId {
    return this.#store.sequence(this.quote, this.#store.repeat(this.character, min, max), this.quote)
  }

  keyword(name: 'true' | 'false' | 'null'): ExpressionId {
    return this.#store.literal(name)
  }

  boolean(): ExpressionId {
    return this.#store.choice([this.keyword('true'), this.keyword('false')])
  }

  /** Any JSON value, to any nesting depth. `depth` is where it stands, which only the indented layout minds. */
  value(depth = 0): ExpressionId {
    const key = this.layout.depthKey(depth)
    let id = this.#values.get(key)
    if (id === undefined) {
      // Each depth of the indented layout is a rule of its own, without end: none may be looked at ahead of time.
      const options = this.layout.usesDepth ? { nonEmpty: true, minLength: 1 } : {}
      id = this.#store.rule('any JSON', () => this.#defineValue(depth), options)
      this.#values.set(key, id)
    }
    return id
  }

  object(depth = 0): ExpressionId {
    const member = this.#store.sequence(this.string(), this.layout.colon, this.value(depth + 1))
    return this.#store.choice([this.layout.emptyObject, this.list('{', member, '}', depth)])
  }

  array(depth = 0): ExpressionId {
    return this.#store.choice([this.layout.emptyArray, this.list('[', this.value(depth + 1), ']', depth)])
  }

  /** `min` (at least one) to `max` members between marks, with commas. */
  list(
    open: '{' | '[',
    member: ExpressionId,
    close: '}' | ']',
    depth: number,
    min = 1,
    max = Number.POSITIVE_INFINITY,
  ): ExpressionId {
    const store = this.#store
    const more = store.repeat(store.sequence(this.layout.comma(depth), member), min - 1, max - 1)
    return store.sequence(this.layout.open(open, depth), member, more, this.layout.close(close, depth))
  }

  #defineValue(depth: number): ExpressionId {
    return this.#store.choice([
      this.string(),
      this.number,
      this.boolean(),
      this.keyword('null'),
      this.object(depth),
      this.array(depth),
    ])
  }
}

function makeEscape(store: ExpressionStore): ExpressionId {
  const hex = store.byteClass([
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ])
  const d = oneOf(store, 'dD')
  const hex2 = store.sequence(hex, hex)
  const notSurrogate = store.choice([
    store.sequence(
      store.byteClass([
        [0x30, 0x39],
        [0x41, 0x43],
        [0x45, 0x46],
        [0x61, 0x63],
        [0x65, 0x66],
      ]),
      hex,
      hex2,
    ),
    store.sequence(d, store.byteClass([[0x30, 0x37]]), hex2),
  ])
  const pair = store.sequence(d, oneOf(store, '89abAB'), hex2, store.literal('\\u'), d, oneOf(store, 'cdefCDEF'), hex2)
  const code = store.sequence(store.literal('u'), store.choice([notSurrogate, pair]))
  return store.sequence(store.literal('\\'), store.choice([oneOf(store, '"\\/bfnrt'), code]))
}

function oneOf(store: ExpressionStore, characters: string): ExpressionId {
  return store.byteClass([...characters].map(character => [character.charCodeAt(0), character.charCodeAt(0)]))
}
