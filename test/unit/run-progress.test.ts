import t from 'tap'
import { ProgressBar, renderProgress } from '../../frontend/client/progress.js'

const state = { label: 'read', done: 3, failed: 0, total: 12, elapsedMs: 1500 }

t.test('the line shows bar, count, failures and rate', async t => {
  t.equal(renderProgress(state, 80), `read [${`${'='.repeat(7)}>`.padEnd(30)}] 3/12, 2.0/s`)
  t.match(renderProgress({ ...state, failed: 1 }, 80), /3\/12, 1 failed, 2\.0\/s$/)
  t.match(renderProgress({ ...state, done: 12 }, 80), /\[={30}\] 12\/12/)
})

t.test('without a total, or without room, there is no bar', async t => {
  t.equal(renderProgress({ ...state, total: null }, 80), 'read 3, 2.0/s')
  t.equal(renderProgress(state, 18), 'read 3/12, 2.0/s')
  t.equal(renderProgress(state, 10), 'read 3/12,')
})

t.test('no line is wider than the terminal', async t => {
  for (let columns = 1; columns < 100; columns++) {
    for (let done = 0; done <= 12; done++) {
      t.ok(renderProgress({ ...state, done, failed: done }, columns).length <= columns)
    }
  }
})

t.test('a terminal is redrawn ten times a second at most', async t => {
  let now = 0
  const written: string[] = []
  const output = { isTTY: true, columns: 40, write: (text: string) => written.push(text) }
  const bar = new ProgressBar('read', 100, output, () => now)
  for (; now < 1000; now += 10) bar.advance(true)
  t.equal(written.length, 10)
  bar.finish()
  t.match(written.at(-1), /100\/100.*\n$/)
})
