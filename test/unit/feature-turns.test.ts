import fc from 'fast-check'
import t from 'tap'
import { FeatureService, type PictureOwner } from '../../runtime/engine/feature-service.js'
import type { ImageSpan } from '../../runtime/scheduler/sequence.js'
import { FeatureCache } from '../../runtime/vision/feature-cache.js'

const CAPACITY = 24

interface Request {
  readonly spans: readonly ImageSpan[]
  readonly owner: PictureOwner
  rows: readonly number[] | null
  isDone: boolean
}

/**
 * Requests that all wait at once, asked in an order that changes; each runs for a moment and ends. Returns the encodes,
 * or null when a request was never served.
 */
async function serveAll(pictures: readonly (readonly number[])[], order: number): Promise<number | null> {
  const service = new FeatureService(new FeatureCache(CAPACITY), () => {})
  const requests = pictures.map((keys): Request => {
    const owner = { imageEncodes: 0, featureHits: 0, onFailure: () => {} }
    const spans = keys.map((key, start) => ({ key: String(key), start, count: rowsOf(key) }))
    for (const { key, count } of spans) {
      const encode = () => new Promise<void>(resolve => setImmediate(resolve))
      service.register({ key, rows: count, encode }, owner)
    }
    return { spans, owner, rows: null, isDone: false }
  })
  for (const { spans, owner } of requests) for (const { key } of spans) service.prefetch(key, owner)
  for (let round = 0; round < 300 && requests.some(request => !request.isDone); round++) {
    for (const at of requests.keys()) {
      const request = requests[(at + order * round) % requests.length]!
      if (request.isDone) continue
      if (request.rows === null) {
        request.rows = service.acquireAll(request.spans, request)
        continue
      }
      for (const span of request.spans) service.release(span)
      for (const { key } of request.spans) service.unregister(key, request.owner)
      request.isDone = true
    }
    service.checkIntegrity(false)
    await new Promise(resolve => setImmediate(resolve))
  }
  if (requests.some(request => !request.isDone)) return null
  service.checkIntegrity(true)
  return service.encodes
}

const rowsOf = (key: number): number => 1 + ((key * 5) % 11)

/** Keys of one request, whose different pictures fit the cache together if nothing else is there. */
const keys = fc
  .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 })
  .map(all => all.slice(0, all.findLastIndex((_, end) => totalRows(all.slice(0, end + 1)) <= CAPACITY) + 1))

const totalRows = (all: readonly number[]) => [...new Set(all)].reduce((sum, key) => sum + rowsOf(key), 0)

t.test('requests that do not fit together are served one after the other', async t => {
  const property = fc.asyncProperty(
    fc.array(keys, { minLength: 1, maxLength: 6 }),
    fc.nat(5),
    async (pictures, order) => {
      const encodes = await serveAll(pictures, order)
      return encodes !== null && encodes <= 4 * pictures.flat().length
    },
  )
  await fc.assert(property, { numRuns: 150, seed: 12 })
  t.pass('150 crowds')
})

t.test('a request that needs nothing any more gives the turn up', async t => {
  const service = new FeatureService(new FeatureCache(10), () => {})
  const owner = { imageEncodes: 0, featureHits: 0, onFailure: () => {} }
  const encode = async () => {}
  for (const key of ['a', 'b']) service.register({ key, rows: 8, encode }, owner)
  const [first, second] = [{}, {}]
  const [a, b] = ['a', 'b'].map(key => ({ key, start: 0, count: 8 }))
  const settle = () => new Promise(resolve => setImmediate(resolve))
  t.equal(service.acquireAll([a!], first), null)
  await settle()
  t.equal(service.acquireAll([b!], second), null)
  await settle()
  t.equal(service.encodes, 1, 'what the first one waits for is not evicted')
  t.same(service.acquireAll([], first), [])
  t.equal(service.acquireAll([b!], second), null)
  await settle()
  t.same(service.acquireAll([b!], second), [0])
  service.release(b!)
  for (const key of ['a', 'b']) service.unregister(key, owner)
  service.checkIntegrity(true)
})

t.test('room in pieces is put together for a request that needs it whole', async t => {
  const service = new FeatureService(new FeatureCache(10), () => {})
  const owner = { imageEncodes: 0, featureHits: 0, onFailure: () => {} }
  const picture = (key: string, rows: number) => {
    service.register({ key, rows, encode: async () => {} }, owner)
    return { key, start: 0, count: rows }
  }
  const spans = [picture('a', 3), picture('b', 4), picture('c', 6)] as const
  const settle = () => new Promise(resolve => setImmediate(resolve))
  for (const span of spans.slice(0, 2)) service.prefetch(span.key, owner)
  await settle()
  // b lies at rows 3 to 6, and beside it there are no 6 rows together.
  const wanted = [spans[1], spans[2]]
  t.equal(service.acquireAll(wanted, wanted), null)
  await settle()
  t.same(service.acquireAll(wanted, wanted), [0, 4])
  for (const span of wanted) service.release(span)
  for (const span of spans) service.unregister(span.key, owner)
  service.checkIntegrity(true)
})

t.test('a holder that is passed over loses the turn to those who keep asking', async t => {
  const service = new FeatureService(new FeatureCache(10), () => {})
  const span = (key: string, count: number): ImageSpan => ({ key, start: 0, count })
  const wanted = { first: [span('a', 6), span('b', 4)], second: [span('c', 8)] }
  for (const { key, count } of [...wanted.first, ...wanted.second]) {
    const owner = { imageEncodes: 0, featureHits: 0, onFailure: () => {} }
    service.register({ key, rows: count, encode: async () => {} }, owner)
  }
  t.equal(service.acquireAll(wanted.first, wanted.first), null, 'the first has the turn while its pictures are made')
  let rounds = 0
  while (service.acquireAll(wanted.second, wanted.second) === null && rounds < 1000) {
    rounds++
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(rounds > 100 && rounds < 1000, `served after ${rounds} rounds`)
  service.checkIntegrity(false)
})
