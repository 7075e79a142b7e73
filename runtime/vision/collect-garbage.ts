import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: ((options: { readonly type: 'minor' }) => void) | null = null

/**
 * Frees what young unreachable objects hold outside the heap. The decoder's frames keep their pixels until they are
 * collected, closed or not, and since the heap knows nothing of those, it sees no reason to: a clip of 250 frames of
 * 1280 x 720 took 350 MB, with a collection every 16 frames it takes 30.
 */
export function collectYoungGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as typeof collect
  }
  collect?.({ type: 'minor' })
}
