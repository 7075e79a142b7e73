import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'

/** ONNX Runtime maps external weights into memory when they begin on a page; smaller ones are copied anyway. */
const PAGE_BYTES = 4096
const LINE_BYTES = 64
/** Most bytes of one write: Node takes at most 2 GiB a call. */
const WRITE_BYTES = 256 * 1024 * 1024

export interface Placement {
  /** Name of the file, relative to the graph beside it. */
  readonly location: string
  /** Bytes. */
  readonly offset: number
  readonly length: number
}

/** The external-data file of a graph: values one after the other, aligned. Little-endian machines only, as ONNX wants it. */
export class WeightFile {
  readonly #handle: FileHandle
  readonly #location: string
  #end = 0

  private constructor(handle: FileHandle, location: string) {
    this.#handle = handle
    this.#location = location
  }

  static async create(file: string): Promise<WeightFile> {
    return new WeightFile(await open(file, 'wx'), basename(file))
  }

  async append(values: Float32Array | Uint8Array | Int8Array): Promise<Placement> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const alignment = bytes.length >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES
    const offset = Math.ceil(this.#end / alignment) * alignment
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(WRITE_BYTES, bytes.length - done)
      const { bytesWritten } = await this.#handle.write(bytes, done, length, offset + done)
      done += bytesWritten
    }
    this.#end = offset + bytes.length
    return { location: this.#location, offset, length: bytes.length }
  }

  /** Call once, whether the graph was finished or not. What was appended is on the disk afterwards. */
  async close(): Promise<void> {
    try {
      await this.#handle.sync()
    } finally {
      await this.#handle.close()
    }
  }
}
