import { type BatchChunk, fitChunk } from './batch.js'
import type { Sequence } from './sequence.js'

/** What is left of a step's limits while it is composed. */
export interface Room {
  tokens: number
  rows: number
  nextLogit: number
}

/** Adds what the sequence has pending, as far as there is room. */
export function addChunks(sequence: Sequence, room: Room, chunks: BatchChunk[], maxChunks: number): void {
  if (sequence.branches.length > 0) {
    addBranches(sequence, room, chunks, maxChunks)
    return
  }
  if (room.tokens <= 0 || room.rows <= 0 || chunks.length >= maxChunks) return
  const start = sequence.computed
  const { count, logitRows } = fitChunk(sequence, start, Math.min(sequence.pending, room.tokens), room.rows)
  if (count <= 0) return
  chunks.push({ sequence, slot: sequence.slot!, start, count, branch: null, logitRows, firstLogit: room.nextLogit })
  room.tokens -= count
  room.rows -= logitRows.length
  room.nextLogit += logitRows.length
}

/** Branches overwrite each other in the slot, so they run in order; the task plans anew from where the last one is cut. */
function addBranches(sequence: Sequence, room: Room, chunks: BatchChunk[], maxChunks: number): void {
  for (const { start, ids, prefix } of sequence.branches) {
    const count = Math.min(ids.length, room.tokens, room.rows)
    if (count <= 0 || chunks.length >= maxChunks) return
    const branch = { start, ids: ids.slice(0, count), prefix }
    const logitRows = branch.ids.map((_, index) => index)
    chunks.push({ sequence, slot: sequence.slot!, start, count, branch, logitRows, firstLogit: room.nextLogit })
    room.tokens -= count
    room.rows -= count
    room.nextLogit += count
    if (count < ids.length) return
  }
}
