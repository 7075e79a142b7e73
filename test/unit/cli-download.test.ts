import { channel } from 'node:diagnostics_channel'
import t from 'tap'
import { DOWNLOAD_CHANNEL, type DownloadProgress } from '../../runtime/protocol/download.js'
import { downloadLine, showDownloads } from '../../runtime/server/command/download-line.js'

const progress: DownloadProgress = { model: 'a/b', state: 'running', doneBytes: 3e9, totalBytes: 12e9 }

t.test('the line tells how far a download is, its speed and the time left', async t => {
  const bar = '[######..................]'
  t.equal(downloadLine(progress, 0, 0, 100), `a/b ${bar} 3.0 of 12.0 GB`)
  t.equal(downloadLine(progress, 1e9, 20, 100), `a/b ${bar} 3.0 of 12.0 GB, 50.0 MB/s, 3 min to go`)
  t.match(downloadLine({ ...progress, doneBytes: 11.5e9 }, 1e9, 20, 100), /10 s to go$/)
  t.match(downloadLine({ ...progress, doneBytes: 1e6, totalBytes: 5e6 }, 0, 0, 100), /1\.0 of 5\.0 MB$/)
  t.equal(downloadLine(progress, 1e9, 20, 30).length, 29, 'it stays one line')
})

t.test('it is drawn on terminals only, and wiped at the end', async t => {
  for (const isTTY of [true, false]) {
    const written: string[] = []
    const write = async (text: string): Promise<boolean> => written.push(text) > 0
    const value = await showDownloads({ isTTY, columns: 80, write }, async () => {
      channel(DOWNLOAD_CHANNEL).publish(progress)
      channel(DOWNLOAD_CHANNEL).publish({ ...progress, state: 'ended' })
      return 7
    })
    channel(DOWNLOAD_CHANNEL).publish(progress)
    t.equal(value, 7)
    t.match(written, isTTY ? [/a\/b \[/, '\r\u001b[K'] : [])
    t.equal(written.length, isTTY ? 2 : 0)
  }
})
