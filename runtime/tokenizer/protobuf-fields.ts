/** A field of a protobuf message: its number and its value, numbers as they are and lengths of bytes as views. */
export interface ProtobufField {
  readonly number: number
  readonly value: number | Uint8Array
}

/** Fields of a message in their order. Throws RangeError when the bytes end too early or hold another wire type. */
export function* readFields(message: Uint8Array): Generator<ProtobufField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const readVarint = (): number => {
    let value = 0
    // Ten bytes are the longest number; what exceeds 2^53 is a negative one, which no field read here has.
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = view.getUint8(at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError(`a number of more than ten bytes at byte ${at}`)
  }
  while (at < message.byteLength) {
    const key = readVarint()
    const [number, wireType] = [Math.floor(key / 8), key % 8]
    if (wireType === 0) yield { number, value: readVarint() }
    else if (wireType === 1) {
      yield { number, value: view.getFloat64(at, true) }
      at += 8
    } else if (wireType === 5) {
      yield { number, value: view.getFloat32(at, true) }
      at += 4
    } else if (wireType === 2) {
      const length = readVarint()
      if (at + length > message.byteLength) throw new RangeError(`a field of ${length} bytes runs over the end`)
      yield { number, value: message.subarray(at, at + length) }
      at += length
    } else throw new RangeError(`wire type ${wireType} at byte ${at}`)
  }
}
