import fc from 'fast-check'
import t from 'tap'
import { partialValue } from '../../runtime/grammar/partial-value.js'

t.test('every prefix of a JSON text is read, and the whole text is the value itself', async t => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat({ max: 2 }), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      for (let length = 0; length < text.length; length++) {
        const { path, value: part } = partialValue(text.slice(0, length))
        let at = part as never
        for (const key of path.slice(0, -1)) at = at[key] as never
      }
      const whole = partialValue(text)
      return (
        whole.complete && whole.path.length === 0 && JSON.stringify(whole.value) === JSON.stringify(JSON.parse(text))
      )
    }),
    { seed: 3, numRuns: 300 },
  )
  t.pass('no prefix throws, and every path leads into the value')
})

t.test('the value grows as the text does', async t => {
  const cases: [string, unknown, (string | number)[], boolean][] = [
    ['', undefined, [], false],
    ['{', {}, [], false],
    ['{"na', {}, [], false],
    ['{"name"', {}, [], false],
    ['{"name":', {}, ['name'], false],
    ['{"name":"Ad', { name: 'Ad' }, ['name'], false],
    ['{"name":"Ada"', { name: 'Ada' }, ['name'], false],
    ['{"name":"Ada",', { name: 'Ada' }, [], false],
    ['{"name":"Ada","tags":[1,{"x":tr', { name: 'Ada', tags: [1, {}] }, ['tags', 1, 'x'], false],
    ['{"a":[', { a: [] }, ['a'], false],
    ['{"a":[]', { a: [] }, ['a'], false],
    ['{"a":[[],', { a: [[]] }, ['a'], false],
    ['{"a":1}', { a: 1 }, [], true],
    ['[1.', [1], [0], false],
    ['[-', [], [0], false],
    ['12', 12, [], true],
    ['tru', undefined, [], false],
    ['"a\\u00', 'a', [], false],
    ['"\\ud83d', '', [], false],
    ['"\\ud83d\\ude00', '😀', [], false],
    ['[1] x', [1], [], false],
  ]
  for (const [text, value, path, complete] of cases) t.same(partialValue(text), { value, path, complete }, text)
})

t.test('hostile text is harmless', async t => {
  const deep = partialValue('['.repeat(200_000))
  t.equal(deep.complete, false)
  t.equal(Object.getPrototypeOf(partialValue('{"__proto__":{"x":1}').value), Object.prototype)
  t.same(partialValue('nonsense'), { value: undefined, path: [], complete: false })
})
