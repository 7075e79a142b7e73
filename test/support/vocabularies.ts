import { createHash } from 'node:crypto'
import type { Vocabulary } from '../../runtime/protocol/vocabulary.js'

/** A vocabulary of these byte strings; null stands for a special token. Text is cut by longest match. */
export function makeVocabulary(
  tokens: readonly (Uint8Array | string | null)[],
  stopIds: readonly number[],
): Vocabulary {
  const bytes = tokens.map(token => (typeof token === 'string' ? Buffer.from(token) : token))
  const ids = new Map<string, number>()
  const digest = createHash('sha256')
  let longest = 0
  bytes.forEach((token, id) => {
    digest.update(token === null ? 'special' : `${token.length}:`).update(token ?? '')
    if (token === null || token.length === 0) return
    const text = Buffer.from(token).toString('latin1')
    if (!ids.has(text)) ids.set(text, id)
    longest = Math.max(longest, token.length)
  })
  return {
    size: tokens.length,
    id: digest.update(stopIds.join()).digest('hex').slice(0, 32),
    bytes: id => bytes[id] ?? null,
    stopIds,
    encodeContinuation: text => cutGreedily(Buffer.from(text).toString('latin1'), ids, longest),
  }
}

function cutGreedily(text: string, ids: ReadonlyMap<string, number>, longest: number): number[] {
  const result: number[] = []
  for (let at = 0; at < text.length; ) {
    let length = Math.min(longest, text.length - at)
    while (length > 0 && !ids.has(text.slice(at, at + length))) length--
    if (length === 0) throw new Error(`the vocabulary has no token for byte ${text.charCodeAt(at)}`)
    result.push(ids.get(text.slice(at, at + length))!)
    at += length
  }
  return result
}

export function everyByte(): Uint8Array[] {
  return Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
}

/** 256 bytes, then the stop token 256. */
export const byteVocabulary: Vocabulary = makeVocabulary([...everyByte(), null], [256])

/** A small linear congruential generator: the same numbers everywhere. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const PIECES = [
  '"',
  '":',
  '":"',
  '","',
  '",',
  '{"',
  '"}',
  '"}}',
  '[',
  ']',
  '],',
  '{}',
  '[]',
  '}',
  '{',
  ': ',
  ', ',
  '\n',
  '  ',
  '    ',
  'true',
  'false',
  'null',
  'name',
  'total',
  'date',
  'id',
  'value',
  'price',
  'the',
  ' the',
  'ing',
  'er',
  ' a',
  'tion',
  '0',
  '00',
  '000',
  '1',
  '12',
  '123',
  '2024',
  '-',
  '.',
  'e',
  'E+',
  '\\',
  '\\"',
  '\\n',
  '\\u',
  'd83d',
  '\\ud83d',
  'a',
  'b',
  'ab',
  'é',
  'ü',
  '世',
  '世界',
  '😀',
  'я',
  'при',
  '(',
  ')',
  '((',
  '))',
  'x',
  'xx',
  '+',
  '*',
  '<',
  '</',
  '<tool',
  '>',
  'think',
]

/**
 * Every byte, common pieces of JSON, some of them twice, broken characters, and made-up words up to `size`; two stop
 * ids and a special token that must never be produced by text.
 */
export function syntheticVocabulary(size: number, seed = 1): Vocabulary {
  const random = makeRandom(seed)
  const pick = (text: string) => text[Math.floor(random() * text.length)]!
  const tokens: (Uint8Array | string | null)[] = [
    null,
    null,
    ...everyByte(),
    ...PIECES,
    'ab',
    '"',
    Uint8Array.of(0xe4, 0xb8),
    Uint8Array.of(0x96, 0x22),
  ]
  const seen = new Set<string>()
  while (tokens.length < size - 1) {
    const length = 1 + Math.floor(random() * random() * 10)
    let word = random() < 0.45 ? ' ' : random() < 0.05 ? pick('"{[,:(<._-') : ''
    for (let index = 0; index < length; index++)
      word += pick(random() < 0.9 ? 'etaoinshrdlucmfwypvbgkqjxz' : 'ETAOINSRDL0123456789éüя世')
    if (random() < 0.03) word += pick('",.:})]')
    if (seen.has(word)) continue
    seen.add(word)
    tokens.push(word)
  }
  tokens.push(null)
  return makeVocabulary(tokens, [1, tokens.length - 1])
}
