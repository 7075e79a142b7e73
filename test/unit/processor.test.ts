import t from 'tap'
import { namesVnni } from '../../kernels/ort/processor.js'

t.test('byte products count as exact only where every processor names VNNI', async t => {
  const processor = (flags: string) => `processor\t: 0\nmodel name\t: X\nflags\t\t: fpu ${flags}\n`
  t.equal(namesVnni(processor('avx2 avx512_vnni sse')), true)
  t.equal(namesVnni(processor('avx_vnni') + processor('avx_vnni avx2')), true)
  t.equal(namesVnni(processor('avx_vnni') + processor('avx2')), false)
  t.equal(namesVnni(processor('avx2 avx512f')), false)
  t.equal(namesVnni(''), false, 'nothing is known')
})
