/**
 * Uniform numbers that depend only on a seed and a position, so that a request's tokens never depend on what else is in
 * the batch. Two rounds of the splitmix64 finaliser, in 32-bit halves of Math.imul.
 */
export function uniformAt(seed: number, position: number): number {
  let high = mix((seed >>> 0) ^ 0x9e3779b9)
  high = mix(high ^ Math.imul(Math.trunc(seed / 0x100000000) | 0, 0x85ebca6b))
  const first = mix(high ^ Math.imul(position + 1, 0xc2b2ae35))
  const second = mix(first ^ 0x27d4eb2f)
  // 53 bits, as Math.random gives.
  return ((first >>> 5) * 0x4000000 + (second >>> 6)) / 0x20000000000000
}

function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) | 0
}
