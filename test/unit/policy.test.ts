import fc from 'fast-check'
import t from 'tap'
import {
  ADMISSION_WINDOW,
  admissionOrder,
  chooseMove,
  MAX_PASSED_OVER,
  shouldHoldBack,
} from '../../runtime/scheduler/policy.js'
import { Sequence } from '../../runtime/scheduler/sequence.js'

interface Fields {
  readonly priority?: number
  readonly passedOver?: number
  readonly prompt?: readonly number[]
  readonly namespace?: string
  readonly computed?: number
}

let numMade = 0

function makeSequence({ priority = 0, passedOver = 0, prompt = [1], namespace = '', computed = 0 }: Fields): Sequence {
  const sequence = new Sequence({
    id: `r${numMade++}`,
    namespace,
    priority,
    prompt: Int32Array.from(prompt),
    spans: [],
    capacity: prompt.length + 1,
    logitsFrom: null,
  })
  sequence.passedOver = passedOver
  sequence.computed = computed
  return sequence
}

t.test(
  'admission: priority, then those passed over too often, then the longest cached prefix, then arrival',
  async t => {
    const waiting = fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      passedOver: fc.constantFrom(0, MAX_PASSED_OVER - 1, MAX_PASSED_OVER),
      cached: fc.integer({ min: 0, max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(waiting, { maxLength: ADMISSION_WINDOW }), drawn => {
        const sequences = drawn.map(makeSequence)
        const cached = new Map(sequences.map((sequence, index) => [sequence, drawn[index]!.cached]))
        const order = admissionOrder(sequences, sequence => cached.get(sequence)!)
        t.same(new Set(order), new Set(sequences))
        t.equal(order.length, sequences.length)
        const rank = (sequence: Sequence): number[] => {
          const starved = sequence.passedOver >= MAX_PASSED_OVER
          const found = starved ? 0 : -cached.get(sequence)!
          return [-sequence.priority, starved ? 0 : 1, found, sequences.indexOf(sequence)]
        }
        for (let at = 1; at < order.length; at++) {
          const [before, after] = [rank(order[at - 1]!), rank(order[at]!)]
          const differing = before.findIndex((value, index) => value !== after[index])
          t.ok(before[differing]! < after[differing]!)
        }
      }),
      { numRuns: 60 },
    )
  },
)

t.test('beyond the window only higher priority is looked for, however low that of the window is', async t => {
  const crowd = Array.from({ length: ADMISSION_WINDOW }, () => makeSequence({ priority: -1 }))
  const [usual, urgent, low] = [{}, { priority: 3 }, { priority: -1 }].map(makeSequence)
  const looked: Sequence[] = []
  const order = admissionOrder([...crowd, usual!, low!, urgent!], sequence => {
    looked.push(sequence)
    return 0
  })
  t.same(order.slice(0, 2), [urgent, usual])
  t.notOk(order.includes(low!))
  t.equal(looked.length, ADMISSION_WINDOW + 2)
})

t.test('a request waits for a prefix that a running one computes, when that saves a page at least', async t => {
  const pageSize = 4
  const waiting = makeSequence({ prompt: [1, 2, 3, 4, 5, 6, 7, 8, 9] })
  const running = (fields: Fields) => [makeSequence({ prompt: [1, 2, 3, 4, 5, 6, 7, 9], computed: 2, ...fields })]
  t.equal(shouldHoldBack(waiting, 0, running({}), pageSize), true)
  t.equal(shouldHoldBack(waiting, 3, running({}), pageSize), true, 'seven are shared: four more than are cached')
  t.equal(shouldHoldBack(waiting, 4, running({}), pageSize), false, 'only three more would come')
  t.equal(shouldHoldBack(waiting, 0, running({ namespace: 'other' }), pageSize), false)
  t.equal(shouldHoldBack(waiting, 0, running({ computed: 8 }), pageSize), false, 'its prompt is computed')
  t.equal(shouldHoldBack(waiting, 0, running({ prompt: [1, 2, 3, 9, 9, 9, 9] }), pageSize), false)
  t.equal(shouldHoldBack(waiting, 0, [], pageSize), false)
})

t.test(
  'a move goes from the last decoding slot to the lowest free one before it, and only to close a hole',
  async t => {
    t.same(chooseMove([0, 3], [1, 2]), { from: 3, to: 1 })
    t.same(chooseMove([2, 3], [0, 1]), null, 'neighbours are as close as they can be')
    t.same(chooseMove([1, 4], [0, 5]), { from: 4, to: 0 })
    t.same(chooseMove([1, 4], [5]), null)
    t.same(chooseMove([1], [0]), null)
    t.same(chooseMove([], [0]), null)
    t.same(chooseMove([0, 5], []), null)
  },
)

t.test('moves bring decoding slots together and come to an end', async t => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('decoding', 'free', 'other'), { minLength: 1, maxLength: 12 }), kinds => {
      const slots = [...kinds]
      const of = (kind: string) => slots.flatMap((held, slot) => (held === kind ? [slot] : []))
      const span = () => Math.max(...of('decoding')) - Math.min(...of('decoding'))
      for (let moves = 0; ; moves++) {
        const move = chooseMove(of('decoding'), of('free'))
        if (!move) break
        t.ok(
          moves < kinds.length && slots[move.from] === 'decoding' && slots[move.to] === 'free' && move.to < move.from,
        )
        slots[move.from] = 'free'
        slots[move.to] = 'decoding'
      }
      const decoding = of('decoding')
      if (decoding.length === 0) return
      const hasHole = of('free').some(slot => slot > Math.min(...decoding) && slot < Math.max(...decoding))
      t.notOk(hasHole && span() + 1 > decoding.length, 'no hole is left that a move could close')
    }),
    { numRuns: 200 },
  )
})
