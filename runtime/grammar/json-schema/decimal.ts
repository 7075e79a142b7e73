/** The number `digits * 10 ** exponent`, exactly; `digits` does not end in 0 unless it is 0, and then so is `exponent`. */
export interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

export const ZERO: Decimal = { digits: 0n, exponent: 0 }
export const ONE: Decimal = { digits: 1n, exponent: 0 }

export function decimal(digits: bigint, exponent: number): Decimal {
  if (digits === 0n) return ZERO
  let rest = digits
  let power = exponent
  while (rest % 10n === 0n) {
    rest /= 10n
    power++
  }
  return { digits: rest, exponent: power }
}

/** Stands for infinity, which a reader makes of exponents past its range. */
const BEYOND = 400

/** The value that the shortest text of a JavaScript number has. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) return decimal(value > 0 ? 1n : -1n, BEYOND)
  return parseDecimal(String(value))!
}

/** Reads a JSON number; null when the text is none. */
export function parseDecimal(text: string): Decimal | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return null
  const fraction = match[3] ?? ''
  const digits = BigInt(match[2]! + fraction)
  return decimal(match[1] === '-' ? -digits : digits, Number(match[4] ?? 0) - fraction.length)
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  const [left, right] = align(a, b)
  return left < right ? -1 : left > right ? 1 : 0
}

export function equalDecimals(a: Decimal, b: Decimal): boolean {
  return a.digits === b.digits && a.exponent === b.exponent
}

export function negateDecimal(value: Decimal): Decimal {
  return { digits: -value.digits, exponent: value.exponent }
}

/** Whether `value` is a whole multiple of `step`. */
export function isMultiple(value: Decimal, step: Decimal): boolean {
  const [whole, part] = align(value, step)
  return whole % part === 0n
}

/** Smallest positive number that both are whole divisors of. Both must be over 0. */
export function leastCommonMultiple(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent)
  const [left, right] = align(a, b)
  return decimal((left / greatestCommonDivisor(left, right)) * right, exponent)
}

/** Largest whole k with `k * step <= value`. */
export function floorQuotient(value: Decimal, step: Decimal): bigint {
  const [whole, part] = align(value, step)
  const quotient = whole / part
  return whole % part !== 0n && whole < 0n ? quotient - 1n : quotient
}

export function timesWhole(step: Decimal, count: bigint): Decimal {
  return decimal(step.digits * count, step.exponent)
}

/** Plain notation without an exponent: `-120`, `0.05`. */
export function decimalText(value: Decimal): string {
  const sign = value.digits < 0n ? '-' : ''
  const { whole, fraction } = splitDecimal(value)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}

/** The digits before and after the point, of the number without its sign. */
export function splitDecimal(value: Decimal): { readonly whole: string; readonly fraction: string } {
  const digits = (value.digits < 0n ? -value.digits : value.digits).toString()
  if (value.exponent >= 0) return { whole: digits + '0'.repeat(value.exponent), fraction: '' }
  const padded = digits.padStart(1 - value.exponent, '0')
  return { whole: padded.slice(0, value.exponent), fraction: padded.slice(value.exponent) }
}

function align(a: Decimal, b: Decimal): readonly [bigint, bigint] {
  if (a.exponent === b.exponent) return [a.digits, b.digits]
  const exponent = Math.min(a.exponent, b.exponent)
  return [a.digits * 10n ** BigInt(a.exponent - exponent), b.digits * 10n ** BigInt(b.exponent - exponent)]
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [left, right] = [a, b]
  while (right !== 0n) [left, right] = [right, left % right]
  return left
}
