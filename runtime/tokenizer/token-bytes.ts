/** How a token's spelling in the vocabulary stands for bytes of text. */
export type Spelling = 'byte-level' | 'metaspace' | 'word-piece'

type Node = Readonly<Record<string, unknown>>

const METASPACE = '▁'

/** The spelling that a tokenizer.json decoder undoes, or null for one that is not known. */
export function spellingOf(decoder: unknown): Spelling | null {
  const types = decoderTypes(decoder)
  if (types.includes('ByteLevel')) return 'byte-level'
  if (types.includes('WordPiece')) return 'word-piece'
  const replacesMetaspace = JSON.stringify(decoder ?? null).includes(METASPACE)
  return types.includes('Metaspace') || (types.includes('Replace') && replacesMetaspace) ? 'metaspace' : null
}

function decoderTypes(decoder: unknown): string[] {
  if (typeof decoder !== 'object' || decoder === null) return []
  const { type, decoders } = decoder as Node
  return [String(type), ...(Array.isArray(decoders) ? decoders.flatMap(decoderTypes) : [])]
}

/** Exact bytes of a token that is not an added one. */
export function spelledBytes(token: string, spelling: Spelling): Uint8Array {
  if (spelling === 'byte-level') return Uint8Array.from([...token].flatMap(byteLevelBytes))
  if (spelling === 'word-piece') return Buffer.from(token.startsWith('##') ? token.slice(2) : ` ${token}`)
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token)
  return byte === null ? Buffer.from(token.replaceAll(METASPACE, ' ')) : Uint8Array.of(Number.parseInt(byte[1]!, 16))
}

/** A character outside the map stands for itself: such tokens exist only by mistake and cost nothing. */
function byteLevelBytes(character: string): number[] {
  const byte = BYTE_OF.get(character)
  return byte === undefined ? [...Buffer.from(character)] : [byte]
}

/**
 * Byte-level vocabularies are printable: a byte that is a visible Latin-1 character is spelled by it, the others in
 * order by the characters from U+0100 on.
 */
const BYTE_OF: ReadonlyMap<string, number> = (() => {
  const visible = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  const map = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) map.set(String.fromCodePoint(visible(byte) ? byte : next++), byte)
  return map
})()
