import { writeFileSync } from 'node:fs'

export interface WrittenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** The bytes of a safetensors file. `edit` may damage the header before it is written. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, WrittenTensor>>,
  edit: (header: Record<string, { dtype: unknown; shape: unknown; data_offsets: unknown }>) => void = () => {},
): Buffer {
  const header: Record<string, { dtype: unknown; shape: unknown; data_offsets: unknown }> = {}
  let end = 0
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] }
    end += bytes.length
  }
  edit(header)
  return withHeader(JSON.stringify(header), Buffer.concat(Object.values(tensors).map(tensor => tensor.bytes)))
}

/** Any text as header, with its length in front and data behind. */
export function withHeader(header: string, data: Uint8Array): Buffer {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

export function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

/** A copy of the parsed header and the data of a safetensors file, to build a variant of it. */
export function decodeSafetensors(file: Buffer): Record<string, WrittenTensor> {
  const length = Number(file.readBigUInt64LE())
  const header = JSON.parse(file.subarray(8, 8 + length).toString('utf8')) as Record<
    string,
    { dtype: string; shape: readonly number[]; data_offsets: readonly [number, number] }
  >
  const data = file.subarray(8 + length)
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
  entries.sort((a, b) => a[1].data_offsets[0] - b[1].data_offsets[0])
  return Object.fromEntries(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, bytes: data.subarray(begin, end) }],
    ),
  )
}

export function writeSafetensors(file: string, tensors: Readonly<Record<string, WrittenTensor>>): void {
  writeFileSync(file, encodeSafetensors(tensors))
}
