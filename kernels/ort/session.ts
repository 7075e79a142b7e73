import type { Device } from '../protocol.js'
import { multipliesBytesExactly } from './processor.js'
import type { BoundTensors } from './tensor.js'

/** A graph that is loaded and can be run. One run at a time. */
export interface Session {
  readonly binding: 'c-api' | 'node'
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /**
   * Runs the graph: reads every feed, writes every fetch into the memory it names, and leaves nothing pending. Feeds and
   * fetches must name the graph's inputs and outputs, all of them; a feed and a fetch may be the same memory, for
   * operators that update in place. Throws KernelFailure: KERNEL_FAILED with the library's text.
   */
  run(feeds: BoundTensors, fetches: BoundTensors): Promise<void>
  /** Throws when handles of the library are alive that nobody accounts for. */
  checkIntegrity(): void
  /** Frees the graph and everything made for its runs. A second call does nothing. */
  close(): Promise<void>
}

export interface SessionSettings {
  readonly device: Device
  /** Intra-op threads, the calling one included. */
  readonly threads: number
  /** How long an idle intra-op thread spins for its next piece of work before it sleeps. 0: not at all. */
  readonly spinUs: number
}

/** Session configuration below `session`. */
export function configurationEntries({ spinUs }: SessionSettings): Readonly<Record<string, string>> {
  return {
    'intra_op.allow_spinning': spinUs > 0 ? '1' : '0',
    ...(spinUs > 0 && { 'intra_op.spin_duration_us': String(spinUs) }),
    // Stores the weights unsigned, which is exact everywhere; with VNNI it would halve the speed for nothing.
    x64quantprecision: multipliesBytesExactly() ? '0' : '1',
  }
}
