import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { KernelFailure } from '../failure.js'
import { firstByte, importKoffi, loadNative } from './native.js'

/** An address in the process, as koffi gives it. */
export type Pointer = bigint
/** OrtStatus*: null is success. */
export type Status = Pointer | null

/** The functions used, by their index in the function table, which only ever grows at its end (OrtApi in onnxruntime_c_api.h). */
const FUNCTIONS = {
  getErrorCode: [1, 'int', ['void *']],
  getErrorMessage: [2, 'str', ['void *']],
  createEnv: [3, 'void *', ['int', 'str', 'void *']],
  createSession: [7, 'void *', ['void *', process.platform === 'win32' ? 'str16' : 'str', 'void *', 'void *']],
  run: [9, 'void *', ['void *', 'void *', 'void *', 'void *', 'size_t', 'void *', 'size_t', 'void *']],
  createSessionOptions: [10, 'void *', ['void *']],
  setGraphOptimizationLevel: [23, 'void *', ['void *', 'int']],
  setIntraOpNumThreads: [24, 'void *', ['void *', 'int']],
  getInputCount: [30, 'void *', ['void *', 'void *']],
  getOutputCount: [31, 'void *', ['void *', 'void *']],
  getInputName: [36, 'void *', ['void *', 'size_t', 'void *', 'void *']],
  getOutputName: [37, 'void *', ['void *', 'size_t', 'void *', 'void *']],
  createTensorWithData: [49, 'void *', ['void *', 'void *', 'size_t', 'void *', 'size_t', 'int', 'void *']],
  createCpuMemoryInfo: [69, 'void *', ['int', 'int', 'void *']],
  allocatorFree: [76, 'void *', ['void *', 'void *']],
  getDefaultAllocator: [78, 'void *', ['void *']],
  releaseStatus: [93, 'void', ['void *']],
  releaseSession: [95, 'void', ['void *']],
  releaseValue: [96, 'void', ['void *']],
  releaseSessionOptions: [100, 'void', ['void *']],
  addSessionConfigEntry: [130, 'void *', ['void *', 'str', 'str']],
} as const

interface OrtFunctions {
  getErrorCode(status: Pointer): number
  getErrorMessage(status: Pointer): string
  createEnv(logLevel: number, logId: string, out: Pointer): Status
  createSession(env: Pointer, path: string, options: Pointer, out: Pointer): Status
  run(
    session: Pointer,
    options: null,
    inputNames: Pointer,
    inputs: Pointer,
    inputCount: number,
    outputNames: Pointer,
    outputCount: number,
    outputs: Pointer,
  ): Status
  createSessionOptions(out: Pointer): Status
  setGraphOptimizationLevel(options: Pointer, level: number): Status
  setIntraOpNumThreads(options: Pointer, threads: number): Status
  getInputCount(session: Pointer, out: Pointer): Status
  getOutputCount(session: Pointer, out: Pointer): Status
  getInputName(session: Pointer, index: number, allocator: Pointer, out: Pointer): Status
  getOutputName(session: Pointer, index: number, allocator: Pointer, out: Pointer): Status
  createTensorWithData(
    memoryInfo: Pointer,
    data: Pointer,
    byteLength: number,
    shape: Pointer,
    rank: number,
    elementType: number,
    out: Pointer,
  ): Status
  createCpuMemoryInfo(allocatorType: number, memoryType: number, out: Pointer): Status
  allocatorFree(allocator: Pointer, address: Pointer): Status
  getDefaultAllocator(out: Pointer): Status
  releaseStatus(status: Pointer): void
  releaseSession(session: Pointer): void
  releaseValue(value: Pointer): void
  releaseSessionOptions(options: Pointer): void
  addSessionConfigEntry(options: Pointer, key: string, value: string): Status
}

/** What ONNX Runtime said, with its OrtErrorCode. */
export class OrtError extends Error {
  readonly ortCode: number

