import t from 'tap'
import { SlotAttention } from '../../kernels/attention/slots.js'
import { DecoderRunner } from '../../kernels/decoder-runner.js'
import {
  controlBytes,
  EMPTY_PLAN,
  pageBytesPerLayer,
  type StepPlan,
  slotBytesPerLayer,
  writePlan,
} from '../../kernels/layout.js'
import { openSession } from '../../kernels/ort/index.js'
import type { DecoderGeometry } from '../../kernels/protocol.js'
import { embed, RandomPlanner } from '../support/tiny-engine.js'
import { TINY, tinyLogits, waves, writeTinyDecoder } from '../support/tiny-graphs.js'

const geometry: DecoderGeometry = {
  numSlots: 4,
  slotCapacity: 24,
  numPages: 3,
  pageSize: 8,
  maxChunk: 9,
  maxLogitRows: 32,
}
const FEATURE_ROWS = 6
const greedy = { vocabularySize: TINY.vocabRows - 1, forbidden: [2] }
/** The oracle counts in float64. Logits reach about 20, where neighbouring float32 values are 2e-6 apart. */
const TOLERANCE = 5e-5

const decoder = await writeTinyDecoder(t.testdir())

interface Bench {
  readonly runner: DecoderRunner
  readonly features: Float32Array
  readonly logits: Float32Array
  step(plan: Partial<StepPlan>): Promise<void>
}

async function openBench(binding: 'c-api' | 'node', threads = 1): Promise<Bench> {
  const { numSlots, slotCapacity, numPages, pageSize } = geometry
  const memory = {
    control: new SharedArrayBuffer(controlBytes({ ...geometry, maxPrefills: 4 })),
    logits: new SharedArrayBuffer(geometry.maxLogitRows * TINY.vocabRows * 4),
    features: new SharedArrayBuffer(FEATURE_ROWS * TINY.hiddenSize * 4),
  }
  const layers = Array.from({ length: TINY.numLayers }, () => ({
    slots: new SharedArrayBuffer(slotBytesPerLayer(TINY, numSlots, slotCapacity)),
    pages: new SharedArrayBuffer(pageBytesPerLayer(TINY, numPages, pageSize)),
  }))
  const session = await openSession(decoder.graphPath, binding, { device: 'cpu', threads, spinUs: 0 })
  const attention = new SlotAttention(TINY, geometry, layers)
  const embeddings = {
    copyRows(ids: ArrayLike<number>, destination: Float32Array, rowOffset: number): void {
      const rows = embed(
        Array.from(ids, token => ({ token })),
        decoder,
        features,
      )
      rows.forEach((row, i) => {
        destination.set(row, (rowOffset + i) * TINY.hiddenSize)
      })
    },
  }
  const features = new Float32Array(memory.features)
  features.set(waves(features.length, 5, 1))
  const { hiddenSize, vocabRows } = TINY
  const runner = new DecoderRunner({ session, attention, embeddings, hiddenSize, vocabRows, geometry, memory, greedy })
  const control = new Int32Array(memory.control)
  const logits = new Float32Array(memory.logits)
  return {
    runner,
    features,
    logits,
    step(plan) {
      writePlan(control, { ...EMPTY_PLAN, ...plan })
      return runner.step()
    },
  }
}

for (const binding of ['c-api', 'node'] as const) {
  t.test(`${binding}: whatever the plans, logits are those of each sequence alone from its first token on`, async t => {
    const { runner, features, logits, step } = await openBench(binding, 2)
    const planner = new RandomPlanner(geometry, FEATURE_ROWS, lots(1))
    let worst = 0
    let rows = 0
    const seen = { stores: 0, moves: 0, loads: 0, prefills: 0, decodes: 0, repeats: 0 }
    for (let round = 0; round < 120; round++) {
      const { plan, wanted, decoding } = planner.next()
      logits.fill(Number.NaN)
      await step(plan)
      for (let again = 1; again < (plan.decode?.steps ?? 1); again++) {
        const first = wanted.length - decoding.length
        decoding.forEach((sequence, row) => {
          sequence.inputs.push({ token: likeliest(logits, first + row) })
          wanted.push({ sequence, length: sequence.inputs.length })
        })
      }
      wanted.forEach(({ sequence, length }, row) => {
        const expected = tinyLogits(decoder, embed(sequence.inputs.slice(0, length), decoder, features))
        expected.forEach((value, i) => {
          worst = Math.max(worst, distance(value, logits[row * TINY.vocabRows + i]!))
        })
      })
      t.ok(logits.subarray(wanted.length * TINY.vocabRows).every(Number.isNaN), 'rows behind the plan stay untouched')
      rows += wanted.length
      for (const kind of ['stores', 'moves', 'loads', 'prefills'] as const) seen[kind] += plan[kind].length
      seen.decodes += plan.decode?.tokenIds.length ?? 0
      seen.repeats += (plan.decode?.steps ?? 1) - 1
    }
    t.ok(worst < TOLERANCE, `${worst} is the largest error of ${rows} rows`)
    t.ok(Math.min(...Object.values(seen)) > 10, `every kind of work was met: ${JSON.stringify(seen)}`)
    runner.checkIntegrity()
    await runner.close()
  })
}

