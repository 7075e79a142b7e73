import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compileGrammar } from '../../runtime/grammar/index.js'
import { loadTokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { legalByBytes, legalByMask } from '../support/mask-oracle.js'
import { repositoryRoot } from '../support/paths.js'
import { makeRandom } from '../support/vocabularies.js'

const read = (name: string) => JSON.parse(readFileSync(join(repositoryRoot(), 'models/pocket-v0', name), 'utf8'))
const tokenizer = loadTokenizer(read('tokenizer.json'), read('tokenizer_config.json'), {
  path: 'pocket',
  imageTokenId: 4,
  eosIds: [2],
})
const schema = {
  type: 'object',
  properties: {
    shape: { enum: ['circle', 'square', 'triangle'] },
    colour: { type: 'string', maxLength: 12 },
    count: { type: 'integer', minimum: 0, maximum: 99 },
    position: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], items: false, minItems: 2 },
  },
  required: ['shape', 'colour', 'count', 'position'],
  additionalProperties: false,
}

t.test('masks over a real tokenizer equal brute force, and every text ends as JSON of the schema', async t => {
  const random = makeRandom(51)
  const grammar = compileGrammar({ jsonSchema: schema }, tokenizer)
  for (let round = 0; round < 8; round++) {
    const matcher = grammar.matcher()
    const ids: number[] = []
    while (!matcher.mustStop() && ids.length < 60) {
      const legal = legalByMask(grammar, matcher)
      t.same(legal, legalByBytes(grammar, matcher.state))
      const forced = matcher.forcedTokens()
      const next = forced.length > 0 ? forced : [legal[Math.floor(random() * legal.length)]!]
      for (const id of next) matcher.accept(id)
      ids.push(...next)
    }
    ids.push(...matcher.shortestCompletion())
    const text = Buffer.concat(ids.map(id => tokenizer.bytes(id) ?? new Uint8Array())).toString()
    t.match(JSON.parse(text), {
      shape: /^(circle|square|triangle)$/,
      colour: String,
      count: Number,
      position: [Number, Number],
    })
  }
})

t.test('forced tokens are those that the tokenizer makes of the finished text', async t => {
  const grammar = compileGrammar({ jsonSchema: schema }, tokenizer)
  const ids = tokenizer.encodeContinuation('{"shape":"circle","colour":"red","count":7,"position":[0.5,0.25]}')
  const matcher = grammar.matcher()
  let numForced = 0
  for (let at = 0; at < ids.length; ) {
    const forced = matcher.forcedTokens()
    t.same(forced, ids.slice(at, at + forced.length))
    const next = forced.length > 0 ? forced : [ids[at]!]
    for (const id of next) matcher.accept(id)
    numForced += forced.length
    at += next.length
  }
  t.equal(matcher.mustStop(), true)
  t.ok(numForced >= ids.length * 0.35, `${numForced} of ${ids.length} tokens were forced`)
})
