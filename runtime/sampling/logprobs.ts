/** Natural logarithm of the sum of exponentials of the first `size` logits, or of all where there are fewer. */
export function logSumExp(logits: Float32Array, size: number): number {
  // A tokenizer may know more tokens than the model has rows.
  const width = Math.min(size, logits.length)
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < width; i++) if (logits[i]! > top) top = logits[i]!
  let sum = 0
  for (let i = 0; i < width; i++) sum += Math.exp(logits[i]! - top)
  return top + Math.log(sum)
}

/** The `count` likeliest ids with their log-probabilities, best first; of equal ones the lower id first. */
export function topLogprobs(
  logits: Float32Array,
  size: number,
  count: number,
  normaliser: number,
): { readonly tokenId: number; readonly logprob: number }[] {
  const best: number[] = []
  for (let id = 0; id < Math.min(size, logits.length); id++) {
    if (best.length === count && logits[id]! <= logits[best[count - 1]!]!) continue
    let at = best.length
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--
    best.splice(at, 0, id)
    if (best.length > count) best.pop()
  }
  return best.map(tokenId => ({ tokenId, logprob: logits[tokenId]! - normaliser }))
}
