import { DistinctValues, type ItemTexts, ROOM, type Scalar } from './distinct-values.js'
import type { ExpressionStore } from './expression.js'
import { EMPTY, type ExpressionId, FAIL, Kind } from './expression-nodes.js'

/** An array of scalars without repetition. All of it is plain data, to be sent from thread to thread. */
export interface DistinctArray {
  readonly prefix: readonly ItemTexts[]
  readonly rest: ItemTexts
  readonly min: number
  readonly max: number
  readonly comma: ExpressionId
  readonly close: ExpressionId
}

/** Where an item stands: in which array, behind how many items, with which values before it (numbers of DistinctValues). */
interface Site {
  readonly array: number
  readonly index: number
  readonly seen: readonly number[]
}

export interface DistinctSnapshot {
  readonly arrays: readonly DistinctArray[]
  readonly sites: readonly Site[]
  readonly values: readonly Scalar[]
  /** For each text but the empty one: the text without its last byte, times 256, and that byte. */
  readonly texts: readonly number[]
}

/** Instead of a text: it was not kept. How many items ended since is told apart as far as it matters. */
const CURRENT = -1
const NEXT = -2
const LATER = -3

/**
 * Of a place that was reached without keeping the text. inside: no further item has begun; ahead: one has, which may
 * still become more values than an array holds; unsure: its value may be taken, or too few are left.
 */
export type Reach = 'inside' | 'ahead' | 'unsure'

/**
 * Arrays whose items must differ. A node of the kind Item is what is left of an item, and of the array behind it; it
 * keeps the item's text, so that the next item can be made without its value. Masks are walked over nodes that have
 * forgotten the text, in which items may repeat those that end within the token; see doubtful-tokens.ts.
 */
export class DistinctItems {
  readonly #store: ExpressionStore
  readonly #values: DistinctValues
  readonly #arrays: DistinctArray[] = []
  readonly #sites: Site[] = []
  readonly #siteIds = new Map<string, number>()
  readonly #texts: number[] = [0]
  readonly #textIds = new Map<number, number>()
  /** Without these, the rest of a text with many choices would be looked through again and again. */
  readonly #reaches = new Map<ExpressionId, Reach>()
  readonly #keeps: (boolean | undefined)[] = []
  /** What follows an item whose text was not kept, where nothing of it has been read. */
  readonly #ends = new Map<ExpressionId, number>()

  constructor(store: ExpressionStore) {
    this.#store = store
    this.#values = new DistinctValues(store)
  }

  get isUsed(): boolean {
    return this.#arrays.length > 0
  }

  get bytes(): number {
    return this.#texts.length * 60 + this.#sites.length * 200
  }

  /** The array from its first item to its end; the caller sees to it that enough values are there for `min`. */
  start(array: DistinctArray): ExpressionId {
    const number = this.#arrays.push(array) - 1
    return this.#item(number, 0, [], 0)
  }

