import t from 'tap'
import { RequestBook } from '../../runtime/engine/requests.js'

function begin(book: RequestBook, id?: string, onAbort: (id: string) => void = () => {}): string {
  const admitted = book.admit(id)
  book.begin({ id: admitted, abort: () => onAbort(admitted) })
  return admitted
}

const usage = {
  promptTokens: 10,
  cachedTokens: 4,
  imageTokens: 0,
  cachedImageTokens: 0,
  imageEncodes: 0,
  completionTokens: 7,
  forcedTokens: 2,
}

t.test('an id is unique among active requests and free again when its request ends', async t => {
  const book = new RequestBook(10)
  begin(book, 'mine')
  t.throws(() => book.admit('mine'), { code: 'REQUEST_DUPLICATE_ID', data: { id: 'mine' } })
  book.end('mine', 'finished', null)
  t.equal(begin(book, 'mine'), 'mine')
  t.throws(() => book.end('other', 'finished', null), /not active/)
})

t.test('fresh ids are all different, and never those that callers chose', async t => {
  const book = new RequestBook(10)
  const chosen = begin(book, 'request-2')
  const fresh = [begin(book), begin(book), begin(book)]
  t.equal(new Set([chosen, ...fresh]).size, 4)
  for (const id of [chosen, ...fresh]) book.end(id, 'finished', null)
  t.equal(book.size, 0)
})

t.test('one request too many is refused with how many there are', async t => {
  const book = new RequestBook(2)
  begin(book)
  const second = begin(book)
  t.throws(() => book.admit(undefined), { code: 'ENGINE_OVERLOADED', data: { waiting: 2, limit: 2 } })
  book.end(second, 'aborted', null)
  t.doesNotThrow(() => book.admit(undefined))
})

t.test('outcomes and usage add up; a failed request has no usage', async t => {
  const book = new RequestBook(10)
  for (const outcome of ['finished', 'aborted', 'finished'] as const) book.end(begin(book), outcome, usage)
  book.end(begin(book), 'failed', null)
  t.match(book.counters, {
    finishedRequests: 2,
    abortedRequests: 1,
    failedRequests: 1,
    promptTokens: 30,
    cachedTokens: 12,
    generatedTokens: 21,
    forcedTokens: 6,
  })
})

t.test('abort reaches the requests whose id begins with the text', async t => {
  const book = new RequestBook(10)
  const aborted: string[] = []
  for (const id of ['a', 'a-1', 'a-2', 'b']) begin(book, id, id => aborted.push(id))
  t.equal(book.abort('a-'), 2)
  t.same(aborted.splice(0), ['a-1', 'a-2'])
  t.equal(book.abort('c'), 0)
  t.equal(book.abort(''), 4)
  t.same(aborted, ['a', 'a-1', 'a-2', 'b'])
})

t.test('a closed book takes nothing and is drained with the last request, for all who wait', async t => {
  const book = new RequestBook(10)
  await book.drained()
  const [first, second] = [begin(book), begin(book)]
  const ends: string[] = []
  const waiting = [1, 2].map(reader => book.drained().then(() => ends.push(`drained ${reader}`)))
  book.close()
  t.throws(() => book.admit('late'), { code: 'ENGINE_CLOSED' })
  book.end(first, 'finished', null)
  await new Promise(resolve => setImmediate(resolve))
  t.same(ends, [])
  book.end(second, 'failed', null)
  await Promise.all(waiting)
  t.same(ends, ['drained 1', 'drained 2'])
})
