import t from 'tap'
import { describeModel } from '../../runtime/engine/describe.js'
import { createEngine } from '../../runtime/engine.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

t.test('a description tells tokens as the engine counts them', async t => {
  const picture = { width: 640, height: 427 }
  const description = await describeModel({ model: 'pocket-v0' }, { pictures: [picture], clips: [] })
  t.match(description, { name: 'pocket-v0', summary: { family: 'llava', tokensPerTile: 144, tokensPerFrame: null } })
  t.same(description.pictures, [{ size: picture, tiles: 1, tokens: 144 }])
  const engine = await createEngine({ model: 'pocket-v0', threads: 1 })
  t.equal(engine.model.contextLength, description.summary.contextLength)
  t.equal(engine.model.path, description.path)
  await engine.close()
})

t.test('pictures of several tiles and clips have their own counts', async t => {
  const model = checkpointPath('video-clip-llama')
  const question = { pictures: [{ width: 100, height: 400 }], clips: [1, 8] }
  const { summary, pictures, clips } = await describeModel({ model }, question)
  t.ok(pictures[0]!.tiles > 1 && pictures[0]!.tokens > summary.tokensPerTile)
  t.same(
    clips,
    question.clips.map(frames => ({ frames, tokens: frames * summary.tokensPerFrame! })),
  )
})

t.test('what cannot be described says why', async t => {
  const nothing = { pictures: [], clips: [] }
  await t.rejects(describeModel({ model: 'pocket-v0' }, { ...nothing, clips: [4] }), {
    code: 'REQUEST_INVALID',
    message: 'The model pocket-v0 takes pictures, no videos.',
  })
  await t.rejects(describeModel({ model: 'nothing here' }, nothing), { code: 'MODEL_NOT_FOUND' })
})
