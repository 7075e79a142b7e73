import t from 'tap'
import { createEngine } from '../../runtime/engine.js'
import { misfits } from '../programs/conform.js'
import { CORPUS } from '../programs/corpus.js'

t.test('the program corpus conforms on the embedded model', async t => {
  const engine = await createEngine({ model: 'pocket-v0', threads: 1 })
  t.teardown(() => engine.close())
  t.ok(CORPUS.length >= 9)
  for (const { program, inputs } of CORPUS) {
    const { result } = program.run(engine, inputs, { sampling: { maxTokens: 120 } })
    t.same(misfits(program.toJSON(), await result), [], program.name)
  }
  engine.checkIntegrity()
  t.equal(engine.status().pages.inUse, 0)
})
