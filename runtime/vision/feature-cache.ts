import { LRUCache } from 'lru-cache'
import { RowArena, type RowRange } from './row-arena.js'

type EntryState = 'pending' | 'ready' | 'failed'

interface Entry extends RowRange {
  readonly key: string
  state: EntryState
  pins: number
}

/**
 * A hold on one picture's rows: while it lasts they are neither moved nor evicted. `state` follows the entry: `pending`
 * until whoever reserved it commits (the rows are not written yet), `failed` after it gave up (the rows are gone).
 */
export interface FeatureLease extends RowRange {
  readonly key: string
  readonly state: EntryState
}

/**
 * Encoded pictures in a fixed arena of feature rows, least recently used out first. The first to ask for a key reserves
 * it and encodes; whoever asks meanwhile gets a lease on the same pending entry and waits for its state to change, so
 * that a picture is encoded once however many requests show it. A pure data structure: it never touches the rows.
 */
export class FeatureCache {
  readonly #arena: RowArena
  readonly #entries = new Map<string, Entry>()
  /** Ready entries that nobody holds, by recency: the only ones that may be evicted. */
  readonly #idle: LRUCache<string, Entry>
  readonly #held = new Map<FeatureLease, Entry>()

  /** `capacity` in rows of the features region. */
  constructor(capacity: number) {
    this.#arena = new RowArena(capacity)
    this.#idle = new LRUCache({ maxSize: Math.max(1, capacity), sizeCalculation: entry => entry.rows })
  }

  /** Bytes a budget allows, as rows of `rowBytes` each. */
  static withBudget(budgetBytes: number, rowBytes: number): FeatureCache {
    return new FeatureCache(Math.floor(budgetBytes / rowBytes))
  }

  get capacity(): number {
    return this.#arena.capacity
  }

  /** Rows by state; they add up to the capacity. */
  get usage(): { readonly free: number; readonly idle: number; readonly held: number } {
    const free = this.#arena.freeRows
    const idle = this.#idle.calculatedSize
    return { free, idle, held: this.capacity - free - idle }
  }

  /** Whether the key is encoded or being encoded. Holds nothing and does not count as use. */
  has(key: string): boolean {
    return this.#entries.has(key)
  }

  /** A lease on a pending or ready entry; null when the key is unknown and must be reserved. Ends with `release`. */
  acquire(key: string): FeatureLease | null {
    const entry = this.#entries.get(key)
    return entry === undefined ? null : this.#hold(entry)
  }

  /**
   * A pending entry for a key that is not there, evicting idle ones as far as needed. The caller writes the rows, then
   * calls `commit` or `fail`, and `release` in either case. null, and nothing evicted, when held rows leave no gap of
   * that length; without `mayEvict`, when it would take an eviction. Throws when the key is there already.
   */
  reserve(key: string, rows: number, mayEvict = true): FeatureLease | null {
    if (this.#entries.has(key)) throw new Error(`features of ${key} are reserved already`)
    if (!Number.isSafeInteger(rows) || rows < 1) throw new Error(`${rows} rows cannot be reserved`)
    if (this.#longestReachable() < rows) return null
    let offset = this.#arena.take(rows)
    if (offset === null && !mayEvict) return null
    while (offset === null) {
      this.#evictOne()
      offset = this.#arena.take(rows)
    }
    const entry: Entry = { key, offset, rows, state: 'pending', pins: 0 }
    this.#entries.set(key, entry)
    return this.#hold(entry)
  }

  /** The rows are written: all leases on the entry turn ready. */
  commit(lease: FeatureLease): void {
    this.#pendingOf(lease).state = 'ready'
  }

  /** The rows will not be written: all leases on the entry turn failed and the key is unknown again. The rows return with the last release. */
  fail(lease: FeatureLease): void {
    const entry = this.#pendingOf(lease)
    entry.state = 'failed'
    this.#entries.delete(entry.key)
  }

  /** Ends a lease. The last one on a ready entry leaves it cached and evictable. Throws on a second release. */
  release(lease: FeatureLease): void {
    const entry = this.#entryOf(lease)
    if (entry.state === 'pending' && entry.pins === 1) {
      throw new Error(`features of ${entry.key} are still pending; commit or fail comes before the last release`)
    }
    this.#held.delete(lease)
    entry.pins--
    if (entry.pins > 0) return
    if (entry.state === 'ready') this.#idle.set(entry.key, entry)
    else this.#arena.give(entry)
  }

  /** Drops all idle entries. */
  clear(): void {
    while (this.#idle.size > 0) this.#evictOne()
  }

  /** Throws when free, idle and held rows overlap or do not add up, or pins do not match leases. */
  checkIntegrity(): void {
    const pins = new Map<Entry, number>()
    for (const entry of this.#held.values()) pins.set(entry, (pins.get(entry) ?? 0) + 1)
    const all = new Set([...this.#entries.values(), ...pins.keys()])
    for (const entry of all) {
      const leases = pins.get(entry) ?? 0
      if (entry.pins !== leases) throw new Error(`${entry.key} counts ${entry.pins} pins and has ${leases} leases`)
      const idle = this.#idle.peek(entry.key) === entry
      if (idle !== (leases === 0)) throw new Error(`${entry.key} has ${leases} leases and is ${idle ? '' : 'not '}idle`)
      if (idle && entry.state !== 'ready') throw new Error(`${entry.key} is idle and ${entry.state}`)
    }
    if (this.#idle.size > all.size) throw new Error('an idle entry is not in the table')
    let end = 0
    const ranges = [...this.#arena.freeRanges, ...all].sort((left, right) => left.offset - right.offset)
    for (const { offset, rows } of ranges) {
      if (offset !== end)
        throw new Error(`rows from ${Math.min(offset, end)} on are ${offset < end ? 'used twice' : 'lost'}`)
      end = offset + rows
    }
    if (end !== this.capacity) throw new Error(`${end} of ${this.capacity} rows are accounted for`)
  }

  #hold(entry: Entry): FeatureLease {
    this.#idle.delete(entry.key)
    entry.pins++
    const lease: FeatureLease = {
      key: entry.key,
      offset: entry.offset,
      rows: entry.rows,
      get state() {
        return entry.state
      },
    }
    this.#held.set(lease, entry)
    return lease
  }

  #entryOf(lease: FeatureLease): Entry {
    const entry = this.#held.get(lease)
    if (entry === undefined) throw new Error(`the lease on ${lease.key} was released before`)
    return entry
  }

  #pendingOf(lease: FeatureLease): Entry {
    const entry = this.#entryOf(lease)
    if (entry.state !== 'pending') throw new Error(`features of ${entry.key} are ${entry.state}, not pending`)
    return entry
  }

  #evictOne(): void {
    const entry = this.#idle.pop()
    if (entry === undefined) throw new Error('nothing is left to evict')
    this.#entries.delete(entry.key)
    this.#arena.give(entry)
  }

  /** The longest gap there would be with every idle entry gone. */
  #longestReachable(): number {
    const held = [...new Set(this.#held.values())].sort((left, right) => left.offset - right.offset)
    let longest = 0
    let end = 0
    for (const entry of held) {
      longest = Math.max(longest, entry.offset - end)
      end = entry.offset + entry.rows
    }
    return Math.max(longest, this.capacity - end)
  }
}
