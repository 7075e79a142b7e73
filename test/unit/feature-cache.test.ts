import fc from 'fast-check'
import t from 'tap'
import { FeatureCache, type FeatureLease } from '../../runtime/vision/feature-cache.js'
import { RowArena } from '../../runtime/vision/row-arena.js'

function encode(cache: FeatureCache, key: string, rows: number): FeatureLease {
  const lease = cache.reserve(key, rows)
  if (lease === null) throw new Error(`${key} does not fit`)
  cache.commit(lease)
  cache.release(lease)
  return lease
}

t.test('a picture is reserved, committed, released and found again at its place', async t => {
  const cache = FeatureCache.withBudget(1000 * 4 * 8, 4 * 8)
  t.equal(cache.capacity, 1000)
  t.equal(cache.acquire('a'), null)
  const first = cache.reserve('a', 576)!
  t.equal(first.state, 'pending')
  t.strictSame(cache.usage, { free: 424, idle: 0, held: 576 })
  cache.commit(first)
  cache.release(first)
  t.strictSame(cache.usage, { free: 424, idle: 576, held: 0 })
  const again = cache.acquire('a')!
  t.strictSame([again.offset, again.rows, again.state], [first.offset, 576, 'ready'])
  cache.checkIntegrity()
  cache.release(again)
  cache.checkIntegrity()
})

t.test('whoever asks while a picture is pending waits on the same entry', async t => {
  const cache = new FeatureCache(100)
  const first = cache.reserve('a', 60)!
  const second = cache.acquire('a')!
  t.equal(second.state, 'pending')
  cache.commit(first)
  t.equal(second.state, 'ready')
  t.equal(second.offset, first.offset)
  cache.release(first)
  t.equal(cache.reserve('b', 60), null, 'the waiter still holds the rows')
  cache.release(second)
  t.not(cache.reserve('b', 60), null)
  cache.checkIntegrity()
})

t.test('a failure is seen by all waiters, frees the rows with the last and lets the key be tried again', async t => {
  const cache = new FeatureCache(100)
  const first = cache.reserve('a', 60)!
  const second = cache.acquire('a')!
  cache.fail(first)
  t.equal(second.state, 'failed')
  t.equal(cache.acquire('a'), null)
  cache.release(first)
  t.equal(cache.usage.free, 40)
  cache.release(second)
  t.equal(cache.usage.free, 100)
  encode(cache, 'a', 60)
  cache.checkIntegrity()
})

t.test('the least recently used go first, and only as many as needed', async t => {
  const cache = new FeatureCache(100)
  for (const key of ['a', 'b', 'c', 'd']) encode(cache, key, 25)
  cache.release(cache.acquire('a')!)
  encode(cache, 'e', 25)
  t.strictSame(
    ['a', 'b', 'c', 'd', 'e'].filter(key => cache.has(key)),
    ['a', 'c', 'd', 'e'],
  )
})

t.test('held rows are never evicted, and a hopeless request evicts nothing', async t => {
  const cache = new FeatureCache(100)
  encode(cache, 'left', 40)
  const middle = cache.reserve('middle', 20)!
  encode(cache, 'right', 40)
  t.equal(cache.reserve('large', 41), null)
  t.ok(cache.has('left') && cache.has('right'))
  t.equal(cache.reserve('huge', 101), null)
  cache.commit(middle)
  cache.release(middle)
  t.equal(encode(cache, 'large', 100).offset, 0)
  cache.checkIntegrity()
})

t.test('misuse is an error, not a silent loss of rows', async t => {
  const cache = new FeatureCache(100)
  const lease = cache.reserve('a', 10)!
  t.throws(() => cache.reserve('a', 10), /reserved already/)
  t.throws(() => cache.reserve('b', 0), /0 rows cannot be reserved/)
  t.throws(() => cache.release(lease), /still pending/)
  cache.commit(lease)
  t.throws(() => cache.commit(lease), /ready, not pending/)
  t.throws(() => cache.fail(lease), /ready, not pending/)
  cache.release(lease)
  t.throws(() => cache.release(lease), /released before/)
  const arena = new RowArena(10)
  t.throws(() => arena.give({ offset: 2, rows: 3 }), /free already/)
})

t.test('clear drops what nobody holds', async t => {
  const cache = new FeatureCache(100)
  encode(cache, 'a', 30)
  const lease = cache.reserve('b', 30)!
  cache.clear()
  t.strictSame(cache.usage, { free: 70, idle: 0, held: 30 })
  cache.commit(lease)
  cache.release(lease)
  cache.checkIntegrity()
})

t.test('any order of calls keeps the books balanced', async t => {
  const step = fc.record({
    action: fc.nat(4),
    key: fc.nat(9),
    rows: fc.integer({ min: 1, max: 50 }),
    lease: fc.nat(20),
  })
  const balanced = fc.property(fc.array(step, { maxLength: 120 }), steps => {
    const cache = new FeatureCache(120)
    const leases: FeatureLease[] = []
    for (const { action, key, rows, lease: index } of steps) {
      const name = `picture ${key}`
      const lease = leases[index % Math.max(1, leases.length)]
      if (action === 0) {
        const made = cache.has(name) ? cache.acquire(name) : cache.reserve(name, rows)
        if (made !== null) leases.push(made)
      } else if (action === 1 && lease?.state === 'pending') cache.commit(lease)
      else if (action === 2 && lease?.state === 'pending') cache.fail(lease)
      else if (action === 3 && lease !== undefined && lease.state !== 'pending') {
        cache.release(lease)
        leases.splice(leases.indexOf(lease), 1)
      } else if (action === 4) cache.clear()
      cache.checkIntegrity()
      const { free, idle, held } = cache.usage
      if (free + idle + held !== 120) return false
    }
    for (const lease of leases) if (lease.state === 'pending') cache.commit(lease)
    for (const lease of leases) cache.release(lease)
    cache.clear()
    cache.checkIntegrity()
    return cache.usage.free === 120
  })
  t.doesNotThrow(() => fc.assert(balanced, { numRuns: 300, seed: 9 }))
})
