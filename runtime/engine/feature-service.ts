import type { EngineError } from '../protocol/error.js'
import { toEngineError } from '../protocol/error.js'
import type { FeatureSource } from '../scheduler/scheduler.js'
import type { ImageSpan } from '../scheduler/sequence.js'
import type { FeatureCache, FeatureLease } from '../vision/feature-cache.js'

/** A picture that a waiting or running request shows. */
export interface Picture {
  readonly key: string
  /** Rows of its features. */
  readonly rows: number
  /** Fills the rows from `row` on. */
  encode(row: number): Promise<void>
}

/** One request's interest in its pictures. */
export interface PictureOwner {
  /** One of its pictures could not be encoded. */
  onFailure(error: EngineError): void
  /** Pictures that the encoder ran for on this request's behalf. */
  imageEncodes: number
  /** Pictures whose features were there already or on their way for another request. */
  featureHits: number
}

/**
 * Makes features when they are first needed and keeps them while any request may still need them. A picture is encoded
 * once, however many requests show it at the same time.
 */
export class FeatureService implements FeatureSource {
  readonly #cache: FeatureCache
  readonly #wake: () => void
  readonly #owners = new Map<string, { readonly picture: Picture; readonly owners: PictureOwner[] }>()
  readonly #leases = new Map<ImageSpan, FeatureLease>()
  /** Pictures that there was no room for beside what running requests held. */
  readonly #starved = new Set<string>()
  #encodes = 0
  #running = 0

  /** @param wake called, never from within another call, when a span that could not be acquired may be available. */
  constructor(cache: FeatureCache, wake: () => void) {
    this.#cache = cache
    this.#wake = wake
  }

  /** Runs of the encoder so far, by picture. */
  get encodes(): number {
    return this.#encodes
  }

  get capacity(): number {
    return this.#cache.capacity
  }

  register(picture: Picture, owner: PictureOwner): void {
    const entry = this.#owners.get(picture.key)
    if (entry) entry.owners.push(owner)
    else this.#owners.set(picture.key, { picture, owners: [owner] })
  }

  unregister(key: string, owner: PictureOwner): void {
    const owners = this.#owners.get(key)?.owners
    const at = owners?.indexOf(owner) ?? -1
    if (!owners || at < 0) throw new Error(`features: ${key} is unregistered by a request that does not show it`)
    owners.splice(at, 1)
    if (owners.length > 0) return
    this.#owners.delete(key)
    this.#starved.delete(key)
  }

  /** Starts encoding unless the features are there or on their way. */
  prefetch(key: string, owner: PictureOwner): void {
    if (this.#cache.has(key)) owner.featureHits++
    else this.#start(key)
  }

  acquire(span: ImageSpan): number | null {
    const lease = this.#cache.acquire(span.key)
    if (!lease) {
      this.#start(span.key)
      return null
    }
    if (lease.state !== 'ready') {
      this.#cache.release(lease)
      return null
    }
    this.#leases.set(span, lease)
    return lease.offset
  }

  release(span: ImageSpan): void {
    const lease = this.#leases.get(span)
    if (!lease) throw new Error(`features: ${span.key} is released but was not acquired`)
    this.#leases.delete(span)
    this.#cache.release(lease)
    // Nobody is woken: a scheduler that lets go of a request's first picture because the second is not there yet would
    // wake itself for ever. What was released can only help pictures that found no room, and those are started here.
    for (const key of [...this.#starved]) this.#start(key)
  }

  clear(): void {
    this.#cache.clear()
  }

  /** Throws when leases, owners and rows disagree; `idle` also demands that no request holds anything. */
  checkIntegrity(idle: boolean): void {
    this.#cache.checkIntegrity()
    if (!idle) return
    if (this.#leases.size > 0) throw new Error(`features: ${this.#leases.size} leases are held while idle`)
    if (this.#owners.size > 0) throw new Error(`features: ${this.#owners.size} pictures are registered while idle`)
    if (this.#running === 0 && this.#cache.usage.held > 0) throw new Error('features: rows are held while idle')
  }

  #start(key: string): void {
    const entry = this.#owners.get(key)
    if (!entry) return
    const lease = this.#cache.reserve(key, entry.picture.rows)
    if (!lease) {
      this.#starved.add(key)
      return
    }
    this.#starved.delete(key)
    this.#encodes++
    this.#running++
    const first = entry.owners[0]
    if (first) first.imageEncodes++
    void entry.picture
      .encode(lease.offset)
      .then(
        () => this.#cache.commit(lease),
        (error: unknown) => {
          this.#cache.fail(lease)
          for (const owner of [...(this.#owners.get(key)?.owners ?? [])]) owner.onFailure(toEngineError(error))
        },
      )
      .finally(() => {
        this.#cache.release(lease)
        this.#running--
        this.#wake()
      })
  }
}
