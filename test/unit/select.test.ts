import fc from 'fast-check'
import t from 'tap'
import { chooseOption, type OptionTokens, planBranches, SelectTask } from '../../runtime/engine/select-task.js'
import { Sequence } from '../../runtime/scheduler/sequence.js'

const toOptions = (all: readonly (readonly number[])[]): OptionTokens[] =>
  all.map((ids, index) => ({ choice: `option ${index}`, ids }))

// Few symbols: options share beginnings, begin each other, and are equal.
const ids = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 })
const optionList = fc.array(ids, { minLength: 1, maxLength: 8 })

t.test(
  'branches feed every token of every option but its last, each once and after exactly its own prefix',
  async t => {
    const promptLength = 5
    fc.assert(
      fc.property(optionList, fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 8 }), (all, held) => {
        const slot = [...held]
        const visited = new Set(held.map((_, index) => held.slice(0, index + 1).join()))
        for (const { start, ids, prefix } of planBranches(toOptions(all), promptLength, held)) {
          t.same(slot.slice(0, start - promptLength), prefix)
          t.ok(ids.length >= 1 && ids.length <= 16)
          slot.length = prefix.length
          for (const id of ids) {
            slot.push(id)
            t.notOk(held.length === 0 && visited.has(slot.join()), 'from nothing on, nothing is fed twice')
            visited.add(slot.join())
          }
        }
        for (const option of all) {
          for (let length = 1; length < option.length; length++) t.ok(visited.has(option.slice(0, length).join()))
        }
      }),
      { numRuns: 100 },
    )
  },
)

t.test('options of one token need no branch', async t => {
  t.same(planBranches(toOptions([[1], [2], [3]]), 7), [])
  t.same(planBranches(toOptions([[1, 2]]), 7), [{ start: 7, ids: [1], prefix: [] }])
})

t.test('a task that is fed in pieces of any size asks for what is missing until nothing is', async t => {
  fc.assert(
    fc.property(
      optionList,
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 }),
      (all, budgets) => {
        const sequence = new Sequence({
          id: 'r',
          namespace: '',
          priority: 0,
          prompt: Int32Array.of(9, 9),
          spans: [],
          capacity: 64,
          logitsFrom: null,
        })
        let numSettled = 0
        const settle = { done: () => numSettled++, failed: () => t.fail() }
        const task = new SelectTask(sequence, toOptions(all), 4, settle)
        const logits = new Float32Array(4)
        t.equal(task.advance(), false, 'nothing is known before the prompt is computed')
        task.consume(1, logits, null)
        let numFed = 0
        for (let step = 0; !task.advance(); step++) {
          // At least one token now and then, as any scheduler must give.
          let budget = budgets[step % budgets.length]! + (step % 5 === 4 ? 1 : 0)
          for (const { prefix, ids } of sequence.branches) {
            const fed = ids.slice(0, budget)
            budget -= fed.length
            numFed += fed.length
            fed.forEach((_, row) => {
              task.consume(0, logits, [...prefix, ...ids.slice(0, row + 1)])
            })
            if (fed.length < ids.length) break
          }
          t.ok(step < 3000)
        }
        const needed = new Set(
          all.flatMap(option => option.slice(0, -1).map((_, at) => option.slice(0, at + 1).join())),
        )
        t.equal(numFed, needed.size, 'nothing is fed twice')
        task.complete()
        t.equal(numSettled, 1)
      },
    ),
    { numRuns: 100 },
  )
})

const options = toOptions([[1, 2], [1, 3, 4], [5]])

t.test('by length: the mean log-probability decides, of equal ones the first', async t => {
  const chosen = chooseOption(options, [[-1, -3], [-1, -1, -1], [-2]], 'token-length-normalized', null)
  t.match(chosen, { choice: 'option 1', index: 1 })
  t.same(
    chosen.scores.map(score => score.score),
    [-2, -1, -2],
  )
  t.equal(chooseOption(options, [[-1, -1], [-1, -1, -1], [-1]], 'token-length-normalized', null).index, 0)
})

t.test('probabilities are the softmax over whole options, also where all are hopeless', async t => {
  for (const worst of [0, -5000]) {
    const scores = [[worst, Math.log(1)], [worst, Math.log(2), 0], [worst + Math.log(5)]]
    const { scores: chosen } = chooseOption(options, scores, 'token-length-normalized', null)
    for (const [index, expected] of [1 / 8, 2 / 8, 5 / 8].entries()) {
      t.ok(Math.abs(chosen[index]!.probability - expected) < 1e-9)
    }
    t.same(
      chosen.map(({ choice, tokenIds, logprobs }) => ({ choice, tokenIds, logprobs })),
      options.map(({ choice, ids }, index) => ({ choice, tokenIds: ids, logprobs: scores[index] })),
    )
  }
})

t.test('against the options alone: what the prompt adds decides', async t => {
  const scores = [[-1, -1], [-2, -2, -2], [-3]]
  const alone = [[-1, -1], [-4, -4, -4], [-4]]
  const chosen = chooseOption(options, scores, 'unconditional-likelihood-normalized', alone)
  t.equal(chosen.index, 1)
  t.same(
    chosen.scores.map(score => score.score),
    [0, 2, 1],
  )
})

t.test('token by token: the likeliest next token decides, and an option that ended counts with its mean', async t => {
  const pick = (all: readonly (readonly number[])[], scores: readonly (readonly number[])[]) =>
    chooseOption(toOptions(all), scores, 'greedy-token', null).index
  t.equal(
    pick(
      [
        [1, 2],
        [3, 4],
      ],
      [
        [-1, -9],
        [-2, -1],
      ],
    ),
    0,
    'a good first token outweighs all that follow',
  )
  t.equal(
    pick(
      [
        [1, 2, 3],
        [1, 2, 4],
        [1, 5],
      ],
      [
        [-1, -2, -7],
        [-1, -2, -6],
        [-1, -3],
      ],
    ),
    1,
  )
  t.equal(pick([[1], [1, 2]], [[-1], [-1, -0.5]]), 1, 'going on is likelier than the mean of the one that ended')
  t.equal(pick([[1], [1, 2]], [[-1], [-1, -2]]), 0)
  t.equal(
    pick(
      [
        [1, 2],
        [1, 2],
      ],
      [
        [-1, -2],
        [-1, -2],
      ],
    ),
    0,
    'of equal ones the first',
  )
  t.equal(pick([[7]], [[-3]]), 0)
})

t.test('on single tokens all methods that look at the prompt agree', async t => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -20, max: 0, noNaN: true }), { minLength: 1, maxLength: 8 }), logprobs => {
      const single = toOptions(logprobs.map((_, id) => [id]))
      const scores = logprobs.map(logprob => [logprob])
      const [mean, greedy] = (['token-length-normalized', 'greedy-token'] as const).map(
        method => chooseOption(single, scores, method, null).index,
      )
      t.equal(mean, logprobs.indexOf(Math.max(...logprobs)))
      t.equal(greedy, mean)
    }),
  )
})
