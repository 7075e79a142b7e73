import fc from 'fast-check'
import t from 'tap'
import { PrefixCache } from '../../runtime/cache/prefix-cache.js'
import type { RadixNode } from '../../runtime/cache/radix-tree.js'

const PAGE = 4
const elements = (...values: number[]): Int32Array => Int32Array.from(values)
const range = (length: number, offset = 0): Int32Array => Int32Array.from({ length }, (_, index) => index + offset)

t.test('an inserted prefix is found to the element, its last page filled in part included', async t => {
  const cache = new PrefixCache(8, PAGE)
  t.equal(cache.insert('', range(10)).added.length, 3)
  t.equal(cache.match('', range(10)).length, 10)
  t.equal(cache.match('', range(30)).length, 10)
  t.equal(cache.match('', range(7)).length, 7)
  t.equal(cache.match('', elements(0, 1, 2, 3, 4, 99)).length, 5)
  t.equal(cache.match('', elements(9)).length, 0)
  t.same(cache.match('', range(7)).pages, cache.match('', range(10)).pages.slice(0, 2))
  cache.checkIntegrity()
})

t.test('namespaces never share', async t => {
  const cache = new PrefixCache(8, PAGE)
  cache.insert('a', range(8))
  t.equal(cache.match('b', range(8)).length, 0)
  t.equal(cache.match('a', range(8)).length, 8)
})

t.test('a longer prefix takes the place of the tail it covers', async t => {
  const cache = new PrefixCache(8, PAGE)
  cache.insert('', range(6))
  cache.insert('', range(7))
  t.equal(cache.counts().cached, 2)
  cache.insert('', range(8))
  t.equal(cache.counts().cached, 2)
  cache.checkIntegrity()
})

t.test('locked nodes survive eviction, unlocked leaves go least recently used first', async t => {
  const cache = new PrefixCache(4, PAGE)
  const kept = cache.insert('', range(8, 100)).node
  cache.lock(kept)
  cache.insert('', range(4, 200))
  cache.insert('', range(4, 300))
  cache.match('', range(4, 200))
  cache.insert('', range(4, 400))
  t.equal(cache.match('', range(8, 100)).length, 8)
  t.equal(cache.match('', range(4, 300)).length, 0, 'the least recently used leaf went')
  t.equal(cache.match('', range(4, 200)).length, 4)
  t.same(cache.counts(), { total: 4, free: 0, inUse: 2, cached: 2 })
  cache.unlock(kept)
  cache.flush()
  t.same(cache.counts(), { total: 4, free: 4, inUse: 0, cached: 0 })
  cache.checkIntegrity()
})

t.test('what does not fit is left out from the end', async t => {
  const cache = new PrefixCache(2, PAGE)
  t.equal(cache.insert('', range(12)).added.length, 2)
  t.equal(cache.match('', range(12)).length, 8)
  cache.checkIntegrity()
})

t.test('unlocking more often than locking is refused', async t => {
  const cache = new PrefixCache(2, PAGE)
  const { node } = cache.insert('', range(4))
  t.throws(() => cache.unlock(node), { message: /unlock without lock/ })
})

t.test('random traffic agrees with a list of all inserted prefixes, and the books always balance', async t => {
  const step = fc.record({
    kind: fc.constantFrom('insert', 'match', 'lock', 'unlock', 'flush'),
    // A small alphabet makes shared prefixes of every length likely.
    elements: fc.array(fc.integer({ min: -2, max: 1 }), { maxLength: 14 }),
  })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const cache = new PrefixCache(1000, PAGE)
        let inserted: number[][] = []
        const locked: RadixNode[] = []
        for (const { kind, elements } of steps) {
          const key = Int32Array.from(elements)
          if (kind === 'insert') {
            cache.insert('', key)
            inserted.push(elements)
          } else if (kind === 'match') {
            const peeked = cache.peek('', key)
            const { length, pages } = cache.match('', key)
            if (peeked !== length) return false
            const best = Math.max(0, ...inserted.map(other => common(other, elements)))
            if (locked.length === 0 ? length !== best : length < 0) return false
            if (pages.length !== Math.ceil(length / PAGE)) return false
          } else if (kind === 'lock') {
            const { node } = cache.match('', key)
            cache.lock(node)
            locked.push(node)
          } else if (kind === 'unlock') {
            const node = locked.pop()
            if (node) cache.unlock(node)
          } else if (locked.length === 0) {
            cache.flush()
            inserted = []
          }
          cache.checkIntegrity()
        }
        for (const node of locked) cache.unlock(node)
        cache.flush()
        cache.checkIntegrity()
        return cache.counts().free === 1000
      }),
      { numRuns: 300 },
    ),
  )
})

t.test('a small pool under random traffic never loses a page', async t => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 20 }), { maxLength: 50 }), keys => {
        const cache = new PrefixCache(5, PAGE)
        for (const key of keys) {
          const { node, added } = cache.insert('', Int32Array.from(key))
          cache.lock(node)
          cache.checkIntegrity()
          if (added.length > 5) return false
          cache.unlock(node)
        }
        return true
      }),
      { numRuns: 300 },
    ),
  )
})

function common(left: readonly number[], right: readonly number[]): number {
  let count = 0
  while (count < left.length && count < right.length && left[count] === right[count]) count++
  return count
}
