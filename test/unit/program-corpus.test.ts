import t from 'tap'
import { loadProgram } from '../../frontend/index.js'
import { decode, hashOf } from '../../frontend/ir/codec.js'
import { explain } from '../../frontend/ir/print.js'
import { verify } from '../../frontend/ir/verify.js'
import { misfits } from '../programs/conform.js'
import { CORPUS } from '../programs/corpus.js'
import { golden } from '../support/golden.js'
import { scripted } from '../support/scripts.js'

for (const { program, inputs, answers, result } of CORPUS) {
  t.test(program.name, async t => {
    t.test('gives exactly the result that its answers make', async t => {
      const backend = scripted(answers)
      const actual = await program.run(backend, inputs).result
      t.same(actual, result)
      t.same(misfits(program.toJSON(), actual), [])
      backend.checkIntegrity()
    })

    t.test('prints as it always has', async t => {
      t.equal(program.explain(), golden(`${program.name}.explain.txt`, program.explain()))
    })

    t.test('survives JSON with the same hash and the same text', async t => {
      const loaded = decode(JSON.parse(JSON.stringify(program)))
      t.ok(loaded.ok)
      if (!loaded.ok) return
      t.same(verify(loaded.ir), [])
      t.equal(hashOf(loaded.ir), program.hash)
      t.equal(explain(loaded.ir), program.explain())
      t.equal(loadProgram(JSON.stringify(program)).hash, program.hash)
    })
  })
}

t.test('programs differ in their hashes', async t => {
  t.equal(new Set(CORPUS.map(({ program }) => program.hash)).size, CORPUS.length)
})

t.test('what does not fit a program is told', async t => {
  const [question] = CORPUS
  const ir = question!.program.toJSON()
  t.same(misfits(ir, { answer: 3 }), ['answer is 3: not a string'])
  t.same(misfits(ir, { answer: '', more: '' }), ['more should not be there'])
})
