import fc from 'fast-check'
import t from 'tap'
import { TileArena } from '../../runtime/runner/tile-arena.js'

t.test('runs are granted in order of asking, never overlap, and none is lost', async t => {
  const sizes = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), async (sizes, choices) => {
      const arena = new TileArena(8)
      const granted: number[] = []
      const held: { readonly first: number; readonly tiles: number }[] = []
      const taken = new Set<number>()
      for (const [asking, tiles] of sizes.entries()) {
        void arena.allocate(tiles).then(first => {
          granted.push(asking)
          held.push({ first, tiles })
          for (let tile = first; tile < first + tiles; tile++) {
            t.ok(tile >= 0 && tile < 8 && !taken.has(tile))
            taken.add(tile)
          }
        })
      }
      for (let round = 0; granted.length < sizes.length || held.length > 0; round++) {
        await Promise.resolve()
        const [run] = held.splice(choices[round % choices.length]! % Math.max(1, held.length), 1)
        if (!run) continue
        for (let tile = run.first; tile < run.first + run.tiles; tile++) taken.delete(tile)
        arena.free(run.first, run.tiles)
      }
      t.same(
        granted,
        sizes.map((_, asking) => asking),
      )
      arena.checkIntegrity()
    }),
    { numRuns: 60 },
  )
})

t.test('a large picture is not starved by small ones that would still fit', async t => {
  const arena = new TileArena(4)
  const order: string[] = []
  const ask = (name: string, tiles: number) =>
    arena.allocate(tiles).then(first => {
      order.push(name)
      return first
    })
  const first = await ask('first', 2)
  const large = ask('large', 4)
  const small = ask('small', 1)
  await Promise.resolve()
  t.same(order, ['first'])
  arena.free(first, 2)
  arena.free(await large, 4)
  arena.free(await small, 1)
  t.same(order, ['first', 'large', 'small'])
  arena.checkIntegrity()
})

t.test('what never fits is refused, what is not held cannot be freed, and open books are found', async t => {
  const arena = new TileArena(2)
  t.throws(() => arena.allocate(3), RangeError)
  t.throws(() => arena.free(0, 1), /tile 0 is freed but was not taken/)
  const first = await arena.allocate(1)
  t.throws(() => arena.checkIntegrity(), /1 tiles taken/)
  const waiting = arena.allocate(2)
  t.throws(() => arena.checkIntegrity(), /1 waiting/)
  arena.free(first, 1)
  arena.free(await waiting, 2)
  arena.checkIntegrity()
})
