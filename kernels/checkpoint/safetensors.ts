import { open } from 'node:fs/promises'
import { KernelFailure } from '../failure.js'

/** Bytes per element of every type the format knows; only those that numbers.ts converts can be read. */
const TYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
}

/** The reference reader refuses longer headers too. */
const MAX_HEADER_BYTES = 100_000_000
const LENGTH_BYTES = 8

export interface TensorEntry {
  readonly name: string
  /** F32, F16, BF16, I64, ... as the header spells it. */
  readonly type: string
  readonly shape: readonly number[]
  readonly file: string
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly length: number
}

export interface SafetensorsFile {
  readonly file: string
  readonly size: number
  /** The header as it stands in the file: part of the checkpoint's fingerprint. */
  readonly header: Buffer
  readonly tensors: readonly TensorEntry[]
}

/**
 * Reads and checks the header of one file; no weights are touched.
 * Throws MODEL_CORRUPT, with `path` (the checkpoint's folder) in its data.
 */
export async function readSafetensorsFile(path: string, file: string): Promise<SafetensorsFile> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const corrupt = (what: string): KernelFailure =>
      new KernelFailure('MODEL_CORRUPT', { path, what: `${baseName(file)}: ${what}` })
    if (size < LENGTH_BYTES) {
      throw corrupt(`${size} bytes are left of the file; a safetensors file begins with an 8-byte header length.`)
    }
    const prefix = Buffer.alloc(LENGTH_BYTES)
    await handle.read(prefix, 0, LENGTH_BYTES, 0)
    const headerBytes = prefix.readBigUInt64LE()
    if (headerBytes > BigInt(MAX_HEADER_BYTES)) {
      throw corrupt(`the header claims ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are allowed.`)
    }
    const length = Number(headerBytes)
    if (LENGTH_BYTES + length > size) {
      throw corrupt(`the header claims ${length} bytes and the file ends after ${size - LENGTH_BYTES} of them.`)
    }
    const header = Buffer.alloc(length)
    await handle.read(header, 0, length, LENGTH_BYTES)
    return { file, size, header, tensors: parseHeader(header, file, size, corrupt) }
  } finally {
    await handle.close()
  }
}

function parseHeader(
  header: Buffer,
  file: string,
  size: number,
  corrupt: (what: string) => KernelFailure,
): readonly TensorEntry[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(header.toString('utf8'))
  } catch (error) {
    throw corrupt(`the header is not JSON (${(error as Error).message}).`)
  }
  if (!isRecord(parsed)) throw corrupt('the header is not a JSON object.')
  const dataStart = LENGTH_BYTES + header.length
  const entries: TensorEntry[] = []
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') continue
    entries.push(parseEntry(name, value, file, dataStart, size, corrupt))
  }
  checkCoverage(entries, dataStart, size, corrupt)
  return entries
}

function parseEntry(
  name: string,
  value: unknown,
  file: string,
  dataStart: number,
  size: number,
  corrupt: (what: string) => KernelFailure,
): TensorEntry {
  if (!isRecord(value)) throw corrupt(`the entry of ${name} is not an object.`)
  const { dtype, shape, data_offsets: offsets } = value
  const bytes = typeof dtype === 'string' && Object.hasOwn(TYPE_BYTES, dtype) ? TYPE_BYTES[dtype]! : undefined
  if (typeof dtype !== 'string' || bytes === undefined) {
    throw corrupt(`${name} has the type ${JSON.stringify(dtype)}, which the format does not know.`)
  }
  if (!isSizes(shape)) throw corrupt(`${name} has the shape ${JSON.stringify(shape)}; it must list whole sizes.`)
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw corrupt(`${name} has the offsets ${JSON.stringify(offsets)}; two ascending byte counts are needed.`)
  }
  const [begin, end] = offsets as readonly [number, number]
  const needed = shape.reduce((product, each) => product * each, bytes)
  if (end - begin !== needed) {
    throw corrupt(`${name} takes ${end - begin} bytes; ${dtype} of shape [${shape}] needs ${needed}.`)
  }
  if (dataStart + end > size) {
    throw corrupt(`${name} ends ${dataStart + end - size} bytes after the end of the file, which is cut short.`)
  }
  return { name, type: dtype, shape, file, offset: dataStart + begin, length: needed }
}

/** The format allows neither overlaps nor holes: every byte after the header belongs to one tensor. */
function checkCoverage(
  entries: readonly TensorEntry[],
  dataStart: number,
  size: number,
  corrupt: (what: string) => KernelFailure,
): void {
  let end = dataStart
  let last = 'the header'
  const byOffset = [...entries].sort((a, b) => a.offset - b.offset || a.length - b.length)
  for (const entry of byOffset) {
    if (entry.offset < end) throw corrupt(`${entry.name} overlaps ${last}.`)
    if (entry.offset > end)
      throw corrupt(`${entry.offset - end} bytes between ${last} and ${entry.name} have no owner.`)
    end = entry.offset + entry.length
    last = entry.name
  }
  if (end !== size) throw corrupt(`${size - end} bytes after ${last} have no owner.`)
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(each => Number.isSafeInteger(each) && each >= 0)
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function baseName(file: string): string {
  return file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
}