t.test('a plan that leaves its memory is refused, and the next one runs', async t => {
  const { runner, step } = await openBench('c-api')
  const chunk = { slot: 0, start: 0, segments: [{ kind: 'tokens' as const, ids: [1, 2] }], logitRows: [1] }
  const decode = { firstSlot: 0, tokenIds: [1], lengths: [2], steps: 1 }
  const refuse = (plan: Partial<StepPlan>, message: RegExp): Promise<unknown> =>
    t.rejects(step(plan), { name: 'RangeError', message })
  await refuse({ prefills: [{ ...chunk, start: 23 }] }, /positions 23 to 25 of a slot of 24/)
  await refuse({ prefills: [{ ...chunk, slot: 4 }] }, /slot 4 of 4/)
  await refuse({ prefills: [{ ...chunk, logitRows: [2] }] }, /logits of position 2 of 2/)
  await refuse({ prefills: [{ ...chunk, segments: [] }] }, /chunk without tokens/)
  const long = { kind: 'tokens' as const, ids: new Array(10).fill(1) }
  await refuse({ prefills: [{ ...chunk, segments: [long] }] }, /over 9 tokens/)
  const outside = { kind: 'features' as const, row: 5, count: 2 }
  await refuse({ prefills: [{ ...chunk, segments: [outside] }] }, /feature rows 5 to 7 lie outside/)
  const many = Array.from({ length: 17 }, () => ({ ...chunk, logitRows: [0, 1] }))
  await refuse({ prefills: many }, /34 rows of logits; the region holds 32/)
  await refuse({ decode: { ...decode, lengths: [24] } }, /positions 24 to 25 of a slot of 24/)
  await refuse({ decode: { ...decode, lengths: [20], steps: 5 } }, /positions 20 to 25 of a slot of 24/)
  await refuse({ decode: { ...decode, steps: 33 } }, /33 rows of logits; the region holds 32/)
  await refuse({ decode: { ...decode, firstSlot: 4 } }, /slot 4 of 4/)
  runner.checkIntegrity()
  await step({ prefills: [chunk] })
  await step({ decode })
  runner.checkIntegrity()
  await runner.close()
})

t.test('a chunk that wants no logits writes none, and the same step again gives the same numbers', async t => {
  const { runner, step, logits } = await openBench('c-api')
  await step({ prefills: [{ slot: 0, start: 0, segments: [{ kind: 'tokens', ids: [1, 2] }], logitRows: [] }] })
  t.ok(
    logits.every(value => value === 0),
    'a chunk that wants no logits writes none',
  )
  await step({ decode: { firstSlot: 0, tokenIds: [3], lengths: [2], steps: 1 } })
  const once = Array.from(logits.subarray(0, TINY.vocabRows))
  await step({ decode: { firstSlot: 0, tokenIds: [3], lengths: [2], steps: 1 } })
  t.same(Array.from(logits.subarray(0, TINY.vocabRows)), once, 'the same position again gives the same numbers')
  runner.checkIntegrity()
  await runner.close()
})

/** The token that the worker should feed next: `greedy` leaves out the last one and 2. */
function likeliest(logits: Float32Array, row: number): number {
  const allowed = [0, 1, 3, 4, 5]
  const value = (token: number): number => logits[row * TINY.vocabRows + token]!
  return allowed.reduce((best, token) => (value(token) > value(best) ? token : best))
}

function distance(left: number, right: number): number {
  const difference = Math.abs(left - right)
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
}

/** A fixed sequence of lots: a whole number below the argument (a linear congruential generator, its high bits). */
function lots(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
