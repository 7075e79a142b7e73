import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { KernelFailure } from '../failure.js'
import { configurationEntries, type Session, type SessionSettings } from './session.js'
import { type BoundTensor, type BoundTensors, checkBounds, elementsOf } from './tensor.js'

type TensorConstructor = typeof Tensor

/**
 * The same graph through onnxruntime-node's own API, which refuses shared memory and copies every output: right
 * everywhere the package runs, slower by the size of the key/value memory. Throws KernelFailure as openSession says.
 */
export async function openNodeSession(path: string, settings: SessionSettings): Promise<Session> {
  const ort = await import('onnxruntime-node').catch((cause: unknown) => {
    throw new KernelFailure('KERNEL_FAILED', { what: `onnxruntime-node cannot be loaded: ${String(cause)}` }, { cause })
  })
  try {
    const session = await ort.InferenceSession.create(path, {
      executionProviders: [settings.device],
      intraOpNumThreads: settings.threads,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: { session: configurationEntries(settings) },
    })
    return new NodeSession(session, ort.Tensor)
  } catch (cause) {
    const what = messageOf(cause)
    // The package passes no code on. Its text begins so when the graph is at fault, and otherwise when the device is.
    throw new KernelFailure(
      what.startsWith('Load model from') ? 'MODEL_CORRUPT' : 'KERNEL_FAILED',
      { path, what },
      { cause },
    )
  }
}

class NodeSession implements Session {
  readonly binding = 'node'
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly #session: InferenceSession
  readonly #tensor: TensorConstructor
  #closed = false

  constructor(session: InferenceSession, tensor: TensorConstructor) {
    this.#session = session
    this.#tensor = tensor
    this.inputNames = session.inputNames
    this.outputNames = session.outputNames
  }

  async run(feeds: BoundTensors, fetches: BoundTensors): Promise<void> {
    try {
      if (this.#closed) throw new Error('the session is closed')
      const inputs = Object.fromEntries(this.inputNames.map(name => [name, this.#input(name, bound(name, feeds))]))
      for (const name of this.outputNames) checkBounds(name, bound(name, fetches))
      const results = await this.#session.run(inputs)
      for (const name of this.outputNames) copyResult(name, results[name]!, fetches[name]!)
    } catch (cause) {
      throw new KernelFailure('KERNEL_FAILED', { what: messageOf(cause) }, { cause })
    }
  }

  /** The library's handles are the package's own; there is nothing of ours to balance. */
  checkIntegrity(): void {}

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#session.release()
  }

  #input(name: string, tensor: BoundTensor): Tensor {
    checkBounds(name, tensor)
    const elements = elementsOf(tensor)
    const own = tensor.buffer instanceof SharedArrayBuffer ? elements.slice() : elements
    return new this.#tensor(tensor.type, own, tensor.shape)
  }
}

function bound(name: string, tensors: BoundTensors): BoundTensor {
  const tensor = tensors[name]
  if (tensor === undefined) throw new Error(`nothing is bound to "${name}"`)
  return tensor
}

function copyResult(name: string, result: Tensor, target: BoundTensor): void {
  if (result.dims.length !== target.shape.length || result.dims.some((size, i) => size !== target.shape[i]))
    throw new Error(`output "${name}" has shape [${result.dims}], bound was [${target.shape}]`)
  if (result.type !== target.type) throw new Error(`output "${name}" is ${result.type}, bound was ${target.type}`)
  const elements = elementsOf(target)
  if (elements instanceof BigInt64Array) elements.set(result.data as BigInt64Array)
  else elements.set(result.data as Float32Array | Int32Array)
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ').trim()
}
