import type { Segment, StepPlan } from '../../kernels/layout.js'
import type { Batch, BatchChunk } from '../scheduler/batch.js'

/** The scheduler's batch in the words of the kernel. */
export function toStepPlan(batch: Batch): StepPlan {
  const { stores, moves, trims, loads, chunks, decode } = batch
  return {
    stores,
    moves,
    trims,
    loads,
    prefills: chunks.map(chunk => ({
      slot: chunk.slot,
      start: chunk.start,
      segments: segmentsOf(chunk),
      logitRows: chunk.logitRows,
    })),
    decode,
  }
}

/** Token runs as they are; a picture's rows from where its features lie, however the chunk cuts them. */
function segmentsOf({ sequence, start, count, branch }: BatchChunk): Segment[] {
  if (branch) return [{ kind: 'tokens', ids: branch.ids }]
  const segments: Segment[] = []
  const end = start + count
  let at = start
  const tokensUntil = (limit: number): void => {
    if (limit > at) segments.push({ kind: 'tokens', ids: sequence.elements(at, limit) })
    at = Math.max(at, limit)
  }
  sequence.spans.forEach((span, index) => {
    const from = Math.max(span.start, start)
    const to = Math.min(span.start + span.count, end)
    if (from >= to) return
    const row = sequence.featureRows[index]
    if (row === null || row === undefined)
      throw new Error(`sequence ${sequence.id}: picture ${index} is fed without features`)
    tokensUntil(from)
    segments.push({ kind: 'features', row: row + from - span.start, count: to - from })
    at = to
  })
  tokensUntil(end)
  return segments
}
