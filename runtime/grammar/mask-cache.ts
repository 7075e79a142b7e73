import { LRUCache } from 'lru-cache'

/** Which tokens may come next: a sorted list where they are few, a bitmap (bit id & 31 of word id >>> 5) where they are many. */
export type TokenMask =
  | { readonly kind: 'sparse'; readonly ids: Int32Array }
  | { readonly kind: 'dense'; readonly bits: Int32Array; readonly count: number }

/** Masks of all grammars over one vocabulary share one byte-bounded cache, so that many grammars cannot outgrow it. */
export class MaskCache {
  readonly #masks: LRUCache<number, TokenMask>

  constructor(maxBytes = 64 * 2 ** 20) {
    this.#masks = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf })
  }

  get byteLength(): number {
    return this.#masks.calculatedSize
  }

  get(key: number): TokenMask | undefined {
    return this.#masks.get(key)
  }

  set(key: number, mask: TokenMask): void {
    this.#masks.set(key, mask)
  }
}

/** Writes the mask over the whole row; bits past the mask's vocabulary are cleared. */
export function writeMask(mask: TokenMask, row: Int32Array): void {
  if (mask.kind === 'dense') {
    row.set(mask.bits)
    row.fill(0, mask.bits.length)
    return
  }
  row.fill(0)
  for (const id of mask.ids) row[id >>> 5]! |= 1 << (id & 31)
}

export function removeTokens(mask: TokenMask, tokens: readonly number[]): TokenMask {
  if (mask.kind === 'sparse') {
    const removed = new Set(tokens)
    return { kind: 'sparse', ids: mask.ids.filter(id => !removed.has(id)) }
  }
  const bits = mask.bits.slice()
  for (const id of tokens) bits[id >>> 5]! &= ~(1 << (id & 31))
  const count = countBits(bits)
  return count <= bits.length ? { kind: 'sparse', ids: listBits(bits, count) } : { kind: 'dense', bits, count }
}

export function countBits(words: Int32Array): number {
  let count = 0
  for (let index = 0; index < words.length; index++) {
    let word = words[index]!
    if (word === 0) continue
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    count += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

/** Positions of the bits, ascending; `count` of them. */
export function listBits(words: Int32Array, count: number): Int32Array {
  const ids = new Int32Array(count)
  let at = 0
  for (let index = 0; index < words.length; index++) {
    for (let word = words[index]!; word !== 0; word &= word - 1) {
      ids[at++] = index * 32 + 31 - Math.clz32(word & -word)
    }
  }
  return ids
}

function sizeOf(mask: TokenMask): number {
  return 128 + (mask.kind === 'sparse' ? mask.ids.byteLength : mask.bits.byteLength)
}
