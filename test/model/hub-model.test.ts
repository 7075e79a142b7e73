import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createEngine } from '../../runtime/engine.js'
import { HubServer } from '../support/hub-server.js'
import { repositoryRoot } from '../support/paths.js'

t.test('an engine loads a model by its id, and again offline when the hub has gone', async t => {
  const pocket = join(repositoryRoot(), 'models/pocket-v0')
  const files = Object.fromEntries(readdirSync(pocket).map(name => [name, readFileSync(join(pocket, name))]))
  const server = await HubServer.start({ repository: 'tiny/pocket', commit: 'a'.repeat(40), files })
  process.env.HF_ENDPOINT = server.endpoint
  const folder = t.testdir({})
  const options = { model: 'tiny/pocket', modelCachePath: join(folder, 'hub'), cachePath: folder, threads: 1 }
  const answer = async (offline: boolean): Promise<string> => {
    const engine = await createEngine({ ...options, offline })
    t.equal(engine.model.name, 'tiny/pocket')
    const { text } = await engine.generate({
      prompt: { kind: 'raw', parts: [{ kind: 'text', text: 'USER: hello ASSISTANT:' }] },
      sampling: { maxTokens: 4, temperature: 0, ignoreEos: true },
    }).result
    await engine.close()
    return text
  }
  const first = await answer(false)
  await server.close()
  t.equal(await answer(true), first)
  const refused = { code: 'MODEL_OFFLINE', message: /tiny\/other cannot be loaded offline/ }
  await t.rejects(createEngine({ ...options, model: 'tiny/other', offline: true }), refused)
})
