import { commonElements } from '../cache/radix-tree.js'
import type { Sequence } from './sequence.js'

/** A waiting request that was passed over this often goes before all others of its priority. */
export const MAX_PASSED_OVER = 32

/** How many waiting requests are looked at when one is admitted, beside those of higher priority; the rest keep their order behind them. */
export const ADMISSION_WINDOW = 64

/**
 * Order in which waiting requests are tried: higher priority first, then those passed over too often, then the longest
 * cached prefix (so that a prefix is used before it is evicted), then arrival. Pure; `arrivals` is in order of arrival.
 */
export function admissionOrder(
  arrivals: readonly Sequence[],
  cachedLength: (sequence: Sequence) => number,
): Sequence[] {
  if (arrivals.length === 1) return [...arrivals]
  const window = arrivals.slice(0, ADMISSION_WINDOW).map((sequence, arrival) => ({
    sequence,
    arrival,
    starved: sequence.passedOver >= MAX_PASSED_OVER,
    cached: cachedLength(sequence),
  }))
  const least = Math.min(...window.map(({ sequence }) => sequence.priority))
  const urgent = arrivals.slice(ADMISSION_WINDOW).filter(sequence => sequence.priority > least)
  for (const sequence of urgent) {
    window.push({ sequence, arrival: window.length, starved: false, cached: cachedLength(sequence) })
  }
  window.sort(
    (a, b) =>
      b.sequence.priority - a.sequence.priority ||
      Number(b.starved) - Number(a.starved) ||
      (a.starved && b.starved ? 0 : b.cached - a.cached) ||
      a.arrival - b.arrival,
  )
  return window.map(entry => entry.sequence)
}

/**
 * Whether to hold a waiting request back because a running one is about to cache more of its prefix than is cached now:
 * of many questions about one picture, the first computes the picture and the others find it.
 */
export function shouldHoldBack(
  waiting: Sequence,
  cachedLength: number,
  running: readonly Sequence[],
  pageSize: number,
): boolean {
  return running.some(other => {
    if (!other.isPrefilling || other.namespace !== waiting.namespace) return false
    const limit = Math.min(waiting.reusable, other.promptLength)
    if (limit - cachedLength < pageSize) return false
    const shared = commonElements(waiting.elements(), 0, other.elements(), 0, limit)
    return shared - cachedLength >= pageSize
  })
}

/**
 * Which decoding sequence moves to which free slot so that decode rows lie closer together: the last one into the
 * lowest hole below it. Rows of holes cost a full row of every matrix product, a move costs one copy of a sequence.
 */
export function chooseMove(
  decodingSlots: readonly number[],
  freeSlots: readonly number[],
): { from: number; to: number } | null {
  if (decodingSlots.length === 0 || freeSlots.length === 0) return null
  const from = Math.max(...decodingSlots)
  const to = Math.min(...freeSlots)
  const span = from - Math.min(...decodingSlots) + 1
  return to < from && span > decodingSlots.length ? { from, to } : null
}
