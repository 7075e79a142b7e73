import {
  ATTRIBUTE_TYPES,
  type AttributeMessage,
  ELEMENT_TYPES,
  type ElementType,
  EXTERNAL_LOCATION,
  encodeModel,
  type NodeMessage,
  type TensorMessage,
  type ValueMessage,
} from './onnx-messages.js'
import type { WeightFile } from './weight-file.js'

/** Opset 20 is the first whose Gelu has both forms. */
const OPSET = 20
const IR_VERSION = 10

export const MICROSOFT = 'com.microsoft'

/** An attribute's ONNX type follows from the value; a whole number that must be a float is wrapped by `float()`. */
export type Attribute = number | string | readonly number[] | { readonly float: number }

export function float(value: number): Attribute {
  return { float: value }
}

export interface NodeOptions {
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, Attribute>>
}

type Shape = readonly (number | string)[]

/**
 * Builds one ONNX graph. Values are named by strings; an empty name leaves an optional input out. Weights go straight
 * to the weight file, so the builder holds no more than the graph's structure.
 */
export class GraphBuilder {
  readonly #name: string
  readonly #weights: WeightFile
  readonly #nodes: NodeMessage[] = []
  readonly #initializers: TensorMessage[] = []
  readonly #inputs: ValueMessage[] = []
  readonly #outputs: ValueMessage[] = []
  readonly #constants = new Map<string, string>()

  constructor(name: string, weights: WeightFile) {
    this.#name = name
    this.#weights = weights
  }

  /** Declares an input; strings in the shape name free sizes. Returns its name. */
  input(name: string, type: ElementType, shape: Shape): string {
    this.#inputs.push(describeValue(name, type, shape))
    return name
  }

  /** Makes a value an output; it must be the name that a node was told to write. */
  output(name: string, type: ElementType, shape: Shape): void {
    this.#outputs.push(describeValue(name, type, shape))
  }

  /** Adds a node that writes the given names. */
  nodeTo(outputs: readonly string[], operator: string, inputs: readonly string[], options: NodeOptions = {}): void {
    this.#nodes.push({
      input: inputs,
      output: outputs,
      name: `${operator}_${this.#nodes.length}`,
      opType: operator,
      domain: options.domain ?? '',
      attribute: Object.entries(options.attributes ?? {}).map(([name, value]) => describeAttribute(name, value)),
    })
  }

  /** Adds a node with one output and returns the output's name. */
  node(operator: string, inputs: readonly string[], options: NodeOptions = {}): string {
    const output = `${operator}_${this.#nodes.length}_out`
    this.nodeTo([output], operator, inputs, options)
    return output
  }

  /** A list of int64, inside the graph file; equal lists are stored once. Returns its name. */
  integers(values: readonly number[]): string {
    const key = values.join(',')
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const name = `integers_${this.#constants.size}`
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    this.#initializers.push({ name, dims: [values.length], dataType: ELEMENT_TYPES.int64, rawData })
    this.#constants.set(key, name)
    return name
  }

  /** One number, inside the graph file; equal ones are stored once. Returns its name. */
  scalar(type: 'float32' | 'uint8', value: number): string {
    const key = `${type} ${value}`
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const name = `scalar_${this.#constants.size}`
    const rawData = type === 'uint8' ? Uint8Array.of(value) : new Uint8Array(Float32Array.of(value).buffer)
    this.#initializers.push({ name, dims: [], dataType: ELEMENT_TYPES[type], rawData })
    this.#constants.set(key, name)
    return name
  }

  /** Writes an initialiser to the weight file and returns its name. */
  async weight(name: string, shape: readonly number[], values: Float32Array | Uint8Array | Int8Array): Promise<string> {
    const elements = shape.reduce((product, size) => product * size, 1)
    if (elements !== values.length) throw new RangeError(`${name}: ${values.length} values for the shape [${shape}]`)
    const { location, offset, length } = await this.#weights.append(values)
    this.#initializers.push({
      name,
      dims: shape,
      dataType: elementType(values),
      dataLocation: EXTERNAL_LOCATION,
      externalData: [
        { key: 'location', value: location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(length) },
      ],
    })
    return name
  }

  /** The bytes of the .onnx file. */
  encode(): Uint8Array {
    return encodeModel({
      irVersion: IR_VERSION,
      producerName: 'radiant',
      opsetImport: [
        { domain: '', version: OPSET },
        { domain: MICROSOFT, version: 1 },
      ],
      graph: {
        name: this.#name,
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    })
  }
}

function elementType(values: Float32Array | Uint8Array | Int8Array): number {
  if (values instanceof Float32Array) return ELEMENT_TYPES.float32
  return values instanceof Int8Array ? ELEMENT_TYPES.int8 : ELEMENT_TYPES.uint8
}

function describeValue(name: string, type: ElementType, shape: Shape): ValueMessage {
  const dim = shape.map(size => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim } } } }
}

function describeAttribute(name: string, value: Attribute): AttributeMessage {
  if (typeof value === 'number') return { name, type: ATTRIBUTE_TYPES.int, i: value }
  if (typeof value === 'string') return { name, type: ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(value) }
  if ('float' in value) return { name, type: ATTRIBUTE_TYPES.float, f: value.float }
  return { name, type: ATTRIBUTE_TYPES.ints, ints: value }
}
