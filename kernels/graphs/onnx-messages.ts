import protobuf from 'protobufjs/light.js'

/**
 * The messages of the ONNX format (onnx.proto, IR version 10) as far as our graphs use them, with their field numbers.
 */
const MESSAGES = {
  ModelProto: {
    irVersion: { id: 1, type: 'int64' },
    producerName: { id: 2, type: 'string' },
    graph: { id: 7, type: 'GraphProto' },
    opsetImport: { id: 8, type: 'OperatorSetIdProto', rule: 'repeated' },
  },
  OperatorSetIdProto: {
    domain: { id: 1, type: 'string' },
    version: { id: 2, type: 'int64' },
  },
  GraphProto: {
    node: { id: 1, type: 'NodeProto', rule: 'repeated' },
    name: { id: 2, type: 'string' },
    initializer: { id: 5, type: 'TensorProto', rule: 'repeated' },
    input: { id: 11, type: 'ValueInfoProto', rule: 'repeated' },
    output: { id: 12, type: 'ValueInfoProto', rule: 'repeated' },
  },
  NodeProto: {
    input: { id: 1, type: 'string', rule: 'repeated' },
    output: { id: 2, type: 'string', rule: 'repeated' },
    name: { id: 3, type: 'string' },
    opType: { id: 4, type: 'string' },
    attribute: { id: 5, type: 'AttributeProto', rule: 'repeated' },
    domain: { id: 7, type: 'string' },
  },
  AttributeProto: {
    name: { id: 1, type: 'string' },
    f: { id: 2, type: 'float' },
    i: { id: 3, type: 'int64' },
    s: { id: 4, type: 'bytes' },
    ints: { id: 8, type: 'int64', rule: 'repeated' },
    type: { id: 20, type: 'int32' },
  },
  TensorProto: {
    dims: { id: 1, type: 'int64', rule: 'repeated' },
    dataType: { id: 2, type: 'int32' },
    name: { id: 8, type: 'string' },
    rawData: { id: 9, type: 'bytes' },
    externalData: { id: 13, type: 'StringStringEntryProto', rule: 'repeated' },
    dataLocation: { id: 14, type: 'int32' },
  },
  StringStringEntryProto: {
    key: { id: 1, type: 'string' },
    value: { id: 2, type: 'string' },
  },
  ValueInfoProto: {
    name: { id: 1, type: 'string' },
    type: { id: 2, type: 'TypeProto' },
  },
  TypeProto: {
    tensorType: { id: 1, type: 'TensorTypeProto' },
  },
  TensorTypeProto: {
    elemType: { id: 1, type: 'int32' },
    shape: { id: 2, type: 'TensorShapeProto' },
  },
  TensorShapeProto: {
    dim: { id: 1, type: 'DimensionProto', rule: 'repeated' },
  },
  DimensionProto: {
    dimValue: { id: 1, type: 'int64' },
    dimParam: { id: 2, type: 'string' },
  },
} as const

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(Object.entries(MESSAGES).map(([name, fields]) => [name, { fields }])),
})
const ModelProto = root.lookupType('ModelProto')

/** TensorProto.DataType */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const
export type ElementType = keyof typeof ELEMENT_TYPES

/** AttributeProto.AttributeType */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, ints: 7 } as const

/** TensorProto.DataLocation: the values lie in another file. */
export const EXTERNAL_LOCATION = 1

export interface TensorMessage {
  readonly name: string
  readonly dims: readonly number[]
  readonly dataType: number
  readonly rawData?: Uint8Array
  readonly externalData?: readonly { readonly key: string; readonly value: string }[]
  readonly dataLocation?: number
}

export interface AttributeMessage {
  readonly name: string
  readonly type: number
  readonly f?: number
  readonly i?: number
  readonly s?: Uint8Array
  readonly ints?: readonly number[]
}

export interface NodeMessage {
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly name: string
  readonly opType: string
  readonly domain: string
  readonly attribute: readonly AttributeMessage[]
}

export interface ValueMessage {
  readonly name: string
  readonly type: {
    readonly tensorType: {
      readonly elemType: number
      readonly shape: { readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[] }
    }
  }
}

export interface ModelMessage {
  readonly irVersion: number
  readonly producerName: string
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[]
  readonly graph: {
    readonly name: string
    readonly node: readonly NodeMessage[]
    readonly initializer: readonly TensorMessage[]
    readonly input: readonly ValueMessage[]
    readonly output: readonly ValueMessage[]
  }
}

/** The bytes of an .onnx file. Throws when the message does not fit the format. */
export function encodeModel(model: ModelMessage): Uint8Array {
  const problem = ModelProto.verify(model)
  if (problem !== null) throw new TypeError(`the ONNX model is malformed: ${problem}`)
  return ModelProto.encode(ModelProto.create(model)).finish()
}

/** Reads what `encodeModel` wrote, for tests and inspection. Absent fields come with the format's defaults. */
export function decodeModel(bytes: Uint8Array): ModelMessage {
  const plain: unknown = ModelProto.toObject(ModelProto.decode(bytes), { longs: Number, defaults: true })
  return plain as ModelMessage
}
