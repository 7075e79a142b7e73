import type { JsonSchema } from './node.js'

export type Read<T> = (value: unknown, at: string, reader: Reader) => T

/**
 * Reads parsed JSON of unknown make. Keeps the first problem with its JSON pointer and goes on with harmless values,
 * so that a reader of nodes need not test after every field; the caller looks at `problem` at the end.
 */
export class Reader {
  problem: { readonly pointer: string; readonly message: string } | null = null

  refuse(pointer: string, message: string): void {
    this.problem ??= { pointer, message }
  }

  text(value: unknown, at: string): string {
    return typeof value === 'string' ? value : this.#wrong(at, 'a string', value, '')
  }

  number(value: unknown, at: string): number {
    return typeof value === 'number' ? value : this.#wrong(at, 'a number', value, 0)
  }

  oneOf<const T extends readonly [string, ...string[]]>(value: unknown, at: string, allowed: T): T[number] {
    if (typeof value === 'string' && allowed.includes(value)) return value
    return this.#wrong(at, allowed.map(each => JSON.stringify(each)).join(' or '), value, allowed[0])
  }

  array<T>(value: unknown, at: string, read: Read<T>): readonly T[] {
    const items = Array.isArray(value) ? (value as readonly unknown[]) : this.#wrong(at, 'an array', value, [])
    return items.map((item, index) => read(item, `${at}/${index}`, this))
  }

  object<T>(value: unknown, at: string, read: (fields: Reading) => T): T {
    return read(new Reading(this.plain(value, at), at, this))
  }

  plain(value: unknown, at: string): Readonly<Record<string, unknown>> {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : this.#wrong(at, 'an object', value, {})
  }

  #wrong<T>(at: string, right: string, value: unknown, instead: T): T {
    const came = value === undefined ? 'is missing' : `is ${JSON.stringify(value)?.slice(0, 60)}`
    this.refuse(at, `${came}; it must be ${right}`)
    return instead
  }
}

/** The fields of one object. */
export class Reading {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #at: string
  readonly #reader: Reader

  constructor(fields: Readonly<Record<string, unknown>>, at: string, reader: Reader) {
    this.#fields = fields
    this.#at = at
    this.#reader = reader
  }

  text = (name: string): string => this.#reader.text(this.#value(name), this.#path(name))
  number = (name: string): number => this.#reader.number(this.#value(name), this.#path(name))
  plain = (name: string): Readonly<Record<string, unknown>> => this.#reader.plain(this.#value(name), this.#path(name))

  oneOf<const T extends readonly [string, ...string[]]>(name: string, allowed: T): T[number] {
    return this.#reader.oneOf(this.#value(name), this.#path(name), allowed)
  }

  array<T>(name: string, read: Read<T>): readonly T[] {
    return this.#reader.array(this.#value(name), this.#path(name), read)
  }

  objects<T>(name: string, read: (fields: Reading) => T): readonly T[] {
    return this.array(name, (value, at, reader) => reader.object(value, at, read))
  }

  record<T>(name: string, read: Read<T>): Readonly<Record<string, T>> {
    const entries = Object.entries(this.plain(name))
    return Object.fromEntries(
      entries.map(([key, value]) => [key, read(value, `${this.#path(name)}/${key}`, this.#reader)]),
    )
  }

  nullable<T>(name: string, read: (fields: Reading) => T): T | null {
    const value = this.#value(name)
    return value === null ? null : this.#reader.object(value, this.#path(name), read)
  }

  nullableText = (name: string): string | null => (this.#value(name) === null ? null : this.text(name))
  nullableNumber = (name: string): number | null => (this.#value(name) === null ? null : this.number(name))

  schema(name: string): JsonSchema {
    const value = this.#value(name)
    return typeof value === 'boolean' ? value : this.plain(name)
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
  }

  #path(name: string): string {
    return `${this.#at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
}
