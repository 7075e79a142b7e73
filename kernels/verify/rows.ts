/** Plain arithmetic in double precision, for one purpose: to say what a graph should have computed. */
export interface Rows {
  /** [count, width], row-major. */
  readonly values: Float64Array
  readonly count: number
  readonly width: number
}

export function makeRows(count: number, width: number): Rows {
  return { values: new Float64Array(count * width), count, width }
}

/** input times the transpose of `weight` [outputs, input.width], plus `bias` [outputs]. */
export function multiply(input: Rows, weight: Float32Array, bias: Float32Array | null): Rows {
  const { values, count, width } = input
  const outputs = weight.length / width
  const result = makeRows(count, outputs)
  for (let output = 0; output < outputs; output++) {
    const shift = bias?.[output] ?? 0
    const start = output * width
    // Four rows at a time read each weight once: plain loops over large towers take minutes otherwise.
    for (let row = 0; row < count; row += 4) {
      const at = (next: number): number => Math.min(row + next, count - 1) * width
      const [one, two, three, four] = [at(0), at(1), at(2), at(3)]
      let [first, second, third, fourth] = [shift, shift, shift, shift]
      for (let i = 0; i < width; i++) {
        const factor = weight[start + i]!
        first += values[one + i]! * factor
        second += values[two + i]! * factor
        third += values[three + i]! * factor
        fourth += values[four + i]! * factor
      }
      const sums = [first, second, third, fourth]
      for (let next = 0; next < 4 && row + next < count; next++) {
        result.values[(row + next) * outputs + output] = sums[next]!
      }
    }
  }
  return result
}

export function combine(left: Rows, right: Rows, operation: (left: number, right: number) => number): Rows {
  return { ...left, values: left.values.map((value, i) => operation(value, right.values[i]!)) }
}

export function map(input: Rows, operation: (value: number) => number): Rows {
  return { ...input, values: input.values.map(operation) }
}

/** Centred and scaled to unit variance where `shift` is there (layer norm), else scaled to unit mean square. */
export function normalise(input: Rows, scale: Float32Array, shift: Float32Array | null, epsilon: number): Rows {
  const { count, width } = input
  const result = makeRows(count, width)
  for (let row = 0; row < count; row++) {
    const own = input.values.subarray(row * width, (row + 1) * width)
    const mean = shift === null ? 0 : own.reduce((sum, value) => sum + value, 0) / width
    const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width
    const factor = 1 / Math.sqrt(variance + epsilon)
    for (let i = 0; i < width; i++) {
      result.values[row * width + i] = (own[i]! - mean) * factor * scale[i]! + (shift?.[i] ?? 0)
    }
  }
  return result
}

export interface Heads {
  readonly count: number
  /** Keys and values have fewer heads, each of which serves as many neighbouring queries. */
  readonly keyCount: number
  readonly size: number
  /** Whether position `query` looks at `key`. */
  sees(query: number, key: number): boolean
}

/** Softmax attention of [rows, heads * size] over themselves. */
export function attend(queries: Rows, keys: Rows, values: Rows, heads: Heads): Rows {
  const { count, keyCount, size, sees } = heads
  const rows = queries.count
  const result = makeRows(rows, count * size)
  const scores = new Float64Array(rows)
  for (let head = 0; head < count; head++) {
    const keyHead = Math.floor((head * keyCount) / count)
    for (let row = 0; row < rows; row++) {
      let largest = Number.NEGATIVE_INFINITY
      for (let key = 0; key < rows; key++) {
        let score = sees(row, key) ? 0 : Number.NEGATIVE_INFINITY
        const [query, other] = [(row * count + head) * size, (key * keyCount + keyHead) * size]
        for (let i = 0; i < size; i++) score += queries.values[query + i]! * keys.values[other + i]!
        scores[key] = score / Math.sqrt(size)
        largest = Math.max(largest, scores[key]!)
      }
      const shares = scores.map(score => Math.exp(score - largest))
      const total = shares.reduce((sum, share) => sum + share, 0)
      for (let key = 0; key < rows; key++) {
        const other = (key * keyCount + keyHead) * size
        const share = shares[key]! / total
        for (let i = 0; i < size; i++)
          result.values[(row * count + head) * size + i]! += share * values.values[other + i]!
      }
    }
  }
  return result
}
