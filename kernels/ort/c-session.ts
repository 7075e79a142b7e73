import { KernelFailure, type KernelFailureCode } from '../failure.js'
import { loadLibrary, OrtError, type OrtLibrary, type Pointer } from './library.js'
import { configurationEntries, type Session, type SessionSettings } from './session.js'
import { type BoundTensor, type BoundTensors, byteLengthOf, checkBounds, type ElementType } from './tensor.js'

const OPTIMIZE_ALL = 99
const ELEMENT_CODES: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7 }
/** OrtErrorCode: what is wrong with the graph, as far as the library tells; anything else failed in running. */
const LOAD_CODES: Readonly<Record<number, KernelFailureCode>> = {
  3: 'MODEL_NOT_FOUND',
  7: 'MODEL_CORRUPT',
  9: 'MODEL_UNSUPPORTED',
  10: 'MODEL_CORRUPT',
}
const MAX_RANK = 8
/** When this many values are kept, all go: making them anew takes microseconds, and the shapes of a steady load fit. */
const MAX_KEPT = 16_384

/** Throws KernelFailure: KERNEL_FAILED when the library cannot be reached, a MODEL code for what it says of the graph. */
export async function openCSession(path: string, settings: SessionSettings): Promise<Session> {
  const library = await loadLibrary()
  const { functions, check, out } = library
  const options = out(cell => functions.createSessionOptions(cell))
  try {
    check(functions.setIntraOpNumThreads(options, settings.threads))
    check(functions.setGraphOptimizationLevel(options, OPTIMIZE_ALL))
    for (const [key, value] of Object.entries(configurationEntries(settings)))
      check(functions.addSessionConfigEntry(options, `session.${key}`, value))
    return new CSession(
      library,
      out(cell => functions.createSession(library.env, path, options, cell)),
    )
  } catch (error) {
    if (!(error instanceof OrtError)) throw error
    const code = LOAD_CODES[error.ortCode] ?? 'KERNEL_FAILED'
    throw new KernelFailure(code, { path, what: error.message }, { cause: error })
  } finally {
    functions.releaseSessionOptions(options)
  }
}

class CSession implements Session {
  readonly binding = 'c-api'
  readonly #library: OrtLibrary
  readonly #session: Pointer
  readonly #inputs: Names
  readonly #outputs: Names
  readonly #kept = new Map<BoundTensor, Pointer>()
  /** Values that only the present run needs. */
  readonly #passing: Pointer[] = []
  readonly #shape = new BigInt64Array(new ArrayBuffer(MAX_RANK * 8))
  readonly #shapeAddress: Pointer
  #liveValues = 0
  #closed = false

  constructor(library: OrtLibrary, session: Pointer) {
    const { functions } = library
    this.#library = library
    this.#session = session
    this.#shapeAddress = library.addressOf(this.#shape.buffer)
    this.#inputs = readNames(library, session, functions.getInputCount, functions.getInputName)
    this.#outputs = readNames(library, session, functions.getOutputCount, functions.getOutputName)
  }

  get inputNames(): readonly string[] {
    return this.#inputs.names
  }

  get outputNames(): readonly string[] {
    return this.#outputs.names
  }

  async run(feeds: BoundTensors, fetches: BoundTensors): Promise<void> {
    const inputs = this.#inputs
    const outputs = this.#outputs
    try {
      if (this.#closed) throw new Error('the session is closed')
      // Before the first value of this run is looked up, so that none of them is among the released.
      if (this.#kept.size > MAX_KEPT) this.#forget()
      this.#fill(inputs, feeds)
      this.#fill(outputs, fetches)
      this.#library.check(
        this.#library.functions.run(
          this.#session,
          null,
          inputs.nameAddress,
          inputs.valueAddress,
          inputs.names.length,
          outputs.nameAddress,
          outputs.names.length,
          outputs.valueAddress,
        ),
      )
    } catch (cause) {
      throw new KernelFailure(
        'KERNEL_FAILED',
        { what: cause instanceof Error ? cause.message : String(cause) },
        { cause },
      )
    } finally {
      for (const value of this.#passing) this.#release(value)
      this.#passing.length = 0
    }
  }

  checkIntegrity(): void {
    const known = this.#kept.size + this.#passing.length
    if (this.#liveValues !== known) throw new Error(`${this.#liveValues} values live, ${known} accounted for`)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#forget()
    this.checkIntegrity()
    for (const address of [...this.#inputs.strings, ...this.#outputs.strings])
      this.#library.check(this.#library.functions.allocatorFree(this.#library.allocator, address))
    this.#library.functions.releaseSession(this.#session)
  }

  #fill(side: Names, tensors: BoundTensors): void {
    for (let i = 0; i < side.names.length; i++) {
      const tensor = tensors[side.names[i]!]
      if (tensor === undefined) throw new Error(`nothing is bound to "${side.names[i]}"`)
      side.values[i] = this.#kept.get(tensor) ?? this.#create(side.names[i]!, tensor)
    }
  }

  #create(name: string, tensor: BoundTensor): Pointer {
    checkBounds(name, tensor)
    const { functions, cpuMemory, addressOf, out } = this.#library
    const rank = tensor.shape.length
    for (let i = 0; i < rank; i++) this.#shape[i] = BigInt(tensor.shape[i]!)
    const address = addressOf(tensor.buffer) + BigInt(tensor.byteOffset)
    const length = byteLengthOf(tensor)
    const code = ELEMENT_CODES[tensor.type]
    const value = out(cell =>
      functions.createTensorWithData(cpuMemory, address, length, this.#shapeAddress, rank, code, cell),
    )
    this.#liveValues++
    if (tensor.kept) this.#kept.set(tensor, value)
    else this.#passing.push(value)
    return value
  }

  #release(value: Pointer): void {
    this.#library.functions.releaseValue(value)
    this.#liveValues--
  }

  #forget(): void {
    for (const value of this.#kept.values()) this.#release(value)
    this.#kept.clear()
  }
}

/** Names of one side of the graph and room for as many values, both as the arrays of pointers that a run takes. */
interface Names {
  readonly names: readonly string[]
  /** The library's own copies, freed through its allocator. */
  readonly strings: BigUint64Array
  readonly values: BigUint64Array
  readonly nameAddress: Pointer
  readonly valueAddress: Pointer
}

function readNames(
  library: OrtLibrary,
  session: Pointer,
  countOf: (session: Pointer, out: Pointer) => Pointer | null,
  nameOf: (session: Pointer, index: number, allocator: Pointer, out: Pointer) => Pointer | null,
): Names {
  const count = Number(library.out(cell => countOf(session, cell)))
  const strings = new BigUint64Array(new ArrayBuffer(count * 8))
  for (let i = 0; i < count; i++) strings[i] = library.out(cell => nameOf(session, i, library.allocator, cell))
  const values = new BigUint64Array(new ArrayBuffer(count * 8))
  return {
    names: Array.from(strings, address => library.stringAt(address)),
    strings,
    values,
    nameAddress: library.addressOf(strings.buffer),
    valueAddress: library.addressOf(values.buffer),
  }
}
