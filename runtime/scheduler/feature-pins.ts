import type { ImageSpan, Sequence } from './sequence.js'

/** Projected features of pictures, as the scheduler sees them. */
export interface FeatureSource {
  /**
   * First row of each span's features, all pinned until released one by one; null, and none pinned for the caller, when
   * some are not there yet. They are then being made, for one holder after the other where there is not room for all.
   */
  acquireAll(spans: readonly ImageSpan[], holder: object): readonly number[] | null
  release(span: ImageSpan): void
}

/** Pins the features of every picture that is not wholly within the first `cached` elements; all or none. */
export function pinFeatures(features: FeatureSource, sequence: Sequence, cached: number): boolean {
  const needed = sequence.spans.filter(span => span.start + span.count > cached)
  const rows = features.acquireAll(needed, sequence)
  if (rows === null) return false
  // Spans are in the order of the prompt, so those that are needed are the last ones.
  const first = sequence.spans.length - needed.length
  rows.forEach((row, at) => {
    sequence.featureRows[first + at] = row
  })
  return true
}

/** Releases what the first `computed` elements needed. */
export function unpinFeatures(features: FeatureSource, sequence: Sequence, computed: number): void {
  sequence.spans.forEach((span, index) => {
    if (sequence.featureRows[index] === null || span.start + span.count > computed) return
    features.release(span)
    sequence.featureRows[index] = null
  })
}
