/** `node:diagnostics_channel` on which the download of a model tells how far it is. Messages are DownloadProgress. */
export const DOWNLOAD_CHANNEL = 'radiant:model-download'

export interface DownloadProgress {
  /** `org/name`, with its revision where one was asked for. */
  readonly model: string
  /** `running` comes about ten times a second; one `ended` comes last, failed or not. */
  readonly state: 'running' | 'ended'
  /** Bytes that are in the cache, those of earlier attempts included. */
  readonly doneBytes: number
  readonly totalBytes: number
}
