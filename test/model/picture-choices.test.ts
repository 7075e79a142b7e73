import t from 'tap'
import { describeModel } from '../../runtime/engine/describe.js'
import { createEngine, type EngineOptions } from '../../runtime/engine.js'
import { patternPng } from '../support/family-goldens.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

const model = checkpointPath('next-clip-mistral')
const cachePath = t.testdir()

t.test('where implementations disagree, either can be chosen', async t => {
  // Both shapes fit a picture of this size equally well: each side takes the first of its own reading of the list.
  const question = { pictures: [{ width: 25, height: 17 }], clips: [] }
  const tokens = async (options: EngineOptions) =>
    (await describeModel({ model, ...options }, question)).pictures[0]!.tokens
  const hf = await tokens({})
  t.equal(await tokens({ imageProfile: 'hf' }), hf, 'the layout is that of transformers')
  t.not(await tokens({ imageProfile: 'orig' }), hf)
  t.equal(await tokens({ imageAspect: 'pad' }), 17, 'one tile, and the end of its row')
  t.not(await tokens({ imageAspect: 'hd' }), hf, 'the grids of 1.5-HD')
})

t.test('what is described is what is served', async t => {
  const image = { bytes: await patternPng([25, 17]) }
  const { pictures } = await describeModel(
    { model, imageProfile: 'orig' },
    { pictures: [{ width: 25, height: 17 }], clips: [] },
  )
  const engine = await createEngine({ model, cachePath, threads: 1, imageProfile: 'orig', chatTemplate: 'vicuna_v1' })
  const ask = {
    kind: 'chat',
    messages: [
      {
        role: 'user',
        content: [
          { kind: 'image', image },
          { kind: 'text', text: 'What?' },
        ],
      },
    ],
  }
  const { usage, promptLogprobs } = await engine.generate({
    prompt: ask as Parameters<typeof engine.generate>[0]['prompt'],
    sampling: { maxTokens: 1 },
    logprobs: { top: 0, promptFrom: 0 },
  }).result
  t.equal(usage.imageTokens, pictures[0]!.tokens)
  t.match(
    engine.detokenize(promptLogprobs!.map(each => each.tokenId)),
    /^A chat between a curious user.*USER: .*What\? ASSISTANT:$/s,
  )
  await engine.close()
  const unknown = createEngine({ model, cachePath, chatTemplate: 'vicuna' })
  await t.rejects(unknown, {
    code: 'TEMPLATE_FAILED',
    message: /there is no template "vicuna"; built in are .*vicuna_v1/,
  })
})

t.test('a 1.5 checkpoint looks at a picture in high definition', async t => {
  const image = { bytes: await patternPng([70, 40]) }
  const plain = checkpointPath('llava-clip-llama')
  const question = { pictures: [{ width: 70, height: 40 }], clips: [] }
  const { pictures } = await describeModel({ model: plain, imageAspect: 'hd' }, question)
  const engine = await createEngine({ model: plain, cachePath, threads: 1, imageAspect: 'hd' })
  const content = [{ kind: 'image', image } as const, { kind: 'text', text: 'What?' } as const]
  const { usage } = await engine.generate({
    prompt: { kind: 'chat', messages: [{ role: 'user', content }] },
    sampling: { maxTokens: 1 },
  }).result
  t.equal(usage.imageTokens, pictures[0]!.tokens)
  t.ok(pictures[0]!.tiles > 1 && usage.imageTokens > 16)
  engine.checkIntegrity()
  await engine.close()
})
