import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GraphBuilder, MICROSOFT } from '../kernels/graphs/graph-builder.js'
import { WeightFile } from '../kernels/graphs/weight-file.js'
import { boundTensor, openSession } from '../kernels/ort/index.js'

const ROWS = 1024
const NARROW = 1024
const WIDE = 4096
/** Of one run: a product into the wide space and one back. */
const OPERATIONS = 2 * 2 * ROWS * NARROW * WIDE

export interface MatrixPeak {
  /** Multiplications and additions a second of one run. */
  measure(): Promise<number>
  close(): Promise<void>
}

export type PeakKind = 'float32' | 'int8'

/**
 * Large products through the same library and binding, of float32 or of whole bytes: the speed that a graph can hope for
 * on this machine.
 */
export async function openMatrixPeak(folder: string, threads: number, kind: PeakKind): Promise<MatrixPeak> {
  const path = join(folder, `peak-${kind}-${threads}.onnx`)
  const weights = await WeightFile.create(join(folder, `peak-${kind}-${threads}.bin`))
  const builder = new GraphBuilder('peak', weights)
  const input = builder.input('input', 'float32', [ROWS, NARROW])
  const values = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i))
  const product = async (from: string, name: string, shape: readonly [number, number]): Promise<string> => {
    const floats = values(shape[0] * shape[1])
    if (kind === 'float32') return builder.node('MatMul', [from, await builder.weight(name, shape, floats)])
    const bytes = Int8Array.from(floats, value => Math.round(127 * value))
    const scale = builder.scalar('float32', 1 / 127)
    const zero = builder.scalar('uint8', 128)
    const levels = builder.node('QuantizeLinear', [from, scale, zero])
    const weight = await builder.weight(name, shape, bytes)
    return builder.node('MatMulIntegerToFloat', [levels, weight, scale, scale, zero], { domain: MICROSOFT })
  }
  const wide = await product(input, 'up', [NARROW, WIDE])
  builder.nodeTo(['output'], 'Identity', [await product(wide, 'down', [WIDE, NARROW])])
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
