import type { ExpressionStore } from './expression.js'
import { type ExpressionId, FAIL } from './expression-nodes.js'

export interface SearchRules {
  isGoal(state: ExpressionId): boolean
  /** The state to go on with, or FAIL to leave this branch. */
  enter(state: ExpressionId): ExpressionId
  /** Told every state that was reached when none of them led to a goal. */
  exhaust?(states: Iterable<ExpressionId>): void
}

export interface Found {
  readonly bytes: Uint8Array
  /** From the start to the goal. */
  readonly states: readonly ExpressionId[]
}

interface Step {
  readonly state: ExpressionId
  readonly byte: number
  readonly distance: number
  readonly from: Step | null
}

/** States after which a nearest goal is given up for any near one, and how much more what is left then counts than what was gone. */
const EXACT_SEARCH = 2_000
const GREED = 8

/**
 * A* over derivatives, by the lower bound on the length that is left: the goal that is found is a nearest one. Where
 * the bound leads too far astray (vouched-for rules with poor bounds, intersections), a greedy search takes over and
 * finds one not much farther. Throws GRAMMAR_TOO_COMPLEX after `maxSearch` states.
 */
export function findString(store: ExpressionStore, start: ExpressionId, rules: SearchRules): Found | null {
  const found = search(store, start, rules, 1, Math.min(EXACT_SEARCH, store.limits.maxSearch))
  if (found !== 'unfinished') return found
  const near = search(store, start, rules, GREED, store.limits.maxSearch)
  if (near !== 'unfinished') return near
  throw store.nodes.tooComplex(
    `whether a part of it can be met at all takes more than ${store.limits.maxSearch} steps to find`,
  )
}

function search(
  store: ExpressionStore,
  start: ExpressionId,
  rules: SearchRules,
  weight: number,
  maxStates: number,
): Found | null | 'unfinished' {
  const queue = new BucketQueue()
  const reached = new Map<ExpressionId, number>()
  const push = (state: ExpressionId, byte: number, from: Step | null): void => {
    const distance = from === null ? 0 : from.distance + 1
    const known = reached.get(state)
    if (known !== undefined && known <= distance) return
    reached.set(state, distance)
    const left = store.minLength(state)
    if (left === Number.POSITIVE_INFINITY) return
    queue.push(distance + left * weight, { state, byte, distance, from })
  }
  push(start, 0, null)
  for (let step = queue.pop(); step !== undefined; step = queue.pop()) {
    if (reached.get(step.state)! < step.distance) continue
    if (rules.isGoal(step.state)) return trace(step)
    const state = step.from === null ? step.state : rules.enter(step.state)
    if (state === FAIL) continue
    if (reached.size > maxStates) return 'unfinished'
    for (const [byte, target] of preferredSteps([...store.derivatives.samples(state)].flat())) push(target, byte, step)
    if ((reached.size & 255) === 0) store.nodes.checkDeadline()
  }
  rules.exhaust?.(reached.keys())
  return null
}

const LETTER = 0x61
const DIGIT = 0x30

/** One byte for each target, the pleasantest that leads there; the pleasantest of all comes last, to be followed first. */
function preferredSteps(segments: readonly number[]): [byte: number, target: ExpressionId][] {
  const steps = new Map<ExpressionId, number>()
  for (const wish of [LETTER, DIGIT, null]) {
    for (let at = 0; at < segments.length; at += 3) {
      const [low, high, target] = [segments[at]!, segments[at + 1]!, segments[at + 2]!]
      if (!steps.has(target) && (wish === null || (low <= wish && wish <= high))) steps.set(target, wish ?? low)
    }
  }
  return [...steps].map(([target, byte]) => [byte, target] as [number, ExpressionId]).reverse()
}

function trace(goal: Step): Found {
  const bytes = new Uint8Array(goal.distance)
  const states: ExpressionId[] = []
  for (let step: Step | null = goal; step !== null; step = step.from) {
    states.push(step.state)
    if (step.from !== null) bytes[step.distance - 1] = step.byte
  }
  return { bytes, states: states.reverse() }
}

/** Priorities are small integers; among equals the last pushed comes first, so that a straight way is followed to its end. */
class BucketQueue {
  readonly #buckets = new Map<number, Step[]>()
  #lowest = Number.POSITIVE_INFINITY
  #size = 0

  push(priority: number, step: Step): void {
    const bucket = this.#buckets.get(priority)
    if (bucket === undefined) this.#buckets.set(priority, [step])
    else bucket.push(step)
    this.#lowest = Math.min(this.#lowest, priority)
    this.#size++
  }

  pop(): Step | undefined {
    if (this.#size === 0) return undefined
    let bucket = this.#buckets.get(this.#lowest)
    while (bucket === undefined || bucket.length === 0) {
      this.#buckets.delete(this.#lowest)
      this.#lowest = Math.min(...this.#buckets.keys())
      bucket = this.#buckets.get(this.#lowest)
    }
    this.#size--
    return bucket.pop()
  }
}
