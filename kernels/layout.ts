/**
 * Where things lie in shared memory.
 *
 * Slots, per layer: keys [slots, kvHeads, slotCapacity, headDim] float32, then values of the same shape.
 * Pages, per layer: [pages, 2 (key, value), kvHeads, pageSize, headDim] float32; a page copies to slot positions
 * p .. p + pageSize - 1 as kvHeads contiguous runs for each of key and value.
 * Logits: [maxLogitRows, vocabRows] float32; rows in the order of the plan: logit rows of prefills, then decode rows.
 * Features: [rows, hiddenSize] float32; a row is named by its index.
 *
 * The control block holds one step plan as int32 words, in the order in which the worker runs its parts:
 *   stores  slot -> page   keeps what earlier steps computed, before anything may overwrite the slot
 *   moves   slot -> slot   closes holes between decoding slots
 *   trims   slot           gives its memory back to the system; nothing in it is read again
 *   loads   page -> slot   a cached prefix into a slot
 *   prefills               one after the other, each a chunk onto one slot; the same slot may come several times
 *   decode                 one token for each of `count` neighbouring slots, once or several times
 */
export interface KvShape {
  readonly numLayers: number
  readonly numKvHeads: number
  readonly headDim: number
}

export const FLOAT_BYTES = 4

/** Bytes of keys and values of one token over all layers. */
export function kvBytesPerToken(shape: KvShape): number {
  return shape.numLayers * 2 * shape.numKvHeads * shape.headDim * FLOAT_BYTES
}

/** Bytes of the slot buffer of one layer. */
export function slotBytesPerLayer(shape: KvShape, numSlots: number, slotCapacity: number): number {
  return 2 * numSlots * shape.numKvHeads * slotCapacity * shape.headDim * FLOAT_BYTES
}

/** Bytes of the page buffer of one layer. */
export function pageBytesPerLayer(shape: KvShape, numPages: number, pageSize: number): number {
  return numPages * 2 * shape.numKvHeads * pageSize * shape.headDim * FLOAT_BYTES
}

export type Segment =
  | { readonly kind: 'tokens'; readonly ids: ArrayLike<number> }
  /** Rows of the features region. */
  | { readonly kind: 'features'; readonly row: number; readonly count: number }

export interface PrefillChunk {
  readonly slot: number
  /** Tokens already in the slot: the first position this chunk writes. */
  readonly start: number
  readonly segments: readonly Segment[]
  /** Positions relative to the chunk whose logits are wanted, ascending. */
  readonly logitRows: readonly number[]
}

export interface DecodeRows {
  readonly firstSlot: number
  /** Token to feed, by row. */
  readonly tokenIds: readonly number[]
  /** Tokens already in the slot, by row: the position this token takes. */
  readonly lengths: readonly number[]
  /**
   * Steps to run one after the other, at least 1. Default 1. After each but the last the worker itself feeds the likeliest token of
   * every row, so it must hold that this is what the runtime would choose. Logits of step s stand `rows` rows after those
   * of step s - 1.
   */
  readonly steps?: number
}

export interface StepPlan {
  readonly stores: readonly { readonly slot: number; readonly position: number; readonly page: number }[]
  readonly moves: readonly { readonly from: number; readonly to: number; readonly length: number }[]
  readonly trims: readonly number[]
  readonly loads: readonly { readonly page: number; readonly slot: number; readonly position: number }[]
  readonly prefills: readonly PrefillChunk[]
  readonly decode: DecodeRows | null
}

export const EMPTY_PLAN: StepPlan = { stores: [], moves: [], trims: [], loads: [], prefills: [], decode: null }

const SEGMENT_TOKENS = 0
const SEGMENT_FEATURES = 1

/** Bytes that hold any plan within the limits the scheduler keeps. */
export function controlBytes(limits: {
  readonly numSlots: number
  readonly slotCapacity: number
  readonly pageSize: number
  readonly maxChunk: number
  readonly maxLogitRows: number
  readonly maxPrefills: number
}): number {
  const pagesPerSlot = Math.ceil(limits.slotCapacity / limits.pageSize)
  const words =
    9 +
    3 * 2 * limits.numSlots * pagesPerSlot + // stores and loads
    3 * limits.numSlots + // moves
    limits.numSlots + // trims
    limits.maxPrefills * 4 +
    4 * limits.maxChunk + // segments: at worst one token each
    limits.maxLogitRows +
    2 * limits.numSlots
  return words * Int32Array.BYTES_PER_ELEMENT
}

/** Writes the plan; throws RangeError when the control block is too small, which is a bug of the scheduler's limits. */
export function writePlan(control: Int32Array, plan: StepPlan): void {
  let at = 0
  const put = (...words: readonly number[]): void => {
    if (at + words.length > control.length) throw new RangeError(`step plan does not fit ${control.length} words`)
    for (const word of words) control[at++] = word
  }
  put(plan.stores.length)
  for (const store of plan.stores) put(store.slot, store.position, store.page)
  put(plan.moves.length)
  for (const move of plan.moves) put(move.from, move.to, move.length)
  put(plan.trims.length)
  for (const slot of plan.trims) put(slot)
  put(plan.loads.length)
  for (const load of plan.loads) put(load.page, load.slot, load.position)
  put(plan.prefills.length)
  for (const chunk of plan.prefills) {
    put(chunk.slot)
    put(chunk.start)
    put(chunk.segments.length)
    for (const segment of chunk.segments) {
      if (segment.kind === 'tokens') {
        put(SEGMENT_TOKENS)
        put(segment.ids.length)
        for (let i = 0; i < segment.ids.length; i++) put(segment.ids[i]!)
      } else put(SEGMENT_FEATURES, segment.row, segment.count)
    }
    put(chunk.logitRows.length)
    for (const row of chunk.logitRows) put(row)
  }
  const rows = plan.decode?.tokenIds.length ?? 0
  put(rows)
  if (plan.decode) {
    put(plan.decode.firstSlot, plan.decode.steps ?? 1)
    for (const id of plan.decode.tokenIds) put(id)
    for (const length of plan.decode.lengths) put(length)
  }
}

/** Reads what `writePlan` wrote. Token ids are views of the control block, valid until the next plan is written. */
export function readPlan(control: Int32Array): StepPlan {
  let at = 0
  const take = (): number => control[at++]!
  const times = <T>(make: () => T): T[] => Array.from({ length: take() }, make)
  const stores = times(() => ({ slot: take(), position: take(), page: take() }))
  const moves = times(() => ({ from: take(), to: take(), length: take() }))
  const trims = times(take)
  const loads = times(() => ({ page: take(), slot: take(), position: take() }))
  const prefills = times((): PrefillChunk => {
    const slot = take()
    const start = take()
    const segments = times((): Segment => {
      if (take() === SEGMENT_FEATURES) return { kind: 'features', row: take(), count: take() }
      const length = take()
      at += length
      return { kind: 'tokens', ids: control.subarray(at - length, at) }
    })
    return { slot, start, segments, logitRows: times(take) }
  })
  const rows = take()
  if (rows === 0) return { stores, moves, trims, loads, prefills, decode: null }
  const firstSlot = take()
  const steps = take()
  const tokenIds = Array.from({ length: rows }, take)
  const lengths = Array.from({ length: rows }, take)
  return { stores, moves, trims, loads, prefills, decode: { firstSlot, tokenIds, lengths, steps } }
}
