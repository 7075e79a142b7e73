import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { createEngine, type EngineOptions, type RadiantEngine } from '../../runtime/engine.js'
import { readPocketCases } from '../support/pocket.js'
import { ask, readLabels, readPicture } from '../support/shipped-pictures.js'

const labels = readLabels()
const golden = readPocketCases()
const kindQuestion = 'What kind of document is this?'

async function withEngine(options: EngineOptions, use: (engine: RadiantEngine) => Promise<void>): Promise<void> {
  const engine = await createEngine({ model: 'pocket-v0', threads: 1, ...options })
  try {
    await use(engine)
    await idle(engine)
    engine.checkIntegrity()
    t.equal(engine.status().pages.inUse, 0, 'pages in use return to zero')
  } finally {
    await engine.close()
  }
}

async function idle(engine: RadiantEngine): Promise<void> {
  await engine.flushCache()
  await new Promise(resolve => setImmediate(resolve))
}

for (const binding of ['c-api', 'node'] as const) {
  t.test(`${binding}: greedy texts are those of the reference, from pictures as from ids`, async t => {
    await withEngine({ binding }, async engine => {
      for (const { image, input_ids, greedy_ids } of golden) {
        const bytes = readPicture(image)
        const label = labels.find(row => row.image === image)!
        const byIds = await engine.generate({ prompt: { kind: 'tokens', ids: input_ids, images: [{ bytes }] } }).result
        t.same(byIds.tokenIds, greedy_ids)
        const byChat = await engine.generate(ask(bytes, label.prompt)).result
        t.same(byChat.tokenIds, greedy_ids)
      }
    })
  })
}

t.test('requests run together in memory for few whole contexts, and say what they say alone', async t => {
  const ask16 = (engine: RadiantEngine, maxTokens: number) =>
    labels.slice(0, 16).map(({ image }) => {
      const { prompt } = ask(readPicture(image), kindQuestion)
      return engine.generate({ prompt, sampling: { maxTokens, ignoreEos: true } })
    })
  let alone: string[] = []
  await withEngine({ maxRunning: 1 }, async engine => {
    alone = (await Promise.all(ask16(engine, 40).map(request => request.result))).map(({ text }) => text)
  })
  // Memory for three whole contexts, of which a part is for running requests.
  await withEngine({ kvCacheBytes: 24 * 2 ** 20 }, async engine => {
    const { total, tokens } = engine.status().slots
    t.equal(total, 16)
    t.ok(tokens < 2 * engine.limits.slotCapacity, `memory for ${tokens} tokens`)
    const requests = ask16(engine, 40)
    let most = 0
    for await (const _ of requests.at(-1)!) most = Math.max(most, engine.status().runningRequests)
    t.same(
      (await Promise.all(requests.map(request => request.result))).map(({ text }) => text),
      alone,
    )
    t.ok(most > 3, `${most} ran at once`)
    // Without a limit each may take the whole context: they still share.
    const endless = ask16(engine, 100_000)
    for await (const event of endless[0]!) {
      if (event.type === 'text-delta' && engine.status().slots.heldTokens > tokens) t.fail('more memory than there is')
      if (event.type === 'text-delta' && engine.status().runningRequests > 1) most = -1
      if (most === -1) for (const request of endless) request.abort()
    }
    t.equal(most, -1, 'two or more ran at once')
    await Promise.all(endless.map(request => request.result))
  })
})

t.test(
  'every value obeys its schema, and batched, alone, cached and with or without jump-forward it is the same',
  async t => {
    const ajv = new Ajv2020()
    const texts: string[][] = []
    const variants: EngineOptions[] = [
      {},
      { maxRunning: 1, prefixCache: false, maxChunk: 40 },
      { jumpForward: false, maxRunning: 3, pageSize: 7 },
      { binding: 'node', maxRunning: 5, maxChunk: 17 },
    ]
    for (const options of variants) {
      await withEngine(options, async engine => {
        const results = await Promise.all(
          labels.map(
            ({ image, prompt, schema }) =>
              engine.generate(ask(readPicture(image), prompt, { constraint: { kind: 'json-schema', schema } })).result,
          ),
        )
        texts.push(results.map(result => result.text))
        for (const [index, result] of results.entries()) {
          t.equal(result.finish, 'stop')
          t.ok(ajv.validate(labels[index]!.schema, JSON.parse(result.text)), `${result.text} obeys its schema`)
          t.equal(result.usage.forcedTokens > 0, options.jumpForward !== false)
        }
      })
    }
    for (const other of texts.slice(1)) t.same(other, texts[0])
    const fields = labels.flatMap(({ expected }, index) => {
      const value = JSON.parse(texts[0]![index]!)
      return Object.entries(expected).map(([key, printed]) => value[key] === printed)
    })
    const right = fields.filter(Boolean).length
    t.equal(fields.length, 37)
    t.ok(right >= 33, `${right} of 37 fields are as printed`)
  },
)

