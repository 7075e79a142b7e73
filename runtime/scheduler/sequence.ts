import type { RadixNode } from '../cache/radix-tree.js'

/** Where a picture's rows stand in the prompt. `start` and `count` in elements. */
export interface ImageSpan {
  /** 128-bit key of picture, preprocessing and model, 32 hex digits. */
  readonly key: string
  readonly start: number
  readonly count: number
}

/** A piece of an option that select scores: tokens at `start`, whose logits are all wanted. */
export interface Branch {
  readonly start: number
  readonly ids: readonly number[]
  /** The option's tokens before this piece, which the slot holds by then. */
  readonly prefix: readonly number[]
}

export interface SequenceInit {
  readonly id: string
  readonly namespace: string
  readonly priority: number
  /** Prompt as cache elements: token ids, and a negative number for each row of a picture. */
  readonly prompt: Int32Array
  readonly spans: readonly ImageSpan[]
  /** Most tokens, prompt included. */
  readonly capacity: number
  /** Logits are wanted for prompt positions from this one on; null: for the last only. */
  readonly logitsFrom: number | null
}

/**
 * One request inside the scheduler. Two numbers are stored, the rest is derived:
 *
 *   0 ........ computed ........ length ........ capacity
 *   in the slot      │ pending        │ room
 */
export class Sequence {
  readonly id: string
  readonly namespace: string
  readonly priority: number
  readonly promptLength: number
  readonly spans: readonly ImageSpan[]
  readonly logitsFrom: number | null
  readonly #elements: Int32Array
  #length: number

  /** Elements whose keys and values are in the slot. */
  computed = 0
  /** Elements of the prompt that came from the radix cache at admission. */
  cached = 0
  slot: number | null = null
  /** Deepest locked node of the radix tree. */
  node: RadixNode | null = null
  /** Elements that the tree already holds. */
  stored = 0
  /** First rows of pinned features, by index of the span; null when not needed or not needed any more. */
  featureRows: (number | null)[]
  /** Branches still to be scored, after the prompt is computed. */
  branches: readonly Branch[] = []
  /** Times that a later request was admitted first. */
  passedOver = 0
  /** Steps in a row in which there was no memory to go on. */
  stalledSteps = 0

  constructor(init: SequenceInit) {
    this.id = init.id
    this.namespace = init.namespace
    this.priority = init.priority
    this.promptLength = init.prompt.length
    this.spans = init.spans
    this.logitsFrom = init.logitsFrom
    this.#elements = new Int32Array(init.capacity)
    this.#elements.set(init.prompt)
    this.#length = init.prompt.length
    this.featureRows = init.spans.map(() => null)
  }

  get length(): number {
    return this.#length
  }

  get capacity(): number {
    return this.#elements.length
  }

  /** Elements known but not yet in the slot. */
  get pending(): number {
    return this.#length - this.computed
  }

  get isPrefilling(): boolean {
    return this.computed < this.promptLength
  }

  /** A view, valid until the sequence grows. */
  elements(start = 0, end = this.#length): Int32Array {
    return this.#elements.subarray(start, end)
  }

  elementAt(index: number): number {
    return this.#elements[index]!
  }

  /** One known token that is not a picture's row: fed in the common decode run. */
  get isDecoding(): boolean {
    return this.#length - this.computed === 1 && this.branches.length === 0 && this.#elements[this.computed]! >= 0
  }

  append(tokenId: number): void {
    if (this.#length === this.#elements.length) throw new RangeError(`sequence ${this.id} is full`)
    this.#elements[this.#length++] = tokenId
  }

  /** The most of the prompt that a cached prefix may cover: one element at least must be computed to have logits. */
  get reusable(): number {
    return Math.min(this.promptLength - 1, this.logitsFrom ?? this.promptLength)
  }
}
