import t from 'tap'
import { FeatureService, type Picture, type PictureOwner } from '../../runtime/engine/feature-service.js'
import { EngineError } from '../../runtime/protocol/error.js'
import type { ImageSpan } from '../../runtime/scheduler/sequence.js'
import { FeatureCache } from '../../runtime/vision/feature-cache.js'

/** A picture whose encoding ends when the test says so. */
class ScriptedPicture implements Picture {
  readonly starts: number[] = []
  #end: { readonly done: () => void; readonly failed: (error: unknown) => void } | null = null

  constructor(
    readonly key: string,
    readonly rows: number,
  ) {}

  encode(row: number): Promise<void> {
    this.starts.push(row)
    return new Promise((done, failed) => {
      this.#end = { done, failed }
    })
  }

  async end(error?: unknown): Promise<void> {
    if (error === undefined) this.#end!.done()
    else this.#end!.failed(error)
    await new Promise(resolve => setImmediate(resolve))
  }

  span(start = 0): ImageSpan {
    return { key: this.key, start, count: this.rows }
  }
}

class Owner implements PictureOwner {
  imageEncodes = 0
  featureHits = 0
  readonly failures: EngineError[] = []
  onFailure(error: EngineError): void {
    this.failures.push(error)
  }
}

function makeService(capacity: number) {
  const counts = { wakes: 0 }
  const service = new FeatureService(new FeatureCache(capacity), () => {
    counts.wakes++
  })
  return { service, counts }
}

t.test('a picture is encoded once for all that show it, and again only after it was dropped', async t => {
  const { service, counts } = makeService(8)
  const picture = new ScriptedPicture('a', 4)
  const owners = [new Owner(), new Owner(), new Owner()]
  for (const owner of owners) service.register(picture, owner)
  for (const owner of owners) service.prefetch('a', owner)
  t.equal(service.acquire(picture.span()), null)
  t.same(picture.starts, [0])
  t.equal(counts.wakes, 0)
  await picture.end()
  t.equal(counts.wakes, 1)
  const spans = owners.map(() => picture.span())
  for (const span of spans) t.equal(service.acquire(span), 0)
  for (const span of spans) service.release(span)
  t.same(
    owners.map(owner => [owner.imageEncodes, owner.featureHits]),
    [
      [1, 0],
      [0, 1],
      [0, 1],
    ],
  )
  service.clear()
  t.equal(service.acquire(picture.span()), null)
  t.equal(service.encodes, 2)
  await picture.end()
  for (const owner of owners) service.unregister('a', owner)
  service.checkIntegrity(true)
})

t.test('a failure reaches every request that shows the picture, once each, and others may try again', async t => {
  const { service, counts } = makeService(8)
  const picture = new ScriptedPicture('a', 4)
  const owners = [new Owner(), new Owner()]
  for (const owner of owners) service.register(picture, owner)
  service.prefetch('a', owners[0]!)
  await picture.end(new EngineError('IMAGE_UNREADABLE', { label: 'a', what: 'it is torn.' }))
  for (const { failures } of owners) t.match(failures, [{ code: 'IMAGE_UNREADABLE' }])
  t.equal(counts.wakes, 1)
  for (const owner of owners) service.unregister('a', owner)
  service.checkIntegrity(true)

  const later = new Owner()
  service.register(picture, later)
  t.equal(service.acquire(picture.span()), null)
  await picture.end(new Error('no errors of the table come from a broken worker'))
  t.match(later.failures, [{ code: 'ENGINE_FAILED' }])
  service.unregister('a', later)
  service.checkIntegrity(true)
})

t.test('a request that shows one picture twice holds it twice', async t => {
  const { service } = makeService(4)
  const picture = new ScriptedPicture('a', 4)
  const owner = new Owner()
  service.register(picture, owner)
  service.register(picture, owner)
  const spans = [picture.span(0), picture.span(9)]
  t.equal(service.acquire(spans[0]!), null)
  await picture.end()
  for (const span of spans) t.equal(service.acquire(span), 0)
  service.release(spans[0]!)
  t.throws(() => service.release(spans[0]!), /was not acquired/)
  service.unregister('a', owner)
  service.release(spans[1]!)
  service.unregister('a', owner)
  t.throws(() => service.unregister('a', owner), /does not show it/)
  service.checkIntegrity(true)
})

t.test('a picture without room waits until one is let go, and starts without being asked again', async t => {
  const { service, counts } = makeService(8)
  const first = new ScriptedPicture('a', 6)
  const second = new ScriptedPicture('b', 6)
  const owner = new Owner()
  for (const picture of [first, second]) service.register(picture, owner)
  const held = first.span()
  service.acquire(held)
  await first.end()
  service.acquire(held)
  t.equal(service.acquire(second.span()), null)
  t.same(second.starts, [], 'what a running request holds is not evicted')
  service.release(held)
  t.same(second.starts, [0])
  t.equal(counts.wakes, 1, 'letting go wakes nobody: there is nothing to find yet')
  await second.end()
  t.equal(counts.wakes, 2)
  for (const { key } of [first, second]) service.unregister(key, owner)
  service.checkIntegrity(true)
})

t.test('a starved picture that nobody shows any more is not encoded', async t => {
  const { service } = makeService(8)
  const first = new ScriptedPicture('a', 6)
  const second = new ScriptedPicture('b', 6)
  const [stays, leaves] = [new Owner(), new Owner()]
  service.register(first, stays)
  service.register(second, leaves)
  const held = first.span()
  service.acquire(held)
  await first.end()
  service.acquire(held)
  service.prefetch('b', leaves)
  service.unregister('b', leaves)
  service.release(held)
  t.same(second.starts, [])
  service.unregister('a', stays)
  service.checkIntegrity(true)
})

t.test('books that do not balance are found', async t => {
  const { service } = makeService(8)
  const picture = new ScriptedPicture('a', 4)
  const owner = new Owner()
  service.register(picture, owner)
  t.throws(() => service.checkIntegrity(true), /1 pictures are registered/)
  const held = picture.span()
  service.acquire(held)
  await picture.end()
  service.acquire(held)
  service.checkIntegrity(false)
  t.throws(() => service.checkIntegrity(true), /1 leases are held/)
  service.release(held)
  service.unregister('a', owner)
  service.checkIntegrity(true)
})
