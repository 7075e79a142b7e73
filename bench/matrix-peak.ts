import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GraphBuilder } from '../kernels/graphs/graph-builder.js'
import { WeightFile } from '../kernels/graphs/weight-file.js'
import { boundTensor, openSession } from '../kernels/ort/index.js'

const ROWS = 1024
const NARROW = 1024
const WIDE = 4096
/** Of one run: a product into the wide space and one back. */
const OPERATIONS = 2 * 2 * ROWS * NARROW * WIDE

export interface MatrixPeak {
  /** Multiplications and additions a second of one run, float32. */
  measure(): Promise<number>
  close(): Promise<void>
}

/** Large float32 products through the same library and binding: the speed that a graph can hope for on this machine. */
export async function openMatrixPeak(folder: string, threads: number): Promise<MatrixPeak> {
  const path = join(folder, `peak-${threads}.onnx`)
  const weights = await WeightFile.create(join(folder, `peak-${threads}.bin`))
  const builder = new GraphBuilder('peak', weights)
  const input = builder.input('input', 'float32', [ROWS, NARROW])
  const values = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i))
  const wide = builder.node('MatMul', [input, await builder.weight('up', [NARROW, WIDE], values(NARROW * WIDE))])
  builder.nodeTo(['output'], 'MatMul', [wide, await builder.weight('down', [WIDE, NARROW], values(WIDE * NARROW))])
  builder.output('output', 'float32', [ROWS, NARROW])
  await weights.close()
  await writeFile(path, builder.encode())
  const session = await openSession(path, 'auto', { device: 'cpu', threads, spinUs: 0 })
  const feeds = { input: boundTensor('float32', [ROWS, NARROW], values(ROWS * NARROW).buffer as ArrayBuffer, 0, true) }
  const output = new ArrayBuffer(ROWS * NARROW * Float32Array.BYTES_PER_ELEMENT)
  const fetches = { output: boundTensor('float32', [ROWS, NARROW], output, 0, true) }
  return {
    async measure() {
      const begun = performance.now()
      await session.run(feeds, fetches)
      return (OPERATIONS * 1000) / (performance.now() - begun)
    },
    close: () => session.close(),
  }
}
