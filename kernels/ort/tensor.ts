/** Tensors by place: ONNX Runtime reads and writes the caller's memory. */
export type ElementType = 'float32' | 'int32' | 'int64'

/**
 * A tensor that lies in `buffer` from `byteOffset` on, row-major. The memory belongs to whoever made it and must stay
 * as it is while a run uses it. A buffer is named, never a typed array: small typed arrays live inside the
 * garbage-collected heap, which moves them.
 */
export interface BoundTensor {
  readonly type: ElementType
  /** In elements; [] is a scalar. */
  readonly shape: readonly number[]
  readonly buffer: ArrayBuffer | SharedArrayBuffer
  readonly byteOffset: number
  /**
   * Whether the session may keep what it makes for this very object, for later runs with the same object. For tensors
   * that come back step after step; it holds the buffer until the session closes or forgets.
   */
  readonly kept: boolean
}

export type BoundTensors = Readonly<Record<string, BoundTensor>>

export function boundTensor(
  type: ElementType,
  shape: readonly number[],
  buffer: ArrayBuffer | SharedArrayBuffer,
  byteOffset = 0,
  kept = false,
): BoundTensor {
  return { type, shape, buffer, byteOffset, kept }
}

const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = { float32: 4, int32: 4, int64: 8 }

export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const dimension of shape) count *= dimension
  return count
}

export function byteLengthOf(tensor: BoundTensor): number {
  return elementCount(tensor.shape) * ELEMENT_BYTES[tensor.type]
}

/** The library checks no bounds of memory that it is given. Throws RangeError. */
export function checkBounds(name: string, tensor: BoundTensor): void {
  const end = tensor.byteOffset + byteLengthOf(tensor)
  if (tensor.byteOffset >= 0 && tensor.byteOffset % ELEMENT_BYTES[tensor.type] === 0 && end <= tensor.buffer.byteLength)
    return
  throw new RangeError(
    `tensor "${name}" ${tensor.type} [${tensor.shape}] at byte ${tensor.byteOffset} does not fit its memory of ${tensor.buffer.byteLength} bytes`,
  )
}

/** The tensor's elements in place. */
export function elementsOf(tensor: BoundTensor): Float32Array | Int32Array | BigInt64Array {
  const count = elementCount(tensor.shape)
  switch (tensor.type) {
    case 'float32':
      return new Float32Array(tensor.buffer, tensor.byteOffset, count)
    case 'int32':
      return new Int32Array(tensor.buffer, tensor.byteOffset, count)
    case 'int64':
      return new BigInt64Array(tensor.buffer, tensor.byteOffset, count)
  }
}