  constructor(ortCode: number, message: string) {
    super(message)
    this.ortCode = ortCode
  }
}

export interface OrtLibrary {
  readonly functions: OrtFunctions
  /** Of the process: ONNX Runtime counts its users and has only one. */
  readonly env: Pointer
  readonly cpuMemory: Pointer
  readonly allocator: Pointer
  /** Throws OrtError when the status is a failure, having released it. */
  check(status: Status): void
  /** Calls with the address of an out parameter and returns what was written there. */
  out(call: (out: Pointer) => Status): Pointer
  /** Address of the first byte. */
  addressOf(buffer: ArrayBuffer | SharedArrayBuffer): Pointer
  /** The zero-terminated string at the address. */
  stringAt(address: Pointer): string
}

const API_VERSION = 22
const LOG_ERRORS = 3
const DEVICE_ALLOCATOR = 0
const MEMORY_DEFAULT = 0
let loading: Promise<OrtLibrary> | undefined

/** The library that onnxruntime-node ships, loaded once a thread. Throws KERNEL_FAILED when it cannot be reached. */
export function loadLibrary(): Promise<OrtLibrary> {
  loading ??= load()
  return loading
}

function libraryPath(): string {
  const require = createRequire(import.meta.url)
  const root = dirname(dirname(require.resolve('onnxruntime-node')))
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch)
  const file = { win32: 'onnxruntime.dll', darwin: 'libonnxruntime.1.dylib' }[process.platform as string]
  const path = join(folder, file ?? 'libonnxruntime.so.1')
  if (existsSync(path)) return path
  const what = `onnxruntime-node has no library for ${process.platform} ${process.arch}; expected ${path}`
  throw new KernelFailure('KERNEL_FAILED', { what })
}

async function load(): Promise<OrtLibrary> {
  const path = libraryPath()
  const koffi = await importKoffi().catch((cause: unknown) => {
    throw new KernelFailure('KERNEL_FAILED', { what: `koffi cannot be loaded: ${String(cause)}` }, { cause })
  })
  const handle = await loadNative(path)
  const base = handle.func('OrtGetApiBase', 'void *', [])() as Pointer
  const getApi = koffi.decode(koffi.decode(base, 'void *'), koffi.proto('void *', ['uint32']))
  const api = getApi(API_VERSION) as Pointer | null
  if (api === null)
    throw new KernelFailure('KERNEL_FAILED', { what: `${path} lacks version ${API_VERSION} of the C API` })
  const functions = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, [index, result, parameters]]) => {
      const address = koffi.decode(api, index * 8, 'void *')
      return [name, koffi.decode(address, koffi.proto(result, [...parameters]))]
    }),
  ) as unknown as OrtFunctions

  const cell = new BigUint64Array(new ArrayBuffer(8))
  const cellAddress = koffi.address(cell)
  const addresses = new WeakMap<ArrayBuffer | SharedArrayBuffer, Pointer>()
  const check = (status: Status): void => {
    if (status === null) return
    const error = new OrtError(
      functions.getErrorCode(status),
      functions.getErrorMessage(status).replace(/\s+/g, ' ').trim(),
    )
    functions.releaseStatus(status)
    throw error
  }
  const out = (call: (out: Pointer) => Status): Pointer => {
    check(call(cellAddress))
    return cell[0]!
  }
  return {
    functions,
    env: out(cell => functions.createEnv(LOG_ERRORS, 'radiant', cell)),
    cpuMemory: out(cell => functions.createCpuMemoryInfo(DEVICE_ALLOCATOR, MEMORY_DEFAULT, cell)),
    allocator: out(cell => functions.getDefaultAllocator(cell)),
    check,
    out,
    addressOf(buffer) {
      let address = addresses.get(buffer)
      if (address === undefined) {
        address = koffi.address(firstByte(buffer))
        addresses.set(buffer, address)
      }
      return address
    },
    stringAt: address => koffi.decode.string(address),
  }
}
