import type { Profile, Size } from './spec.js'

type Refuse = (what: string) => never

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as `count` finite numbers, or null. */
export function readNumbers(value: unknown, count: number): number[] | null {
  if (!Array.isArray(value) || value.length !== count) return null
  return value.every(item => typeof item === 'number' && Number.isFinite(item)) ? value : null
}

export function refuseUnknown(field: string, value: unknown, known: readonly string[], refuse: Refuse): void {
  if (typeof value === 'string' && known.includes(value)) return
  refuse(`${field} is ${JSON.stringify(value)}; known are ${known.join(', ')}`)
}

/**
 * The canvas sizes, in the checkpoint's order. `orig` reads a pair as width and height, `hf` reads the same pair as
 * height and width; ties between canvases then fall differently. The text form "(1x1),...,(6x6)" gives the corners of
 * a range of grids, both ends included, the first number outermost.
 */
export function readPinpoints(value: unknown, tileSize: number, profile: Profile, refuse: Refuse): Size[] {
  const pairs = typeof value === 'string' ? readText(value, tileSize) : value
  const sizes = (Array.isArray(pairs) ? pairs : []).map(pair => {
    const sides = readNumbers(pair, 2)
    if (sides === null || sides.some(side => side <= 0 || side % tileSize !== 0)) {
      return refuse(`image_grid_pinpoints has ${JSON.stringify(pair)}; both sides must be multiples of ${tileSize}`)
    }
    const [first, second] = sides as [number, number]
    return profile === 'orig' ? { width: first, height: second } : { width: second, height: first }
  })
  if (sizes.length === 0) refuse(`image_grid_pinpoints is ${JSON.stringify(value)}; a list of pairs was expected`)
  return sizes
}

function readText(text: string, tileSize: number): number[][] {
  const grids = [...text.matchAll(/\((\d+)x(\d+)\)/g)].map(match => [Number(match[1]), Number(match[2])] as const)
  if (grids.length === 0) {
    return [...text.matchAll(/[[(]\s*(\d+)\s*,\s*(\d+)\s*[\])]/g)].map(match => [Number(match[1]), Number(match[2])])
  }
  const [first, last] = [grids[0]!, grids.at(-1)!]
  const sizes: number[][] = []
  for (let outer = first[0]; outer <= last[0]; outer++) {
    for (let inner = first[1]; inner <= last[1]; inner++) sizes.push([outer * tileSize, inner * tileSize])
  }
  return sizes
}
