import fc from 'fast-check'
import t from 'tap'
import { mapBounded, mapOrdered, mergeBounded } from '../../runtime/server/concurrency.js'

const tick = (count: number) =>
  new Promise<void>(resolve => (count === 0 ? resolve() : setImmediate(() => tick(count - 1).then(resolve))))

/** Delays of the works, how many may run, and how many ran at most. */
const works = fc.tuple(fc.array(fc.nat({ max: 4 }), { maxLength: 20 }), fc.integer({ min: 1, max: 6 }))

function counted() {
  let running = 0
  let most = 0
  return {
    most: () => most,
    running: () => running,
    run: async (delay: number) => {
      most = Math.max(most, ++running)
      await tick(delay)
      running--
      return delay
    },
  }
}

t.test('bounded and ordered maps keep the order and the bound', async t => {
  await fc.assert(
    fc.asyncProperty(works, async ([delays, limit]) => {
      const bounded = counted()
      t.strictSame(await mapBounded(delays, limit, bounded.run), delays)
      const ordered = counted()
      const results: number[] = []
      for await (const result of mapOrdered(delays, limit, ordered.run)) results.push(result)
      t.strictSame(results, delays)
      const bound = Math.min(limit, delays.length)
      t.ok(bounded.most() <= bound && ordered.most() <= bound)
    }),
    { numRuns: 50 },
  )
})

t.test('a merge loses and repeats nothing, and keeps the order of each source', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat({ max: 3 }), { maxLength: 5 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      async (sources, limit) => {
        let open = 0
        let most = 0
        const opens = sources.map(
          delays =>
            async function* () {
              most = Math.max(most, ++open)
              for (const delay of delays) {
                await tick(delay)
                yield delay
              }
              open--
            },
        )
        const merged: number[][] = sources.map(() => [])
        for await (const { index, event } of mergeBounded(opens, limit)) merged[index]!.push(event)
        t.strictSame(merged, sources)
        t.equal(open, 0)
        t.ok(most <= limit)
      },
    ),
    { numRuns: 50 },
  )
})

t.test('after a failure nothing more begins', async t => {
  const begun: number[] = []
  const work = async (item: number) => {
    begun.push(item)
    await tick(item)
    if (item === 2) throw new Error('two')
    return item
  }
  await t.rejects(mapBounded([1, 2, 3, 4, 5, 6], 2, work), { message: 'two' })
  await tick(10)
  t.strictSame(begun, [1, 2, 3])
})

t.test('an ordered map runs on beyond a slow head, but not without end', async t => {
  const gate: { open?: () => void } = {}
  const first = new Promise<void>(resolve => {
    gate.open = resolve
  })
  let begun = 0
  const results = mapOrdered(
    Array.from({ length: 100 }, (_, index) => index),
    3,
    async index => {
      begun++
      if (index === 0) await first
      return index
    },
  )
  const head = results.next()
  await tick(50)
  t.equal(begun, 12)
  gate.open!()
  t.equal((await head).value, 0)
  await results.return(undefined)
  const after = begun
  await tick(20)
  t.equal(begun, after, 'leaving begins no more')
})

t.test('a rejection of an ordered map waits for its turn', async t => {
  const results = mapOrdered([3, 0], 2, async delay => {
    await tick(delay)
    if (delay === 0) throw new Error('late')
    return delay
  })
  t.equal((await results.next()).value, 3)
  await t.rejects(results.next(), { message: 'late' })
})

t.test('leaving a merge returns the sources', async t => {
  const left: number[] = []
  const opens = [0, 1].map(
    index =>
      async function* () {
        try {
          for (;;) {
            await tick(1)
            yield index
          }
        } finally {
          left.push(index)
        }
      },
  )
  for await (const { index } of mergeBounded(opens, 2)) if (index === 1) break
  await tick(5)
  t.strictSame(left.sort(), [0, 1])
})
