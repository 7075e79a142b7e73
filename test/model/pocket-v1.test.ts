import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { contentOf, readHeldOutSet, scoreFields, Tally } from '../../bench/accuracy-set.js'
import { createEngine, type RadiantEngine } from '../../runtime/engine.js'
import type { ContentPart, JsonSchema } from '../../runtime/protocol/backend.js'
import { repositoryRoot } from '../support/paths.js'

const examples = join(repositoryRoot(), 'examples')
const skip = existsSync(join(repositoryRoot(), 'models', 'pocket-v1', 'model.safetensors')) ? false : 'no weights'

t.test('the model that "pocket" means reads what the repository ships', { skip }, async t => {
  const engine = await createEngine({ model: 'pocket', threads: 1 })
  t.teardown(() => engine.close())

  await t.test('most fields of the twelve pictures', async t => {
    const set = readHeldOutSet(join(examples, 'pictures'))
    const tally = new Tally()
    await Promise.all(
      set.examples.map(async example => {
        const text = await read(engine, contentOf(set, example), example.prompt, example.schema)
        for (const isRight of scoreFields(text, example.expected).values()) tally.add('fields', isRight)
      }),
    )
    const { right, all } = tally.get('fields')
    t.ok(right / all > 0.8, `${right} of ${all}`)
  })

  await t.test('a page through its tiles, the second time from the cache', async t => {
    const page: ContentPart = {
      kind: 'image',
      image: { bytes: readFileSync(join(examples, 'pages', 'long-receipt.png')) },
    }
    const schema = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] }
    t.equal(await read(engine, page, 'Extract total as JSON.', schema), '{"total":125.04}')
    const again = await engine.generate(request(page, 'Extract date as JSON.')).result
    t.match(again.usage, { imageTokens: 744, cachedImageTokens: 744, imageEncodes: 0 })
  })

  await t.test('a clip', async t => {
    const clip: ContentPart = { kind: 'video', video: { bytes: readFileSync(join(examples, 'clips', 'shape.gif')) } }
    const color = { type: 'string', enum: ['red', 'green', 'blue', 'yellow', 'black'] }
    const shape = { type: 'string', enum: ['circle', 'square', 'triangle'] }
    const direction = { type: 'string', enum: ['left', 'right', 'up', 'down'] }
    const schema = {
      type: 'object',
      properties: { shape, color, direction },
      required: ['shape', 'color', 'direction'],
      additionalProperties: false,
    }
    const text = await read(engine, clip, 'Extract shape, color, direction as JSON.', schema)
    t.equal(text, '{"shape":"triangle","color":"blue","direction":"left"}')
  })

  engine.checkIntegrity()
})

function request(content: ContentPart, question: string, schema?: JsonSchema) {
  const message = { role: 'user', content: [content, { kind: 'text', text: question }] } as const
  return {
    prompt: { kind: 'chat', messages: [message] } as const,
    sampling: { maxTokens: 120 },
    ...(schema !== undefined && { constraint: { kind: 'json-schema', schema } as const }),
  }
}

async function read(
  engine: RadiantEngine,
  content: ContentPart,
  question: string,
  schema: JsonSchema,
): Promise<string> {
  return (await engine.generate(request(content, question, schema)).result).text
}
