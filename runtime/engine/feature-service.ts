import type { EngineError } from '../protocol/error.js'
import { toEngineError } from '../protocol/error.js'
import type { FeatureSource } from '../scheduler/feature-pins.js'
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

/** The request whose pictures are kept while the rest of them is made. */
interface Turn {
  readonly holder: object
  /** What the holder asked for last. */
  readonly spans: readonly ImageSpan[]
  readonly leases: Map<ImageSpan, FeatureLease>
  /** Times that others asked since the holder did. */
  overlooked: number
}

/** A holder that the scheduler passes over (for requests of higher priority, say) loses the turn after so many others asked. */
const PATIENCE = 256

/**
 * Makes features when they are first needed and keeps them while any request may still need them. A picture is encoded
 * once, however many requests show it at the same time.
 *
 * Requests that wait for more features than there is room for would evict each other's for ever. So one of them has the
 * turn: what it has is held, and it alone evicts to make what it lacks, until it has all.
 */
export class FeatureService implements FeatureSource {
  readonly #cache: FeatureCache
  readonly #wake: () => void
  readonly #owners = new Map<string, { readonly picture: Picture; readonly owners: PictureOwner[] }>()
  readonly #leases = new Map<ImageSpan, FeatureLease>()
  /** Pictures that there was no room for beside what running requests held. */
  readonly #starved = new Set<string>()
  #turn: Turn | null = null
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
    this.#endTurn(key)
    if (owners.length > 0) return
    this.#owners.delete(key)
    this.#starved.delete(key)
  }

  /** Starts encoding unless the features are there or on their way. */
  prefetch(key: string, owner: PictureOwner): void {
    if (this.#cache.has(key)) owner.featureHits++
    else this.#start(key)
  }

  /** As `acquireAll` of one span. */
  acquire(span: ImageSpan): number | null {
    return this.acquireAll([span], span)?.[0] ?? null
  }

  acquireAll(spans: readonly ImageSpan[], holder: object): readonly number[] | null {
    const mine = this.#turn?.holder === holder
    if (this.#turn && !mine && ++this.#turn.overlooked > PATIENCE) this.#dropTurn()
    const mayEvict = mine || this.#turn === null
    const leases = mine ? this.#turn!.leases : new Map<ImageSpan, FeatureLease>()
    this.#makeAll(spans, leases, mayEvict)
    if (mayEvict && leases.size < spans.length && this.#running === 0 && this.#leases.size === 0) {
      // Nobody else holds anything, so the room is there and merely in pieces.
      this.#letGo(leases)
      this.#cache.clear()
      this.#makeAll(spans, leases, true)
    }
    if (spans.some(span => leases.get(span)?.state !== 'ready')) {
      if (mayEvict) this.#turn = { holder, spans, leases, overlooked: 0 }
      else this.#letGo(leases)
      return null
    }
    if (mine) this.#turn = null
    for (const span of spans) this.#leases.set(span, leases.get(span)!)
    return spans.map(span => leases.get(span)!.offset)
  }

  release(span: ImageSpan): void {
    const lease = this.#leases.get(span)
    if (!lease) throw new Error(`features: ${span.key} is released but was not acquired`)
    this.#leases.delete(span)
    this.#cache.release(lease)
    // Nobody is woken: whoever lets go is about to run. What was released can only help pictures that found no room, and
    // those are started here.
    for (const key of [...this.#starved]) this.#start(key)
  }

  clear(): void {
    this.#dropTurn()
    this.#cache.clear()
  }

  /** Throws when leases, owners and rows disagree; `idle` also demands that no request holds anything. */
  checkIntegrity(idle: boolean): void {
    this.#cache.checkIntegrity()
    if (!idle) return
    if (this.#leases.size > 0) throw new Error(`features: ${this.#leases.size} leases are held while idle`)
    if (this.#turn) throw new Error('features: a request has the turn while idle')
    if (this.#owners.size > 0) throw new Error(`features: ${this.#owners.size} pictures are registered while idle`)
    if (this.#running === 0 && this.#cache.usage.held > 0) throw new Error('features: rows are held while idle')
  }

  /** Holds what is there, then starts what is not: a start may evict what nobody holds. */
  #makeAll(spans: readonly ImageSpan[], leases: Map<ImageSpan, FeatureLease>, mayEvict: boolean): void {
    for (const [span, lease] of leases) {
      if (lease.state === 'failed' || !spans.includes(span)) {
        this.#cache.release(lease)
        leases.delete(span)
      }
    }
    const hold = (span: ImageSpan): void => {
      const lease = leases.has(span) ? null : this.#cache.acquire(span.key)
      if (lease) leases.set(span, lease)
    }
    spans.forEach(hold)
    for (const span of spans) {
      if (leases.has(span)) continue
      if (!this.#cache.has(span.key)) this.#start(span.key, mayEvict)
      hold(span)
    }
  }

  #letGo(leases: Map<ImageSpan, FeatureLease>): void {
    for (const lease of leases.values()) this.#cache.release(lease)
    leases.clear()
  }

  /** When a request ends that shows the picture: if the turn was another's, that one takes it up again. */
  #endTurn(key: string): void {
    if (!this.#turn?.spans.some(span => span.key === key)) return
    this.#dropTurn()
  }

  #dropTurn(): void {
    if (!this.#turn) return
    this.#letGo(this.#turn.leases)
    this.#turn = null
    // What others lack may have waited for the turn alone.
    queueMicrotask(this.#wake)
  }

  #start(key: string, mayEvict = true): void {
    const entry = this.#owners.get(key)
    if (!entry) return
    const lease = this.#cache.reserve(key, entry.picture.rows, mayEvict)
    if (!lease) {
      if (mayEvict) this.#starved.add(key)
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
