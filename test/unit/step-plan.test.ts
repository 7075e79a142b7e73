import fc from 'fast-check'
import t from 'tap'
import type { Segment } from '../../kernels/layout.js'
import { toStepPlan } from '../../runtime/runner/step-plan.js'
import type { Batch, BatchChunk } from '../../runtime/scheduler/batch.js'
import { Sequence } from '../../runtime/scheduler/sequence.js'

/** Runs of tokens and pictures in turn; a picture's rows are fed from where its features lie. */
const piece = fc.record({
  isPicture: fc.boolean(),
  length: fc.integer({ min: 1, max: 6 }),
  featureRow: fc.integer({ min: 0, max: 40 }),
})

type Piece = { readonly isPicture: boolean; readonly length: number; readonly featureRow: number }

/** Position by position what is to be fed: a token id, or a row of the features. */
type Fed = { readonly token: number } | { readonly row: number }

function makeSequence(pieces: readonly Piece[]): { readonly sequence: Sequence; readonly fed: readonly Fed[] } {
  const prompt: number[] = []
  const fed: Fed[] = []
  const spans: { key: string; start: number; count: number }[] = []
  const rows: number[] = []
  for (const { isPicture, length, featureRow } of pieces) {
    if (isPicture) {
      spans.push({ key: `picture ${spans.length}`, start: prompt.length, count: length })
      rows.push(featureRow)
    }
    for (let index = 0; index < length; index++) {
      fed.push(isPicture ? { row: featureRow + index } : { token: prompt.length })
      prompt.push(isPicture ? -spans.length : prompt.length)
    }
  }
  const sequence = new Sequence({
    id: 'r',
    namespace: '',
    priority: 0,
    prompt: Int32Array.from(prompt),
    spans,
    capacity: prompt.length + 4,
    logitsFrom: null,
  })
  sequence.featureRows = rows
  return { sequence, fed }
}

function chunkOf(sequence: Sequence, start: number, count: number, branch: BatchChunk['branch'] = null): BatchChunk {
  return { sequence, slot: 3, start, count, branch, logitRows: [count - 1], firstLogit: 0 }
}

function batchOf(chunks: readonly BatchChunk[]): Batch {
  return { stores: [], moves: [], trims: [], loads: [], chunks, decode: null }
}

function read(segments: readonly Segment[]): Fed[] {
  return segments.flatMap((segment): Fed[] =>
    segment.kind === 'tokens'
      ? Array.from(segment.ids, token => ({ token }))
      : Array.from({ length: segment.count }, (_, index) => ({ row: segment.row + index })),
  )
}

t.test('wherever chunks are cut, their segments feed position by position what the prompt says', async t => {
  const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), cuts, (pieces, cuts) => {
      const { sequence, fed } = makeSequence(pieces)
      let start = 0
      for (let cut = 0; start < fed.length; cut++) {
        const count = Math.min(cuts[cut % cuts.length]!, fed.length - start)
        const [prefill] = toStepPlan(batchOf([chunkOf(sequence, start, count)])).prefills
        t.same(read(prefill!.segments), fed.slice(start, start + count))
        t.ok(prefill!.segments.every(segment => (segment.kind === 'tokens' ? segment.ids.length : segment.count) > 0))
        t.match(prefill, { slot: 3, start, logitRows: [count - 1] })
        start += count
      }
    }),
    { numRuns: 150 },
  )
})

t.test('neighbouring tokens are one segment, and so is what a chunk has of a picture', async t => {
  const { sequence } = makeSequence([
    { isPicture: false, length: 3, featureRow: 0 },
    { isPicture: true, length: 5, featureRow: 10 },
    { isPicture: false, length: 2, featureRow: 0 },
  ])
  const [prefill] = toStepPlan(batchOf([chunkOf(sequence, 1, 8)])).prefills
  t.same(
    prefill!.segments.map(segment => segment.kind),
    ['tokens', 'features', 'tokens'],
  )
})

t.test('a picture is never fed without features, and needs none where a cached prefix covers it', async t => {
  const { sequence } = makeSequence([
    { isPicture: true, length: 4, featureRow: 8 },
    { isPicture: false, length: 3, featureRow: 0 },
  ])
  sequence.featureRows = [null]
  t.throws(() => toStepPlan(batchOf([chunkOf(sequence, 3, 2)])), /picture 0 is fed without features/)
  t.same(read(toStepPlan(batchOf([chunkOf(sequence, 4, 3)])).prefills[0]!.segments), [
    { token: 4 },
    { token: 5 },
    { token: 6 },
  ])
})

t.test('a branch feeds its own tokens', async t => {
  const { sequence } = makeSequence([{ isPicture: false, length: 3, featureRow: 0 }])
  const branch = { start: 5, ids: [7, 8], prefix: [1, 2] }
  const [prefill] = toStepPlan(batchOf([chunkOf(sequence, 5, 2, branch)])).prefills
  t.same(prefill!.segments, [{ kind: 'tokens', ids: [7, 8] }])
  t.equal(prefill!.start, 5)
})

t.test('copies and decode rows go over as they are', async t => {
  const stores = [{ slot: 1, position: 4, page: 2 }]
  const moves = [{ from: 2, to: 0, length: 9 }]
  const loads = [{ page: 2, slot: 1, position: 0 }]
  const decode = { firstSlot: 1, rows: [null], tokenIds: [5], lengths: [7], steps: 3, firstLogit: 0 }
  t.match(toStepPlan({ stores, moves, trims: [4, 2], loads, chunks: [], decode }), {
    stores,
    moves,
    trims: [4, 2],
    loads,
    prefills: [],
    decode: { firstSlot: 1, tokenIds: [5], lengths: [7], steps: 3 },
  })
})
