/** Runs `work` over the items, at most `limit` at a time; results in item order. The first rejection rejects, and starts no more. */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length)
  let next = 0
  const lane = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await work(items[index]!, index).catch(error => {
        next = items.length
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane))
  return results
}

/**
 * Results in item order, each as soon as those before it are out; at most `limit` works run, and at most four times as
 * many have begun and are not yet taken. Leaving the iteration starts no more; what runs is the caller's to abort.
 */
export async function* mapOrdered<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result> {
  const pending = new Map<number, Promise<Result>>()
  let begun = 0
  let running = 0
  let taken = 0
  let isLeft = false
  const fill = () => {
    while (!isLeft && begun < items.length && running < limit && begun - taken < 4 * limit) {
      const index = begun++
      running++
      const result = work(items[index]!, index).finally(() => {
        running--
        fill()
      })
      // Looked at only when its turn comes: until then a rejection must not count as unhandled.
      result.catch(() => undefined)
      pending.set(index, result)
    }
  }
  try {
    for (; taken < items.length; taken++) {
      fill()
      const result = await pending.get(taken)!
      pending.delete(taken)
      yield result
    }
  } finally {
    isLeft = true
  }
}

/** The events of several sources as they come, at most `limit` sources open at a time. Leaving returns all open sources. */
export async function* mergeBounded<Event>(
  open: readonly (() => AsyncIterable<Event>)[],
  limit: number,
): AsyncGenerator<{ readonly index: number; readonly event: Event }> {
  type Step = { index: number; iterator: AsyncIterator<Event>; result: IteratorResult<Event> }
  const steps = new Map<number, Promise<Step>>()
  const iterators = new Map<number, AsyncIterator<Event>>()
  const advance = (index: number, iterator: AsyncIterator<Event>) =>
    steps.set(
      index,
      iterator.next().then(result => ({ index, iterator, result })),
    )
  let opened = 0
  try {
    for (;;) {
      while (opened < open.length && steps.size < limit) {
        const iterator = open[opened]!()[Symbol.asyncIterator]()
        iterators.set(opened, iterator)
        advance(opened++, iterator)
      }
      if (steps.size === 0) return
      const { index, iterator, result } = await Promise.race(steps.values())
      steps.delete(index)
      if (result.done === true) {
        iterators.delete(index)
        continue
      }
      yield { index, event: result.value }
      advance(index, iterator)
    }
  } finally {
    // A source whose next() is pending ends when its abort signal fires, so this must not be awaited.
    for (const step of steps.values()) step.catch(() => undefined)
    for (const iterator of iterators.values()) iterator.return?.()?.catch(() => undefined)
  }
}
