import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** Digest of all that turns a picture's bytes into features, besides the bytes: spec (plain data) and model. 32 hex digits. */
export function specFingerprint(spec: object, modelFingerprint: string): string {
  const fields = Object.entries(spec).sort(([left], [right]) => (left < right ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([modelFingerprint, fields]))
    .digest('hex')
    .slice(0, 32)
}

/** 128-bit key of a picture's features: equal encoded bytes under an equal fingerprint have equal features. 32 hex digits. */
export function imageKey(bytes: Uint8Array, fingerprint: string): string {
  return createHash('sha256').update(`${fingerprint}\n`).update(bytes).digest('hex').slice(0, 32)
}

/**
 * Gives each 128-bit key a small positive integer, for places that compare many of them. An integer is never used for
 * a second key: a key that was evicted gets a new one, so that what was stored under the old is lost and never wrong.
 */
export class ImageKeyTable {
  readonly #numbers: LRUCache<string, number>
  #next = 1

  /** At most `capacity` keys are remembered; the least recently asked for goes first. */
  constructor(capacity = 65_536) {
    this.#numbers = new LRUCache({ max: capacity })
  }

  /** The key's number; the same as last time unless the key was evicted in between. */
  intern(key: string): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#next++
    this.#numbers.set(key, number)
    return number
  }

  get size(): number {
    return this.#numbers.size
  }
}
