import t from 'tap'
import { compileGrammar } from '../../runtime/grammar/index.js'
import { letter, makeHarness, STOP_ID } from '../support/core-harness.js'
import { naiveGenerate } from '../support/naive-generate.js'
import { VOCABULARY } from '../support/scripted-runner.js'
import { makeVocabulary } from '../support/vocabularies.js'

const limits = { numSlots: 3, pageSize: 4, numPages: 32, maxChunk: 8 }
const tokens = Array.from({ length: VOCABULARY }, (_, id) => (id === STOP_ID ? null : letter(id)))
const vocabulary = makeVocabulary(tokens, [STOP_ID])
const grammar = compileGrammar({ choices: ['bcbcb', 'ccc'], reasoningEnd: 'd' }, vocabulary)
const gated = /^[^d]*d(?:bcbcb|ccc)$/

t.test('the constraint begins to rule after the mark, and the text before it is free', async t => {
  const { submit, idle } = makeHarness(limits)
  let openings = 0
  for (let first = 1; first < 8; first++) {
    const request = { prompt: [first, 2, 3], matcher: () => grammar.matcher(), maxTokens: 40 }
    const plain = await submit(request).result
    const closed = await submit({ ...request, maxTokens: 4, closeOnLength: true }).result
    t.match(closed.text, gated, 'a cut text is closed through the mark')
    for (const [result, naive] of [
      [plain, naiveGenerate(request)],
      [closed, naiveGenerate({ ...request, maxTokens: 4, closeOnLength: true })],
    ] as const)
      t.same([result.text, result.tokenIds, result.finish], [naive.text, naive.tokenIds, naive.finish])
    if (plain.finish === 'stop') t.match(plain.text, gated)
    if (plain.text.indexOf('d') > 0) openings++
  }
  t.ok(openings > 0, 'some text came before the mark')
  await idle()
})