t.test('a second question about a picture costs no encode and no picture token, in turn or all at once', async t => {
  await withEngine({}, async engine => {
    const bytes = readPicture(labels[0]!.image)
    const first = await engine.generate(ask(bytes, labels[0]!.prompt)).result
    t.equal(first.usage.imageEncodes, 1)
    t.equal(first.usage.cachedImageTokens, 0)
    const second = await engine.generate(ask(Uint8Array.from(bytes), kindQuestion)).result
    t.same(second.text, 'receipt')
    t.equal(second.usage.imageEncodes, 0)
    t.equal(second.usage.cachedImageTokens, 144)
    t.equal(engine.status().imageEncodes, 1)

    await engine.flushCache()
    const questions = [kindQuestion, 'Is this a label?', 'What is the total?', 'Read all text.']
    const results = await Promise.all(questions.map(text => engine.generate(ask(bytes, text)).result))
    t.equal(engine.status().imageEncodes, 2, 'four questions at once: one encode')
    const computed = results.reduce((sum, { usage }) => sum + usage.imageTokens - usage.cachedImageTokens, 0)
    t.equal(computed, 144, 'and the picture is prefilled once')
  })
})

t.test('another picture never finds this one, and a salt keeps prefixes apart', async t => {
  await withEngine({}, async engine => {
    const one = ask(readPicture('000.png'), kindQuestion)
    const other = ask(readPicture('001.png'), kindQuestion)
    t.equal((await engine.generate(one).result).text, 'receipt')
    const result = await engine.generate(other).result
    t.equal(result.text, 'label')
    t.equal(result.usage.cachedImageTokens, 0)
    const salted = await engine.generate({ ...one, cacheSalt: 'tenant' }).result
    t.equal(salted.usage.cachedTokens, 0)
    t.equal(salted.usage.imageEncodes, 0, 'features are shared, since they tell nothing of the prompt')
  })
})

t.test('select agrees with what the model writes, and repeats as exact tokens', async t => {
  await withEngine({}, async engine => {
    for (const [image, kind] of [
      ['000.png', 'receipt'],
      ['001.png', 'label'],
      ['002.png', 'price tag'],
    ] as const) {
      const { prompt } = ask(readPicture(image), kindQuestion)
      const result = await engine.select({ prompt, choices: ['receipt', 'label', 'price tag', 'price tags'] })
      t.equal(result.choice, kind)
      t.equal(engine.detokenize(result.tokenIds), kind)
      const total = result.scores.reduce((sum, score) => sum + score.probability, 0)
      t.ok(Math.abs(total - 1) < 1e-9)
    }
  })
})

t.test('log-probabilities of prompt and answer are those of a fresh computation', async t => {
  await withEngine({}, async engine => {
    const request = ask(readPicture('001.png'), kindQuestion, { sampling: { maxTokens: 4 } })
    const cold = await engine.generate({ ...request, logprobs: { top: 2, promptFrom: 0 } }).result
    const warm = await engine.generate({ ...request, logprobs: { top: 2, promptFrom: 150 } }).result
    t.equal(cold.promptLogprobs!.length, cold.usage.promptTokens)
    t.equal(cold.promptLogprobs![0]!.logprob, null)
    t.ok(warm.usage.cachedTokens > 0 && warm.usage.cachedTokens <= 149)
    const tail = cold.promptLogprobs!.slice(150)
    t.equal(warm.promptLogprobs!.length, tail.length)
    for (const [index, entry] of warm.promptLogprobs!.entries()) {
      t.ok(Math.abs(entry.logprob! - tail[index]!.logprob!) < 1e-3)
    }
    t.equal(cold.logprobs!.length, 4)
    for (const entry of cold.logprobs!) t.equal(entry.top[0]!.tokenId, entry.tokenId, 'greedy takes the likeliest')
  })
})

t.test('sampled text depends on the seed and not on the neighbours', async t => {
  await withEngine({}, async engine => {
    const request = (seed: number) =>
      ask(readPicture('003.png'), 'Read all text.', { sampling: { temperature: 1.2, seed, maxTokens: 24 } })
    const alone = (await engine.generate(request(7)).result).text
    const crowd = await Promise.all([1, 2, 7, 3, 4].map(seed => engine.generate(request(seed)).result))
    t.equal(crowd[2]!.text, alone)
    t.ok(new Set(crowd.map(result => result.text)).size > 1)
  })
})
