import { KernelFailure } from '../failure.js'
import { isRecord } from './safetensors.js'

/**
 * Reads fields of a parsed JSON object. A field of the wrong kind throws MODEL_CORRUPT and names the field as `where`
 * spells it, what came and what would be right. An absent field, or null, gives the fallback.
 */
export class Fields {
  readonly path: string
  readonly where: string
  readonly record: Readonly<Record<string, unknown>>

  constructor(path: string, where: string, record: Readonly<Record<string, unknown>>) {
    this.path = path
    this.where = where
    this.record = record
  }

  has(name: string): boolean {
    return this.record[name] !== undefined && this.record[name] !== null
  }

  /** A whole number from `least` to `most`. */
  integer<Fallback>(name: string, fallback: Fallback, least = 1, most = Number.MAX_SAFE_INTEGER): number | Fallback {
    if (!this.has(name)) return fallback
    const value = this.record[name]
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
    const upTo = most === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${most}`
    throw this.wrong(name, `a whole number of at least ${least}${upTo}`)
  }

  number<Fallback>(name: string, fallback: Fallback): number | Fallback {
    if (!this.has(name)) return fallback
    const value = this.record[name]
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
    throw this.wrong(name, 'a number over zero')
  }

  string<Fallback>(name: string, fallback: Fallback): string | Fallback {
    if (!this.has(name)) return fallback
    const value = this.record[name]
    if (typeof value === 'string') return value
    throw this.wrong(name, 'a string')
  }

  boolean(name: string, fallback: boolean): boolean {
    if (!this.has(name)) return fallback
    const value = this.record[name]
    if (typeof value === 'boolean') return value
    throw this.wrong(name, 'true or false')
  }

  /** One whole number or a list of them; may be negative. */
  integers(name: string, fallback: readonly number[]): readonly number[] {
    if (!this.has(name)) return fallback
    const value = this.record[name]
    const list = Array.isArray(value) ? value : [value]
    if (list.length > 0 && list.every(each => Number.isSafeInteger(each))) return list as number[]
    throw this.wrong(name, 'a whole number or a list of them')
  }

  object(name: string): Fields | null {
    if (!this.has(name)) return null
    const value = this.record[name]
    if (isRecord(value)) return new Fields(this.path, `${this.where}.${name}`, value)
    throw this.wrong(name, 'an object')
  }

  wrong(name: string, right: string): KernelFailure {
    const came = this.has(name) ? JSON.stringify(this.record[name]) : 'absent'
    return new KernelFailure('MODEL_CORRUPT', {
      path: this.path,
      what: `${this.where}.${name} is ${came}; ${right} is needed.`,
    })
  }

  unsupported(what: string): KernelFailure {
    return new KernelFailure('MODEL_UNSUPPORTED', { path: this.path, what })
  }
}
