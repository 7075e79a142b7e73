import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { DOWNLOAD_CHANNEL, type DownloadProgress } from '../../protocol/download.js'
import type { Output } from './terminal.js'

const BAR_WIDTH = 24

/** Draws downloads of models on one line while `action` runs; on terminals only. */
export async function showDownloads<T>(
  output: Output,
  action: () => Promise<T>,
  now: () => number = () => performance.now(),
): Promise<T> {
  if (!output.isTTY) return action()
  let start: { readonly at: number; readonly bytes: number } | null = null
  const draw = (message: unknown): void => {
    const progress = message as DownloadProgress
    start ??= { at: now(), bytes: progress.doneBytes }
    const seconds = (now() - start.at) / 1000
    const line = downloadLine(progress, progress.doneBytes - start.bytes, seconds, output.columns)
    void output.write(progress.state === 'ended' ? '\r\u001b[K' : `\r\u001b[K${line}`)
  }
  subscribe(DOWNLOAD_CHANNEL, draw)
  try {
    return await action()
  } finally {
    unsubscribe(DOWNLOAD_CHANNEL, draw)
  }
}

/** `org/name [###...] 1.2 of 14.1 GB, 45.0 MB/s, 4 min to go`; what was in the cache before does not count as speed. */
export function downloadLine(
  { model, doneBytes, totalBytes }: DownloadProgress,
  fetchedBytes: number,
  seconds: number,
  columns: number,
): string {
  const filled = Math.floor((doneBytes / Math.max(1, totalBytes)) * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const [unit, name] = totalBytes >= 1e9 ? [1e9, 'GB'] : [1e6, 'MB']
  const amount = `${(doneBytes / unit).toFixed(1)} of ${(totalBytes / unit).toFixed(1)} ${name}`
  const rate = seconds > 0 ? fetchedBytes / seconds : 0
  const left = (totalBytes - doneBytes) / rate
  const parts = [`${model} ${bar} ${amount}`]
  if (rate > 0)
    parts.push(
      `${(rate / 1e6).toFixed(1)} MB/s`,
      left < 90 ? `${Math.ceil(left)} s to go` : `${Math.ceil(left / 60)} min to go`,
    )
  return parts.join(', ').slice(0, Math.max(1, columns - 1))
}
