import fc from 'fast-check'
import t from 'tap'
import { SlotMemory } from '../../runtime/scheduler/slot-memory.js'

const limits = { numSlots: 4, slotCapacity: 1000, slotTokens: 1500 }

t.test('sequences run together as long as all could still end', async t => {
  const memory = new SlotMemory(limits, 10)
  t.ok(memory.seat(0, 100, 1000), 'one that may take a whole slot')
  t.ok(memory.seat(1, 100, 1000), 'another: one of them can always go first')
  t.ok(memory.seat(2, 95, 200))
  t.equal(memory.held, 300, 'whole pages')
  t.ok(memory.grow(0, 400), 'with some to spare')
  t.equal(memory.held, 860)
  t.ok(memory.grow(0, 900))
  t.notOk(memory.seat(3, 350, 350), 'there is no memory for this one now')
  t.ok(memory.seat(3, 100, 100))
  t.notOk(memory.grow(1, 500), 'the first may yet need all that is left')
  t.ok(memory.grow(0, 1000))
  memory.release(0)
  t.ok(memory.grow(1, 500), 'its memory is taken back from the free slot')
  t.same(memory.takeTrims(), [0])
  t.same(memory.takeTrims(), [])
  memory.checkIntegrity()
})

t.test('where an earlier sequence left too much, the place is taken without it', async t => {
  const memory = new SlotMemory(limits, 10)
  memory.seat(0, 600, 600)
  memory.release(0)
  memory.seat(1, 800, 1000)
  t.ok(memory.seat(0, 100, 1000))
  t.same(memory.takeTrims(), [0])
  t.equal(memory.held, 900)
  memory.checkIntegrity()
})

t.test('a moved sequence leaves memory behind, which others may then have', async t => {
  const memory = new SlotMemory(limits, 10)
  memory.seat(0, 1000, 1000)
  memory.seat(1, 400, 400)
  memory.release(0)
  t.ok(memory.seat(2, 200, 500), 'what the first left is taken back')
  t.notOk(memory.move(2, 0, 200), 'moves are made before trims, so this one would be lost')
  t.same(memory.takeTrims(), [0])
  t.ok(memory.move(2, 0, 200))
  t.equal(memory.held, 800, 'what it moved away from still holds its memory')
  t.ok(memory.seat(3, 900, 1000))
  t.same(memory.takeTrims(), [2])
  memory.checkIntegrity()
})

t.test('less memory than one request may take is refused', async t => {
  t.throws(() => new SlotMemory({ ...limits, slotTokens: 999 }, 10), RangeError)
})

t.test('whatever is asked for, memory is not exceeded and some sequence can always grow to its end', async t => {
  const act = fc.record({
    slot: fc.nat(3),
    kind: fc.constantFrom('seat', 'grow', 'grow', 'release', 'move', 'take'),
    needed: fc.integer({ min: 1, max: 1000 }),
    more: fc.nat(999),
    to: fc.nat(3),
  })
  const budget = fc.integer({ min: 1000, max: 4500 })
  const pageSize = fc.constantFrom(1, 10, 20)
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), budget, pageSize, (acts, slotTokens, pageSize) => {
      const memory = new SlotMemory({ ...limits, slotTokens }, pageSize)
      const claims: (number | null)[] = [null, null, null, null]
      const needs = [0, 0, 0, 0]
      for (const { slot, kind, needed, more, to } of acts) {
        const claim = claims[slot]!
        if (kind === 'seat' && claim === null) {
          const most = Math.min(1000, needed + more)
          if (memory.seat(slot, needed, most)) [claims[slot], needs[slot]] = [most, needed]
        } else if (kind === 'grow' && claim !== null) {
          const wanted = Math.min(claim, needs[slot]! + needed)
          if (memory.grow(slot, wanted)) needs[slot] = wanted
        } else if (kind === 'release' && claim !== null) {
          memory.release(slot)
          claims[slot] = null
        } else if (kind === 'move' && claim !== null && claims[to] === null) {
          if (!memory.move(slot, to, needs[slot]!)) continue
          ;[claims[to], needs[to], claims[slot]] = [claim, needs[slot]!, null]
        } else if (kind === 'take') memory.takeTrims()
        memory.checkIntegrity()
      }
      let waiting = claims.flatMap((claim, slot) => (claim === null ? [] : [slot]))
      while (waiting.length > 0) {
        const done = waiting.filter(slot => memory.grow(slot, claims[slot]!))
        t.not(done.length, 0, 'nobody can end')
        for (const slot of done) memory.release(slot)
        waiting = waiting.filter(slot => !done.includes(slot))
      }
      memory.checkIntegrity()
      t.ok(memory.seat(0, 1000, 1000), 'afterwards the longest request fits')
    }),
    { numRuns: 500 },
  )
})
