import type { Batch, BatchLimits } from '../../runtime/scheduler/batch.js'

/** Throws when a batch breaks what the runner's memory was sized for, or gives one place to two things. */
export function checkBatch(batch: Batch, limits: BatchLimits, numPages: number, pageSize: number): void {
  const { stores, moves, trims, loads, chunks, decode } = batch
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`batch: ${what}`)
  }
  const isSlot = (slot: number): boolean => slot >= 0 && slot < limits.numSlots
  for (const { slot, position, page } of [...stores, ...loads]) {
    demand(isSlot(slot) && page >= 0 && page < numPages, `page ${page} of slot ${slot} does not exist`)
    demand(position % pageSize === 0 && position < limits.slotCapacity, `a page is copied at position ${position}`)
  }
  for (const { from, to, length } of moves) {
    demand(isSlot(from) && isSlot(to) && from !== to && length <= limits.slotCapacity, `a move from ${from} to ${to}`)
  }
  for (const slot of trims) {
    demand(isSlot(slot) && moves.every(({ to }) => to !== slot), `slot ${slot} is moved to and trimmed`)
  }
  const rows: number[] = []
  for (const { slot, start, count, logitRows, firstLogit, branch } of chunks) {
    demand(isSlot(slot) && count > 0 && start + count <= limits.slotCapacity, `a chunk of ${count} from ${start} on`)
    demand(branch === null || branch.ids.length === count, 'a branch is not as long as its chunk')
    demand(
      logitRows.every((row, index) => row >= 0 && row < count && (index === 0 || row > logitRows[index - 1]!)),
      `rows ${logitRows} of a chunk of ${count}`,
    )
    rows.push(...logitRows.map((_, index) => firstLogit + index))
  }
  const numTokens = chunks.reduce((sum, chunk) => sum + chunk.count, 0)
  demand(numTokens <= limits.maxChunk, `${numTokens} tokens in chunks`)
  demand(chunks.length <= limits.maxChunks, `${chunks.length} chunks`)
  if (decode) {
    const { firstSlot, rows: sequences, lengths, tokenIds, steps, firstLogit } = decode
    demand(lengths.length === sequences.length && tokenIds.length === sequences.length, 'decode rows of other lengths')
    demand(isSlot(firstSlot) && isSlot(firstSlot + sequences.length - 1), 'decode rows beyond the slots')
    demand(sequences[0] !== null && sequences.at(-1) !== null, 'a hole at the end of the decode rows')
    demand(steps === 1 || chunks.length === 0, 'chunks in a batch that runs ahead')
    sequences.forEach((sequence, row) => {
      demand(sequence === null || sequence.slot === firstSlot + row, `${sequence?.id} is not decoded in its slot`)
      demand(lengths[row]! + steps <= limits.slotCapacity, `row ${row} is fed beyond its slot`)
    })
    for (let row = 0; row < steps * sequences.length; row++) rows.push(firstLogit + row)
  }
  demand(new Set(rows).size === rows.length, 'two rows of logits in one place')
  demand(Math.max(0, ...rows) < limits.maxLogitRows, `row ${Math.max(...rows)} of ${limits.maxLogitRows}`)
}
