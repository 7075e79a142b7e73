const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Characters (code points) of bytes that may stand as they are inside a JSON string: well-formed UTF-8 without
 * quotes, backslashes and control characters. 0 for all other bytes.
 */
export function plainLength(bytes: Uint8Array): number {
  let isAscii = true
  for (const byte of bytes) {
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return 0
    if (byte >= 0x80) isAscii = false
  }
  if (isAscii) return bytes.length
  if (!isWellFormed(bytes)) return 0
  let length = 0
  for (const byte of bytes) if ((byte & 0xc0) !== 0x80) length++
  return length
}

export function isWellFormed(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Bytes at the end that begin a character without finishing it. */
export function unfinishedTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back ? back : 0
  }
  return 0
}
