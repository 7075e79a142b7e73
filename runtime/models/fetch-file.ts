import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { HubFile } from './hub-client.js'
import { pause, TransientFailure } from './transient-failure.js'

/** Attempts in a row that bring no byte before a transfer is given up. */
const MAX_ATTEMPTS = 5

export interface FetchOptions {
  /** Wait before the first repetition, doubled each time. */
  readonly retryMs: number
  readonly signal: AbortSignal
  /** Called with the bytes that the partial file holds, whenever that changes. */
  readonly onLength: (bytes: number) => void
}

/**
 * Completes `path`, which may hold the beginning of the file from an earlier attempt, with what `read` gives from a
 * byte on, and checks it. A file whose checksum is wrong is fetched once more from its start: its beginning may be
 * that of somebody's crash.
 *
 * @throws TransientFailure when the network or the checksum fails for good; what came so far stays in `path`, unless
 *   it is known to be wrong.
 */
export async function fetchFile(
  file: HubFile,
  path: string,
  read: (from: number) => AsyncIterable<Uint8Array>,
  options: FetchOptions,
): Promise<void> {
  // Neither flag alone will do: `r+` creates nothing, and `w+` empties what is there.
  const handle = await open(path, 'r+').catch(() => open(path, 'w+'))
  try {
    let isFresh = (await handle.stat()).size === 0
    for (;;) {
      const found = await complete(file, handle, read, options)
      if (found === file.digest.value) break
      await handle.truncate(0)
      options.onLength(0)
      if (isFresh) {
        const { kind, value } = file.digest
        throw new TransientFailure(`${file.name} has the ${kind} checksum ${found}; it should have ${value}`)
      }
      isFresh = true
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Fetches what is missing; returns the checksum of the whole file. */
async function complete(
  file: HubFile,
  handle: FileHandle,
  read: (from: number) => AsyncIterable<Uint8Array>,
  { retryMs, signal, onLength }: FetchOptions,
): Promise<string> {
  if ((await handle.stat()).size > file.size) await handle.truncate(0)
  const hash = startHash(file)
  let length = await hashExisting(handle, hash)
  onLength(length)
  for (let attempt = 1; length < file.size; attempt++) {
    const before = length
    try {
      for await (const chunk of read(length)) {
        if (length + chunk.length > file.size)
          throw new TransientFailure(`${file.name} is longer than ${file.size} bytes`)
        await writeFully(handle, chunk, length)
        hash.update(chunk)
        length += chunk.length
        onLength(length)
      }
      if (length < file.size) throw new TransientFailure(`${file.name} ended after ${length} of ${file.size} bytes`)
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error
      if (length > before) attempt = 1
      if (attempt >= MAX_ATTEMPTS) throw error
      await pause(attempt, retryMs, error, signal)
    }
  }
  return hash.digest('hex')
}

/** Git hashes a header before the content: gitformat-blob, `blob SIZE\0`. */
function startHash({ size, digest }: HubFile): Hash {
  return digest.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

async function hashExisting(handle: FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.allocUnsafe(2 ** 20)
  for (let length = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, length)
    if (bytesRead === 0) return length
    hash.update(buffer.subarray(0, bytesRead))
    length += bytesRead
  }
}

async function writeFully(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}