  /** The node has kept the text of an item that may come next: its steps differ from byte to byte. */
  keepsText(id: ExpressionId): boolean {
    if (this.#arrays.length === 0) return false
    const known = this.#keeps[id]
    if (known !== undefined) return known
    const { kinds, first, second, data } = this.#store.nodes
    let keeps = false
    if (kinds[id] === Kind.Item) keeps = second[id]! >= 0
    else if (kinds[id] === Kind.Choice) keeps = (data[id] as readonly number[]).some(member => this.keepsText(member))
    else if (kinds[id] === Kind.Sequence)
      keeps = this.keepsText(first[id]!) || (this.#store.isNullable(first[id]!) && this.keepsText(second[id]!))
    while (this.#keeps.length < id) this.#keeps.push(undefined)
    this.#keeps[id] = keeps
    return keeps
  }

  /** What follows `byte`, for nodes that keep a text. May hold branches without a string. */
  step(id: ExpressionId, byte: number): ExpressionId {
    const store = this.#store
    if (!this.keepsText(id)) return store.derivative(id, byte)
    const { kinds, first, second, third, data } = store.nodes
    if (kinds[id] === Kind.Choice)
      return store.choice((data[id] as readonly number[]).map(member => this.step(member, byte)))
    const [head, rest] = [first[id]!, second[id]!]
    if (kinds[id] === Kind.Sequence) {
      const inside = store.sequence(this.step(head, byte), rest)
      return store.isNullable(head) ? store.choice([inside, this.step(rest, byte)]) : inside
    }
    const site = third[id]!
    const inside = this.#make(store.derivative(head, byte), this.#longer(rest, byte), site)
    if (!store.isNullable(head) || store.derivative(this.#afterAny(CURRENT, site), byte) === FAIL) return inside
    return store.choice([inside, this.step(this.#after(rest, site), byte)])
  }

  /** The same place without the text. */
  forget(id: ExpressionId): ExpressionId {
    if (!this.keepsText(id)) return id
    const store = this.#store
    const { kinds, first, second, third, data } = store.nodes
    if (kinds[id] === Kind.Choice) return store.choice((data[id] as readonly number[]).map(each => this.forget(each)))
    if (kinds[id] === Kind.Sequence) return store.sequence(this.forget(first[id]!), this.forget(second[id]!))
    return this.#make(first[id]!, CURRENT, this.#looseSite(third[id]!))
  }

  /** What is left of an item that took a byte, without its text; `rest` is what is left of its own expression. */
  forgotten(id: ExpressionId, rest: ExpressionId): ExpressionId {
    const { second, third } = this.#store.nodes
    return this.#make(rest, Math.min(second[id]!, CURRENT), this.#looseSite(third[id]!))
  }

  /** What may follow an item without regard to its value. */
  afterForgotten(id: ExpressionId): ExpressionId {
    const { second, third } = this.#store.nodes
    return this.#afterAny(Math.min(second[id]!, CURRENT), third[id]!)
  }

  /** A number that the length of what follows an item is not below. */
  minLengthAfter(id: ExpressionId): number {
    const { array, index } = this.#sites[this.#store.nodes.third[id]!]!
    return Math.max(0, this.#arrays[array]!.min - index - 1) * 2 + 1
  }

  /** `hasRoom` tells whether an unfinished item can still become more values than an array holds. */
  reach(id: ExpressionId, hasRoom: (rest: ExpressionId) => boolean): Reach {
    let reach = this.#reaches.get(id)
    if (reach === undefined) {
      reach = this.#findReach(id, hasRoom)
      this.#reaches.set(id, reach)
    }
    return reach
  }

  #findReach(id: ExpressionId, hasRoom: (rest: ExpressionId) => boolean): Reach {
    const { kinds, first, second, third, data } = this.#store.nodes
    const end = this.#ends.get(id)
    if (end !== undefined) return end === NEXT ? 'inside' : 'unsure'
    if (kinds[id] === Kind.Sequence) {
      let rest = id
      for (; kinds[rest] === Kind.Sequence; rest = second[rest]!) {
        const front = this.reach(first[rest]!, hasRoom)
        if (front !== 'inside' || this.#ends.has(first[rest]!)) return front
      }
      return this.reach(rest, hasRoom)
    }
    if (kinds[id] === Kind.Choice) {
      const reaches = (data[id] as readonly number[]).map(member => this.reach(member, hasRoom))
      return reaches.every(each => each === 'inside') ? 'inside' : 'unsure'
    }
    if (kinds[id] !== Kind.Item || second[id]! >= CURRENT) return 'inside'
    if (second[id] === LATER) return 'unsure'
    const { array, index } = this.#sites[third[id]!]!
    const item = this.#itemAt(array, index)
    const isFresh = first[id] === this.#values.without(item, [])
    return (isFresh && item.count >= ROOM) || hasRoom(first[id]!) ? 'ahead' : 'unsure'
  }

  snapshot(): DistinctSnapshot {
    return { arrays: this.#arrays, sites: this.#sites, values: this.#values.values, texts: this.#texts.slice(1) }
  }

  /** Fills a fresh table with the same numbers. */
  restore({ arrays, sites, values, texts }: DistinctSnapshot): void {
    this.#arrays.push(...arrays)
    for (const value of values) this.#values.add(value)
    for (const { array, index, seen } of sites) this.#siteOf(array, index, seen)
    for (const text of texts) this.#longer(Math.floor(text / 256), text % 256)
  }

  #itemAt(array: number, index: number): ItemTexts {
    return this.#arrays[array]!.prefix[index] ?? this.#arrays[array]!.rest
  }

  #item(array: number, index: number, seen: readonly number[], text: number): ExpressionId {
    const rest = this.#values.without(this.#itemAt(array, index), seen)
    return this.#make(rest, text, this.#siteOf(array, index, seen))
  }

  #make(rest: ExpressionId, text: number, site: number): ExpressionId {
    if (rest === FAIL) return FAIL
    if (rest === EMPTY) return text >= 0 ? this.#after(text, site) : this.#afterAny(text, site)
    return this.#store.nodes.intern(Kind.Item, rest, text, site, null)
  }

  #after(text: number, siteId: number): ExpressionId {
    const { array, index, seen } = this.#sites[siteId]!
    const value = this.#values.idOf(this.#read(text))
    if (seen.includes(value)) return FAIL
    if (seen.length >= ROOM)
      throw this.#store.nodes.tooComplex(`an array with "uniqueItems" has more than ${ROOM} items`)
    return this.#end(
      array,
      index + 1,
      [...seen, value].sort((a, b) => a - b),
      0,
    )
  }

  /** Allows at least what may follow: behind the next item neither counts nor values are known. */
  #afterAny(mark: number, siteId: number): ExpressionId {
    const { array, index } = this.#sites[this.#looseSite(siteId)]!
    const next = mark === CURRENT ? NEXT : LATER
    const end = this.#end(array, index + 1, [], next)
    this.#ends.set(end, next)
    return end
  }

  #end(array: number, index: number, seen: readonly number[], text: number): ExpressionId {
    const { min, max, comma, close } = this.#arrays[array]!
    const parts: ExpressionId[] = []
    if (index >= min || text === LATER) parts.push(close)
    if (index < max || text === LATER) parts.push(this.#store.sequence(comma, this.#item(array, index, seen, text)))
    return this.#store.choice(parts)
  }

  /** The site of a forgotten text: the same for all items between which a mask cannot tell. */
  #looseSite(siteId: number): number {
    const { array, index } = this.#sites[siteId]!
    const { prefix, min, max } = this.#arrays[array]!
    let least = index
    if (index >= max) least = prefix.length
    else if (index > prefix.length && index + 1 < max)
      least = index + 1 < min ? prefix.length : Math.max(prefix.length, min - 1)
    return this.#siteOf(array, Math.min(least, index), [])
  }

  #siteOf(array: number, index: number, seen: readonly number[]): number {
    const key = `${array};${index};${seen.join()}`
    let id = this.#siteIds.get(key)
    if (id === undefined) {
      id = this.#sites.push({ array, index, seen }) - 1
      this.#siteIds.set(key, id)
    }
    return id
  }

  #longer(text: number, byte: number): number {
    const key = text * 256 + byte
    let id = this.#textIds.get(key)
    if (id === undefined) {
      id = this.#texts.push(key) - 1
      this.#textIds.set(key, id)
    }
    return id
  }

  #read(text: number): string {
    const bytes: number[] = []
    for (let at = text; at > 0; at = Math.floor(this.#texts[at]! / 256)) bytes.push(this.#texts[at]! % 256)
    return Buffer.from(bytes.reverse()).toString()
  }
}
