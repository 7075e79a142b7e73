import type { StepPlan } from '../layout.js'
import type { BoundTensor } from '../ort/index.js'

/** Keys and values of neighbouring rows, as the decoder graph names them: past_key_0, past_value_0, past_key_1, ... */
export interface KeyValueTensors {
  readonly past: Readonly<Record<string, BoundTensor>>
  /** The same memory under the names present_key_0, ...: a step appends in place. */
  readonly present: Readonly<Record<string, BoundTensor>>
}

/** How the decoder's keys and values are kept and shown to the graph. It works on memory that it does not own. */
export interface KeyValueBackend {
  /**
   * The plan's stores, moves, trims and loads, in this order (layout.ts says why). Throws RangeError before it writes outside
   * a slot or a page; copies before the offending one have then been made.
   */
  copy(plan: Pick<StepPlan, 'stores' | 'moves' | 'trims' | 'loads'>): void
  /**
   * Tensors for the graph over rows `first` .. `first + count - 1`; the same objects for the same range as long as few
   * ranges are in use, so that a session can keep what it makes of them. Throws RangeError.
   */
  tensors(first: number, count: number): KeyValueTensors
}
