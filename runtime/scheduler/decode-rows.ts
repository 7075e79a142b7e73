import type { BatchChunk, BatchDecode } from './batch.js'
import type { Sequence } from './sequence.js'

/**
 * The common decode run: every slot from the first decoding one to the last takes a row, since the kernel's rows are
 * neighbouring slots. Pure. `stalled` sequences have to wait for memory. null when nothing decodes.
 */
export function composeDecode(
  slots: readonly (Sequence | null)[],
  chunks: readonly BatchChunk[],
  firstLogit: number,
  slotCapacity: number,
  stalled: ReadonlySet<Sequence>,
): BatchDecode | null {
  const decodes = (sequence: Sequence | null): boolean => sequence?.isDecoding === true && !stalled.has(sequence)
  const firstSlot = slots.findIndex(decodes)
  if (firstSlot < 0) return null
  const lastSlot = slots.findLastIndex(decodes)
  const rows: (Sequence | null)[] = []
  const tokenIds: number[] = []
  const lengths: number[] = []
  for (let slot = firstSlot; slot <= lastSlot; slot++) {
    const sequence = slots[slot] ?? null
    const row = decodes(sequence) ? sequence : null
    rows.push(row)
    tokenIds.push(row ? row.elementAt(row.computed) : 0)
    lengths.push(row ? row.computed : dummyLength(sequence, chunks, slotCapacity))
  }
  return { firstSlot, rows, tokenIds, lengths, steps: 1, firstLogit }
}

/**
 * Where a hole's dummy token goes: a position that is written again before it is read. Of a sequence that fills its
 * slot it is the last one, which nobody reads any more: at least the last element of a prompt is computed anew.
 */
function dummyLength(sequence: Sequence | null, chunks: readonly BatchChunk[], slotCapacity: number): number {
  if (!sequence) return 0
  if (sequence.branches.length > 0) return sequence.capacity - 1
  const chunk = chunks.find(chunk => chunk.sequence === sequence)
  return Math.min(chunk ? chunk.start + chunk.count : sequence.computed, slotCapacity - 1)
}
