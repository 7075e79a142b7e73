/** Kinds of files that hold moving pictures. `animation`: read by the picture library. */
export type VideoContainer = 'mp4' | 'webm' | 'animation'

/** What the first bytes say; null for anything else. MP4 stands for QuickTime too, WebM for Matroska. */
export function recogniseContainer(bytes: Uint8Array): VideoContainer | null {
  const text = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)).toString('latin1')
  if (text(0, 4) === 'GIF8' || (text(0, 4) === 'RIFF' && text(8, 4) === 'WEBP')) return 'animation'
  if (text(0, 4) === '\x1a\x45\xdf\xa3') return 'webm'
  const box = text(4, 4)
  // AVIF and HEIF pictures share the box layout.
  if (box === 'ftyp') return /^(avif|heic|heix|mif1)$/.test(text(8, 4)) ? null : 'mp4'
  return ['moov', 'mdat', 'wide', 'free', 'skip'].includes(box) ? 'mp4' : null
}

/**
 * Bytes that the file announces and that are not there, at least; 0 for a whole one. A demuxer reads a cut file without
 * a word, and the clip would merely be shorter. Files written live announce nothing and pass.
 */
export function missingBytes(bytes: Uint8Array, container: VideoContainer): number {
  const ends = { mp4: endOfBoxes, webm: endOfSegment, animation: bytes[0] === 0x47 ? endOfGif : endOfRiff }
  return Math.max(0, ends[container](bytes) - bytes.length)
}

/** End of the last top-level box: 32-bit size and four letters; size 1 is followed by a 64-bit one, size 0 reaches to the end. */
function endOfBoxes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + 8 <= bytes.length) {
    const short = view.getUint32(at)
    if (short === 0) return bytes.length
    if (short === 1 && at + 16 > bytes.length) return at + 16
    const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short
    // No box is smaller than its header; what follows is not for this check to judge.
    if (size < 8) return bytes.length
    at += size
  }
  return at
}

/** End of the trailer, or of the last block where a file has none. */
function endOfGif(bytes: Uint8Array): number {
  const colours = (packed = 0) => (packed & 0x80 ? 3 << ((packed & 7) + 1) : 0)
  let at = 13 + colours(bytes[10])
  while (at < bytes.length && bytes[at] !== 0x3b) {
    if (bytes[at] === 0x2c) at += 11 + colours(bytes[at + 9])
    else if (bytes[at] === 0x21) at += 2
    else return bytes.length
    for (; bytes[at] !== 0; at += 1 + bytes[at]!) if (at >= bytes.length) return at + 1
    at++
  }
  return at
}

function endOfRiff(bytes: Uint8Array): number {
  if (bytes.length < 8) return 8
  return 8 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true)
}

/** End of the segment, the element after the header. Sizes are as long as their first byte has leading zeros, and one. */
function endOfSegment(bytes: Uint8Array): number {
  let at = 0
  for (let element = 0; element < 2; element++) {
    const size = readLength(bytes, at + 4)
    if (size === null) return bytes.length
    at += 4 + size.bytes + size.value
  }
  return at
}

/** null: of unknown size, or not there. */
function readLength(bytes: Uint8Array, at: number): { readonly bytes: number; readonly value: number } | null {
  const first = bytes[at]
  if (first === undefined || first === 0) return null
  const length = Math.clz32(first) - 23
  let value = first & ((1 << (8 - length)) - 1)
  let isUnknown = value === (1 << (8 - length)) - 1
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) return null
    isUnknown &&= byte === 0xff
    value = value * 256 + byte
  }
  return isUnknown ? null : { bytes: length, value }
}
